// Gradient clipping, by libtorch's foreach kernels in PyTorch's order of operations.
import { TrainingError, UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { noGrad } from "../grad-mode.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { checkNumber } from "./options.ts";

const addScalar = rawOp("add", "Scalar");
const clampMax = rawOp("clamp_max");
const clampMaxForeach = rawOp("_foreach_clamp_max_", "Scalar");
const clampMinForeach = rawOp("_foreach_clamp_min_", "Scalar");
const mulForeach = rawOp("_foreach_mul_", "Tensor");
const mulScalar = rawOp("mul", "Scalar");
const normForeach = rawOp("_foreach_norm", "Scalar");
const reciprocal = rawOp("reciprocal");
const stack = rawOp("stack");
const vectorNorm = rawOp("linalg_vector_norm");
const zeros = rawOp("zeros");

const float32 = 6;

/** Options of `clipGradNorm_`. */
export interface ClipGradNormOptions {
  /** Order of the norm; `Infinity` is the largest magnitude. @default 2 */
  normType?: number;
  /** Throws when the norm is infinite or not a number, instead of clipping with it. @default false */
  errorIfNonfinite?: boolean;
}

/**
 * Scales the gradients in place so that their norm, taken as one vector, is at most `maxNorm`.
 * Returns the norm before clipping, as a tensor: reading it with `item()` waits for the device.
 *
 * @example
 * const w = torch.zeros([2], { requiresGrad: true });
 * w.mul(torch.tensor([3, 4])).sum().backward();
 * optim.clipGradNorm_([w], 1).item(); // => 5
 */
export function clipGradNorm_(
  params: Iterable<Tensor> | Tensor,
  maxNorm: number,
  { normType = 2, errorIfNonfinite = false }: ClipGradNormOptions = {},
): Tensor {
  if (!(maxNorm >= 0)) throw new UsageError(`clipGradNorm_: maxNorm must be a number >= 0, got ${maxNorm}.`);
  return scope(() =>
    noGrad(() => {
      const gradients = gradientsOf(params);
      if (gradients.length === 0) return wrap(zeros([], float32) as number);
      const total = wrap(totalNorm(gradients, normType));
      if (errorIfNonfinite && !Number.isFinite(total.item())) {
        throw new TrainingError(
          `clipGradNorm_: the norm of the gradients must be finite, got ${total.item()}. ` +
            `Lower the learning rate, or find the loss that is not finite.`,
        );
      }
      // max / (norm + 1e-6), never above 1; without a branch, as that would wait for the device
      const scale = mulScalar(reciprocal(addScalar(total.handle, 1e-6)), maxNorm) as number;
      const atMostOne = clampMax(scale, 1) as number;
      mulForeach(gradients, atMostOne);
      return total;
    }),
  );
}

/** Limits every element of the gradients, in place, to `[-clipValue, clipValue]`. */
export function clipGradValue_(params: Iterable<Tensor> | Tensor, clipValue: number): void {
  checkNumber("clipGradValue_", "clipValue", clipValue, { min: 0 });
  scope(() =>
    noGrad(() => {
      const gradients = gradientsOf(params);
      if (gradients.length === 0) return;
      clampMinForeach(gradients, -clipValue);
      clampMaxForeach(gradients, clipValue);
    }),
  );
}

function totalNorm(gradients: readonly number[], order: number): number {
  const norms = normForeach(gradients, order) as number[];
  return vectorNorm(stack(norms), order) as number;
}

function gradientsOf(params: Iterable<Tensor> | Tensor): number[] {
  const list = params instanceof Tensor ? [params] : [...params];
  return native.grads(list.map((param) => param.handle)).filter((handle) => handle !== 0);
}
