// A look inside of tensors that a transform wraps.
import { wrap } from "../binding.ts";
import { native } from "../native.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Returns what a tensor inside of transforms holds: under `vmap` the whole batch; any other tensor itself. To look at
 * values while debugging: computing on with them is undefined.
 *
 * @example
 * torch.func.vmap((row: Tensor) => {
 *   torch.func.debugUnwrap(row).shape; // => [2, 3]
 *   return row;
 * })(torch.ones([2, 3]));
 */
export function debugUnwrap(
  tensor: Tensor,
  {
    recurse = true,
  }: {
    /** Goes through all levels, not one alone. @default true */
    recurse?: boolean;
  } = {},
): Tensor {
  const inner = native.unwrapOnce(tensor.handle);
  if (inner === 0) return tensor;
  return recurse ? debugUnwrap(wrap(inner)) : wrap(inner);
}
