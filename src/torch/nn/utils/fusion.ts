// Batch norms folded into the layer before them, for evaluation, as torch.nn.utils.fusion does.
import { UsageError } from "../../../base/index.ts";
import { noGrad } from "../../grad-mode.ts";
import type { Tensor } from "../../tensor.ts";
import type { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "../batch-norm.ts";
import type {
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "../convolution.ts";
import { deepCopy } from "../deep-copy.ts";
import type { Linear } from "../linear.ts";
import type { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";

type Convolution = Conv1d | Conv2d | Conv3d | ConvTranspose1d | ConvTranspose2d | ConvTranspose3d;
type BatchNorm = BatchNorm1d | BatchNorm2d | BatchNorm3d;

/** What a batch norm does to its channels: its statistics, and its weights where it has any. */
export interface NormTensors {
  /** `[channels]`. */
  running_mean: Tensor | null;
  /** `[channels]`. */
  running_var: Tensor | null;
  eps: number;
  weight: Tensor | null;
  bias: Tensor | null;
}

/**
 * Returns a copy of a convolution that computes what it and the batch norm behind it do in evaluation. Both must be in
 * evaluation mode. Give `transpose: true` for a transposed convolution, whose weight has the output channels second.
 *
 * @example
 * const conv = new nn.Conv2d(3, 4, 3).eval();
 * nn.utils.fuseConvBnEval(conv, new nn.BatchNorm2d(4).eval()).forward(torch.ones([1, 3, 5, 5])).shape; // => [1, 4, 3, 3]
 */
export function fuseConvBnEval<Conv extends Convolution>(
  conv: Conv,
  norm: BatchNorm,
  { transpose = false }: { transpose?: boolean } = {},
): Conv {
  demandEvaluation("fuseConvBnEval", conv, norm);
  const weights = fuseConvBnWeights(conv.weight, conv.bias, norm, { transpose });
  return withWeights<Module>(conv, weights) as Conv;
}

/** Returns weight and bias of a convolution with a batch norm folded in; see `fuseConvBnEval`. */
export function fuseConvBnWeights(
  weight: Tensor,
  bias: Tensor | null,
  norm: NormTensors,
  { transpose = false }: { transpose?: boolean } = {},
): [weight: Parameter, bias: Parameter] {
  return fuse("fuseConvBnWeights", { weight, bias, norm, channelDim: transpose ? 1 : 0 });
}

/**
 * Returns a copy of a linear layer that computes what it and the batch norm behind it do in evaluation. Both must be
 * in evaluation mode, and the norm must have one channel, or one for each output.
 */
export function fuseLinearBnEval(linear: Linear, norm: BatchNorm): Linear {
  demandEvaluation("fuseLinearBnEval", linear, norm);
  if (norm.numFeatures !== linear.outFeatures && norm.numFeatures !== 1) {
    throw new UsageError(
      `fuseLinearBnEval: the norm must have 1 feature or the layer's ${linear.outFeatures}, got ${norm.numFeatures}.`,
    );
  }
  return withWeights(linear, fuseLinearBnWeights(linear.weight, linear.bias, norm));
}

/** Returns weight and bias of a linear layer with a batch norm folded in; see `fuseLinearBnEval`. */
export function fuseLinearBnWeights(
  weight: Tensor,
  bias: Tensor | null,
  norm: NormTensors,
): [weight: Parameter, bias: Parameter] {
  return fuse("fuseLinearBnWeights", { weight, bias, norm, channelDim: 0 });
}

interface Fusion {
  weight: Tensor;
  bias: Tensor | null;
  norm: NormTensors;
  /** Which dimension of the weight counts the output channels. */
  channelDim: number;
}

function fuse(where: string, { weight, bias, norm, channelDim }: Fusion): [Parameter, Parameter] {
  const { running_mean: mean, running_var: variance, eps } = norm;
  if (mean === null || variance === null) {
    throw new UsageError(`${where}: the norm must have running statistics, got none. Train it with them.`);
  }
  return noGrad(() => {
    const deviation = variance.add(eps).rsqrt();
    const scale = norm.weight === null ? deviation : norm.weight.mul(deviation);
    const perChannel = weight.shape.map((_, dim) => (dim === channelDim ? -1 : 1));
    const shifted = (bias === null ? mean.neg() : bias.sub(mean)).mul(scale);
    const fusedBias = norm.bias === null ? shifted : shifted.add(norm.bias);
    return [
      new Parameter(weight.mul(scale.reshape(perChannel)).to(weight.dtype), {
        requiresGrad: weight.requiresGrad,
      }),
      new Parameter(fusedBias.to(bias?.dtype ?? weight.dtype), { requiresGrad: bias?.requiresGrad ?? false }),
    ];
  });
}

function withWeights<Layer extends Module>(layer: Layer, [weight, bias]: [Parameter, Parameter]): Layer {
  return Object.assign(deepCopy(layer), { weight, bias });
}

function demandEvaluation(where: string, layer: Module, norm: Module): void {
  if (!layer.training && !norm.training) return;
  throw new UsageError(`${where}: layer and norm must be in evaluation mode. Call eval() on both.`);
}
