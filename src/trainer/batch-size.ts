// How many rows a batch has.
import { UsageError } from "../base/index.ts";
import { tensorsIn } from "../torch/index.ts";

/** Reads the first dimension of the first tensor in a batch, as Lightning does. */
export function batchSizeOf(batch: unknown): number {
  for (const tensor of tensorsIn(batch)) if (tensor.ndim > 0) return tensor.shape[0]!;
  throw new UsageError(
    "train: a batch must hold a tensor whose first dimension counts its rows, and none was found. Let collate return tensors.",
  );
}
