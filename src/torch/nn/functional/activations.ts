// Activations of torch.nn.functional. Most are the generated operators with PyTorch's option `inplace`.
import { isOptions, named } from "../../operator-arguments.ts";
import * as torch from "../../ops.generated.ts";
import type { Dtype } from "../../dtype.ts";
import type { Tensor } from "../../tensor.ts";

const ops = torch.nnFunctional;

/** Options of functions that can write into their input. */
export interface InplaceOptions {
  /** Overwrites the input. @default false */
  inplace?: boolean;
}

/** An activation with settings by position or by name. */
export interface Activation<Positional extends readonly unknown[], Options> {
  (x: Tensor, ...settings: Partial<Positional>): Tensor;
  (x: Tensor, options: Options & InplaceOptions): Tensor;
}

/** Computes `max(0, x)`. */
export const relu: Activation<[], object> = inplaceable("relu", torch.relu, torch.relu_);
/** Computes `min(max(0, x), 6)`. */
export const relu6: Activation<[], object> = inplaceable("relu6", ops.relu6, ops.relu6_);
/** Computes `x` above zero and `alpha * (exp(x) - 1)` below (Clevert et al., 2016). */
export const elu: Activation<[alpha: number], { alpha?: number }> = inplaceable("elu", ops.elu, ops.elu_);
/** Computes the self-normalising ELU (Klambauer et al., 2017). */
export const selu: Activation<[], object> = inplaceable("selu", torch.selu, torch.selu_);
/** Computes `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))` (Barron, 2017). */
export const celu: Activation<[alpha: number], { alpha?: number }> = inplaceable(
  "celu",
  torch.celu,
  torch.celu_,
);
/** Computes `x` above zero and `negativeSlope * x` below. */
export const leakyRelu: Activation<[negativeSlope: number], { negativeSlope?: number }> = inplaceable(
  "leakyRelu",
  ops.leakyRelu,
  ops.leakyRelu_,
);
/** Computes a leaky ReLU whose slope is drawn from U(lower, upper) while training (Xu et al., 2015). */
export const rrelu: Activation<
  [lower: number, upper: number, training: boolean],
  { lower?: number; upper?: number; training?: boolean }
> = inplaceable("rrelu", torch.rrelu, torch.rrelu_);
/** Cuts `x` off at `minVal` and `maxVal`. */
export const hardtanh: Activation<[minVal: number, maxVal: number], { minVal?: number; maxVal?: number }> =
  inplaceable("hardtanh", ops.hardtanh, ops.hardtanh_);
/** Computes `min(max(0, x + 3), 6) / 6`. */
export const hardsigmoid: Activation<[], object> = inplaceable(
  "hardsigmoid",
  ops.hardsigmoid,
  ops.hardsigmoid_,
);
/** Computes `x * hardsigmoid(x)` (Howard et al., 2019). */
export const hardswish: Activation<[], object> = inplaceable("hardswish", ops.hardswish, ops.hardswish_);
/** Computes `x * sigmoid(x)`. */
export const silu: Activation<[], object> = inplaceable("silu", ops.silu, ops.silu_);
/** Computes `x * tanh(softplus(x))` (Misra, 2019). */
export const mish: Activation<[], object> = inplaceable("mish", ops.mish, ops.mish_);

/** Computes `x` above `threshold` and `value` elsewhere. */
export function threshold(
  x: Tensor,
  limit: number,
  value: number,
  { inplace = false }: InplaceOptions = {},
): Tensor {
  return (inplace ? torch.threshold_ : torch.threshold)(x, limit, value);
}

/** Computes `x / (1 + |x|)`. */
export function softsign(x: Tensor): Tensor {
  return x.div(x.abs().add(1));
}

/** Computes `x - tanh(x)`. */
export function tanhshrink(x: Tensor): Tensor {
  return x.sub(x.tanh());
}

/** Computes `softmax(-x)` over one dimension. */
export function softmin(x: Tensor, dim: number, dtype?: Dtype): Tensor {
  return torch.softmax(x.neg(), dim, dtype);
}

/** Computes the first half of `x` times the sigmoid of the second (Dauphin et al., 2017). */
export function glu(x: Tensor, dim = -1): Tensor {
  return ops.glu(x, dim);
}

/** Options of `gumbelSoftmax`. */
export interface GumbelSoftmaxOptions {
  /** Temperature; near 0 the result is nearly one-hot. @default 1 */
  tau?: number;
  /** Gives one-hot vectors forward and the soft ones' gradient backward. @default false */
  hard?: boolean;
  /** @default -1 */
  dim?: number;
}

/** Draws from the Gumbel-softmax distribution (Jang et al., 2017). */
export function gumbelSoftmax(
  logits: Tensor,
  { tau = 1, hard = false, dim = -1 }: GumbelSoftmaxOptions = {},
): Tensor {
  const gumbels = torch.emptyLike(logits, { memoryFormat: "contiguous" }).exponential_().log().neg();
  const soft = torch.softmax(logits.add(gumbels).div(tau), dim);
  if (!hard) return soft;
  const index = soft.argmax(dim, true);
  const oneHot = torch.zerosLike(logits, { memoryFormat: "contiguous" }).scatter_(dim, index, 1);
  return oneHot.sub(soft.detach()).add(soft); // straight through
}

type Operator = (...args: any[]) => Tensor;

function inplaceable(
  name: string,
  plain: Operator,
  changing: Operator,
): (x: Tensor, ...settings: any[]) => Tensor {
  return (x, ...settings) => {
    const options: unknown = settings.at(-1);
    if (!isOptions(options)) return plain(x, ...settings);
    const { inplace = false, ...rest } = options as InplaceOptions;
    const operator = inplace ? changing : plain;
    if (operator.length > 1) return operator(x, ...settings.slice(0, -1), rest);
    named(`nn.functional.${name}`, rest, []); // an operator without settings looks at none
    return operator(x);
  };
}
