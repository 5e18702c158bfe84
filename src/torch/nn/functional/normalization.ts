// Normalisation of torch.nn.functional whose arguments differ from the operator's.
import { ShapeError } from "../../../base/index.ts";
import * as torch from "../../ops.generated.ts";
import type { Tensor } from "../../tensor.ts";

/** Options of `batchNorm` and `instanceNorm`. */
export interface NormOptions {
  weight?: Tensor | null | undefined;
  bias?: Tensor | null | undefined;
  /** Share of the new statistics in the running ones. @default 0.1 */
  momentum?: number;
  /** Added to the variance. @default 1e-5 */
  eps?: number;
}

/** Normalises each channel over the batch (Ioffe and Szegedy, 2015); `training` uses and records the batch's statistics. */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  {
    weight = null,
    bias = null,
    training = false,
    momentum = 0.1,
    eps = 1e-5,
  }: NormOptions & { training?: boolean } = {},
): Tensor {
  if (training)
    demandSeveral("batchNorm", "value per channel", x.shape, [x.shape[0] ?? 1, ...x.shape.slice(2)]);
  return torch.batchNorm(x, weight, bias, runningMean, runningVar, training, momentum, eps, true);
}

/** Normalises each channel of each item (Ulyanov et al., 2016). */
export function instanceNorm(
  x: Tensor,
  {
    runningMean = null,
    runningVar = null,
    weight = null,
    bias = null,
    useInputStats = true,
    momentum = 0.1,
    eps = 1e-5,
  }: NormOptions & {
    runningMean?: Tensor | null | undefined;
    runningVar?: Tensor | null | undefined;
    /** Uses the input's statistics, not the running ones. @default true */
    useInputStats?: boolean;
  } = {},
): Tensor {
  if (useInputStats) demandSeveral("instanceNorm", "spatial element", x.shape, x.shape.slice(2));
  return torch.instanceNorm(x, weight, bias, runningMean, runningVar, useInputStats, momentum, eps, true);
}

/** Options of `localResponseNorm`. */
export interface LocalResponseNormOptions {
  /** @default 1e-4 */
  alpha?: number;
  /** @default 0.75 */
  beta?: number;
  /** @default 1 */
  k?: number;
}

/** Divides by the energy of `size` neighbouring channels (Krizhevsky et al., 2012). */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {},
): Tensor {
  const { shape } = x;
  const [items, channels, length] = shape;
  if (items === undefined || channels === undefined || length === undefined) {
    throw new ShapeError(
      `nn.functional.localResponseNorm: the input must have at least 3 dimensions, got shape [${shape.join(", ")}].`,
    );
  }
  const before = Math.floor(size / 2);
  const after = Math.floor((size - 1) / 2);
  const squares = x.mul(x).view([items, 1, channels, length, -1]);
  const padded = torch.nnFunctional.pad(squares, [0, 0, 0, 0, before, after]);
  const energy = torch.nnFunctional.avgPool3d(padded, [size, 1, 1], { stride: 1 }).view(shape);
  return x.div(energy.mul(alpha).add(k).pow(beta));
}

/** Divides by the `p` norm over one dimension, which is at least `eps`. */
export function normalize(
  x: Tensor,
  { p = 2, dim = 1, eps = 1e-12 }: { p?: number; dim?: number | readonly number[]; eps?: number } = {},
): Tensor {
  const dims = typeof dim === "number" ? [dim] : dim;
  return x.div(torch.norm(x, p, dims, true).clampMin(eps).expandAs(x));
}

function demandSeveral(
  name: string,
  what: string,
  shape: readonly number[],
  counted: readonly number[],
): void {
  if (counted.reduce((product, length) => product * length, 1) !== 1) return;
  throw new ShapeError(
    `nn.functional.${name}: needs more than 1 ${what} to take statistics of, got shape [${shape.join(", ")}]. ` +
      "Give it a larger input, or evaluate with running statistics.",
  );
}
