// torch.utils: what stands beside the tensors.
export { checkpoint, checkpointSequential } from "./checkpoint.ts";
export type { CheckpointOptions } from "./checkpoint.ts";
export * as data from "./data/index.ts";
export * as flopCounter from "./flop-counter.ts";
