// Batch norms that transforms can go through; after torch/_functorch/batch_norm_replacement.py.
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "../nn/index.ts";
import type { Module } from "../nn/index.ts";

/**
 * Takes the running statistics off every batch norm in `root`, in place, and returns it: they would be changed in place,
 * which `vmap` refuses. The layers then always normalise by the batch.
 *
 * @example
 * const model = torch.func.replaceAllBatchNormModules_(new torch.nn.Sequential(new torch.nn.BatchNorm1d(3)));
 * [...model.namedBuffers()].length; // => 0
 */
export function replaceAllBatchNormModules_<M extends Module>(root: M): M {
  for (const module of root.modules()) {
    const isBatchNorm = [BatchNorm1d, BatchNorm2d, BatchNorm3d].some((kind) => module instanceof kind);
    if (!isBatchNorm) continue;
    for (const name of ["running_mean", "running_var", "num_batches_tracked"]) {
      module.registerBuffer(name, null);
    }
  }
  return root;
}
