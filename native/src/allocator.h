// Memory of tensors on the CPU.
#pragma once

namespace sconce {

/** Gives the memory of blocks that are free back to the system. */
void trim_arena();

}  // namespace sconce
