// Gradient clipping, by libtorch's foreach kernels in PyTorch's order of operations.
import { TrainingError, UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { noGrad } from "../grad-mode.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkNumber } from "./options.ts";
import { handleOf } from "./optimizer.ts";

const addScalar = rawOp("add", "Scalar");
const clampMax = rawOp("clamp_max");
const mulScalar = rawOp("mul", "Scalar");
const reciprocal = rawOp("reciprocal");
const stack = rawOp("stack");
const toDevice = rawOp("to", "device");
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
  options: ClipGradNormOptions = {},
): Tensor {
  checkMaxNorm("clipGradNorm_", maxNorm);
  return scope(() =>
    noGrad(() => {
      const gradients = gradientsOf(params);
      const total = normOf("clipGradNorm_", gradients, options);
      scaleTo(gradients, maxNorm, total);
      return total;
    }),
  );
}

/** Returns the norm of tensors, taken as one vector: of gradients, for `clipGradsWithNorm_`. */
export function getTotalNorm(tensors: Iterable<Tensor> | Tensor, options: ClipGradNormOptions = {}): Tensor {
  const list = tensors instanceof Tensor ? [tensors] : [...tensors];
  return scope(() => noGrad(() => normOf("getTotalNorm", list.map(handleOf), options)));
}

/** Scales the gradients in place as `clipGradNorm_` does, by a norm that was computed before. */
export function clipGradsWithNorm_(
  params: Iterable<Tensor> | Tensor,
  maxNorm: number,
  totalNorm: Tensor,
): void {
  checkMaxNorm("clipGradsWithNorm_", maxNorm);
  scope(() => noGrad(() => scaleTo(gradientsOf(params), maxNorm, totalNorm)));
}

/** Limits every element of the gradients, in place, to `[-clipValue, clipValue]`. */
export function clipGradValue_(params: Iterable<Tensor> | Tensor, clipValue: number): void {
  checkNumber("clipGradValue_", "clipValue", clipValue, { min: 0 });
  scope(() =>
    noGrad(() => {
      const gradients = gradientsOf(params);
      if (gradients.length === 0) return;
      foreach.clampMin_(gradients, -clipValue);
      foreach.clampMax_(gradients, clipValue);
    }),
  );
}

function checkMaxNorm(where: string, maxNorm: number): void {
  if (!(maxNorm >= 0)) throw new UsageError(`${where}: maxNorm must be a number >= 0, got ${maxNorm}.`);
}

function normOf(
  where: string,
  tensors: readonly number[],
  { normType = 2, errorIfNonfinite = false }: ClipGradNormOptions,
): Tensor {
  if (typeof normType !== "number" || Number.isNaN(normType)) {
    throw new UsageError(`${where}: normType must be a number or Infinity, got ${String(normType)}.`);
  }
  if (tensors.length === 0) return wrap(zeros([], float32) as number);
  // norms on several devices come together on that of the first
  const norms = (foreach.norm(tensors, normType) as number[]).map((norm) => onDevice(norm, tensors[0]!));
  const total = wrap(vectorNorm(stack(norms), normType) as number);
  if (errorIfNonfinite && !Number.isFinite(total.item())) {
    throw new TrainingError(
      `${where}: the norm of the gradients must be finite, got ${total.item()}. ` +
        `Lower the learning rate, or find the loss that is not finite.`,
    );
  }
  return total;
}

/** Multiplies by max / (norm + 1e-6), never above 1; without a branch, as that would wait for the device. */
function scaleTo(gradients: readonly number[], maxNorm: number, total: Tensor): void {
  if (gradients.length === 0) return;
  const scale = mulScalar(reciprocal(addScalar(total.handle, 1e-6)), maxNorm) as number;
  const atMostOne = clampMax(scale, 1) as number;
  const byDevice = new Map<string, number[]>();
  for (const gradient of gradients) {
    const device = native.device(gradient);
    const list = byDevice.get(device);
    if (list === undefined) byDevice.set(device, [gradient]);
    else list.push(gradient);
  }
  for (const list of byDevice.values()) foreach.mulTensor_(list, onDevice(atMostOne, list[0]!));
}

function onDevice(tensor: number, other: number): number {
  const device = native.device(other);
  return native.device(tensor) === device
    ? tensor
    : (toDevice(tensor, device, native.dtype(tensor)) as number);
}

function gradientsOf(params: Iterable<Tensor> | Tensor): number[] {
  const list = params instanceof Tensor ? [params] : [...params];
  return native.gradValues(list.map((param) => param.handle)).filter((handle) => handle !== 0);
}
