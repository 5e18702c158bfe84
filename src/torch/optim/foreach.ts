// libtorch's operators over lists of tensors, by handle. A trailing _ changes the first list in place.
import { rawOp } from "../raw.ts";
import type { RawOp } from "../raw.ts";

/**
 * Operators over lists. `List` and `Each` say that the other operand is a list too, of tensors or of numbers;
 * `Scalar` that it is one number. Trailing numbers are factors: `addList(a, b, alpha)` is `a + alpha * b`.
 */
export const foreach = {
  abs: rawOp("_foreach_abs"),
  abs_: rawOp("_foreach_abs_"),
  addScalar: rawOp("_foreach_add", "Scalar"),
  addScalar_: rawOp("_foreach_add_", "Scalar"),
  addEach_: rawOp("_foreach_add_", "ScalarList"),
  addList: rawOp("_foreach_add", "List"),
  addList_: rawOp("_foreach_add_", "List"),
  addcdiv_: rawOp("_foreach_addcdiv_", "Scalar"),
  addcdivEach_: rawOp("_foreach_addcdiv_", "ScalarList"),
  addcmul: rawOp("_foreach_addcmul", "Scalar"),
  addcmul_: rawOp("_foreach_addcmul_", "Scalar"),
  clampMax_: rawOp("_foreach_clamp_max_", "Scalar"),
  clampMin_: rawOp("_foreach_clamp_min_", "Scalar"),
  copy_: rawOp("_foreach_copy_"),
  divScalar: rawOp("_foreach_div", "Scalar"),
  divEach_: rawOp("_foreach_div_", "ScalarList"),
  divList: rawOp("_foreach_div", "List"),
  divList_: rawOp("_foreach_div_", "List"),
  lerp_: rawOp("_foreach_lerp_", "Scalar"),
  lerpEach_: rawOp("_foreach_lerp_", "ScalarList"),
  maximum_: rawOp("_foreach_maximum_", "List"),
  mulScalar: rawOp("_foreach_mul", "Scalar"),
  mulScalar_: rawOp("_foreach_mul_", "Scalar"),
  mulEach_: rawOp("_foreach_mul_", "ScalarList"),
  mulList: rawOp("_foreach_mul", "List"),
  mulList_: rawOp("_foreach_mul_", "List"),
  mulTensor_: rawOp("_foreach_mul_", "Tensor"),
  neg: rawOp("_foreach_neg"),
  neg_: rawOp("_foreach_neg_"),
  norm: rawOp("_foreach_norm", "Scalar"),
  powScalar_: rawOp("_foreach_pow_", "Scalar"),
  reciprocal_: rawOp("_foreach_reciprocal_"),
  rsqrt: rawOp("_foreach_rsqrt"),
  rsqrt_: rawOp("_foreach_rsqrt_"),
  sign: rawOp("_foreach_sign"),
  sign_: rawOp("_foreach_sign_"),
  sqrt: rawOp("_foreach_sqrt"),
  sqrt_: rawOp("_foreach_sqrt_"),
  subList: rawOp("_foreach_sub", "List"),
  zero_: rawOp("_foreach_zero_"),
} satisfies Record<string, RawOp>;

/** Returns the gradients to descend along: turned around to climb, with the pull of the weights added. */
export function descent(
  { maximize = false, weightDecay = 0 }: { maximize?: boolean; weightDecay?: number },
  params: readonly number[],
  gradients: readonly number[],
): readonly number[] {
  const directed = maximize ? (foreach.neg(gradients) as number[]) : gradients;
  return weightDecay === 0 ? directed : (foreach.addList(directed, params, weightDecay) as number[]);
}
