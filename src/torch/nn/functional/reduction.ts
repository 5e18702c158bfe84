// How losses are reduced.
import { UsageError, suggestion } from "../../../base/index.ts";
import type { Tensor } from "../../tensor.ts";

/** How a loss is reduced over its items. */
export type Reduction = "none" | "mean" | "sum";

const codes: Readonly<Record<Reduction, number>> = { none: 0, mean: 1, sum: 2 };

/** Returns the operators' number of a reduction. */
export function reductionCode(reduction: Reduction): number {
  const code = codes[reduction];
  if (code === undefined)
    throw new UsageError(
      `reduction: unknown name "${reduction}". ${suggestion(reduction, Object.keys(codes))}`,
    );
  return code;
}

/** Reduces the loss of each item. */
export function reduce(loss: Tensor, reduction: Reduction): Tensor {
  const code = reductionCode(reduction);
  return code === codes.mean ? loss.mean() : code === codes.sum ? loss.sum() : loss;
}
