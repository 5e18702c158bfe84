// Which modules of a model are in training mode: frozen parts may stay in evaluation mode.
import type { nn } from "../torch/index.ts";

/** Returns what puts every module of a model back into the mode that it is in now. */
export function rememberModes(model: nn.Module): () => void {
  const modes = Array.from(model.modules(), (module) => [module, module.training] as const);
  return () => {
    for (const [module, mode] of modes) module.training = mode;
  };
}
