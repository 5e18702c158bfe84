// Attention as a function.
import { wrap } from "../../binding.ts";
import { native } from "../../native.ts";
import { isTensor } from "../../operator-arguments.ts";
import { nnFunctional } from "../../ops.generated.ts";
import type { Tensor } from "../../tensor.ts";

/** Options of `scaledDotProductAttention`. */
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
 * Computes `softmax(q k^T * scale + mask) v` (Vaswani et al., 2017) with libtorch's best kernel,
 * or with ours for short sequences on the CPU, which draws the same dropout.
 *
 * Shapes: `q [batch, heads, query, head]`, `k, v [batch, heads, key, head]` -> `[batch, heads, query, head]`.
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { attnMask, dropoutP = 0, isCausal = false, scale }: AttentionOptions = {},
): Tensor {
  if (isTensor(q) && isTensor(k) && isTensor(v) && (attnMask === undefined || isTensor(attnMask))) {
    const mask = attnMask?.handle ?? null;
    const short = native.scaledDotProductAttention(
      q.handle,
      k.handle,
      v.handle,
      mask,
      dropoutP,
      isCausal,
      scale,
    );
    if (short !== 0) return wrap(short);
  }
  return nnFunctional.scaledDotProductAttention(q, k, v, {
    attnMask: attnMask ?? null,
    dropoutP,
    isCausal,
    ...(scale !== undefined && { scale }),
  });
}
