// Functions of torch.nn.functional whose arguments differ from the operator's. The rest is generated.
import { UsageError, suggestion } from "../../base/index.ts";
import { nnFunctional } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";

/** How a loss is reduced over its items. */
export type Reduction = "none" | "mean" | "sum";

const reductions: Readonly<Record<Reduction, number>> = { none: 0, mean: 1, sum: 2 };

export interface CrossEntropyOptions {
  /** Weight of each class, `[classes]`. */
  weight?: Tensor;
  /** @default "mean" */
  reduction?: Reduction;
  /** Targets with this value count for nothing. @default -100 */
  ignoreIndex?: number;
  /** Share of the target spread over all classes, in [0, 1). @default 0 */
  labelSmoothing?: number;
}

/**
 * Computes the cross entropy of `softmax(logits)` and the target classes.
 *
 * Shapes: `logits [items, classes, ...]`, `target [items, ...]` of int64 -> `[]`, or `[items, ...]` unreduced.
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { weight, reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  return nnFunctional.crossEntropyLoss(
    logits,
    target,
    weight ?? null,
    reductionCode(reduction),
    ignoreIndex,
    labelSmoothing,
  );
}

export interface AttentionOptions {
  /** Boolean (true = attend) or added to the scores; broadcast to `[batch, heads, query, key]`. */
  attnMask?: Tensor | undefined;
  /** Dropout of the attention weights; give 0 outside training. @default 0 */
  dropoutP?: number;
  /** Lets a position attend only to itself and earlier ones. @default false */
  isCausal?: boolean;
  /** @default 1 / sqrt(head) */
  scale?: number;
}

/**
 * Computes `softmax(q k^T * scale + mask) v` (Vaswani et al., 2017) with libtorch's best kernel.
 *
 * Shapes: `q [batch, heads, query, head]`, `k, v [batch, heads, key, head]` -> `[batch, heads, query, head]`.
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { attnMask, dropoutP = 0, isCausal = false, scale }: AttentionOptions = {},
): Tensor {
  return nnFunctional.scaledDotProductAttention(q, k, v, {
    attnMask: attnMask ?? null,
    dropoutP,
    isCausal,
    ...(scale !== undefined && { scale }),
  });
}

/** Returns the operators' number of a reduction. */
export function reductionCode(reduction: Reduction): number {
  const code = reductions[reduction];
  if (code === undefined)
    throw new UsageError(
      `reduction: unknown name "${reduction}". ${suggestion(reduction, Object.keys(reductions))}`,
    );
  return code;
}

/** Everything of torch.nn.functional: the generated functions, and those above in place of theirs. */
export const functional = { ...nnFunctional, crossEntropy, scaledDotProductAttention } as const;
