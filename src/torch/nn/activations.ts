// Activation functions as modules, for nn.Sequential. In a forward, call the function itself.
import { UsageError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import * as torch from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import * as F from "./functional/activations.ts";
import type { InplaceOptions } from "./functional/activations.ts";
import { constant_ } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";
import { pythonFloat, repr } from "./repr.ts";

const { nnFunctional } = torch;

/** Can overwrite its input, which saves memory; the input must not be needed any more. */
abstract class InplaceActivation extends Module {
  readonly inplace: boolean;

  constructor(options: InplaceOptions = {}) {
    super();
    const { inplace = false } = named(new.target.name, options, ["inplace"]);
    this.inplace = inplace;
  }

  override extraRepr(): string {
    return this.withInplace({});
  }

  protected withInplace(settings: Readonly<Record<string, number>>): string {
    const floats = Object.entries(settings).map(([name, value]) => [name, pythonFloat(value)]);
    return repr({ ...Object.fromEntries(floats), inplace: this.inplace ? true : undefined });
  }
}

/** Computes `max(0, x)`. */
export class ReLU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.relu(x, { inplace: this.inplace });
  }
}

/** Computes `min(max(0, x), 6)`. */
export class ReLU6 extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.relu6(x, { inplace: this.inplace });
  }
}

/** Computes the self-normalising ELU (Klambauer et al., 2017). */
export class SELU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.selu(x, { inplace: this.inplace });
  }
}

/** Computes `x * sigmoid(x)`. */
export class SiLU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.silu(x, { inplace: this.inplace });
  }
}

/** Computes `x * tanh(softplus(x))` (Misra, 2019). */
export class Mish extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.mish(x, { inplace: this.inplace });
  }
}

/** Computes `x * hardsigmoid(x)` (Howard et al., 2019). */
export class Hardswish extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.hardswish(x, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return "";
  }
}

/** Computes `min(max(0, x + 3), 6) / 6`. */
export class Hardsigmoid extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.hardsigmoid(x, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return "";
  }
}

/** Computes `x` above zero and `alpha * (exp(x) - 1)` below (Clevert et al., 2016). */
export class ELU extends InplaceActivation {
  readonly alpha: number;

  constructor(alpha = 1, options: InplaceOptions = {}) {
    super(options);
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return F.elu(x, { alpha: this.alpha, inplace: this.inplace });
  }

  override extraRepr(): string {
    return this.withInplace({ alpha: this.alpha });
  }
}

/** Computes `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))` (Barron, 2017). */
export class CELU extends InplaceActivation {
  readonly alpha: number;

  constructor(alpha = 1, options: InplaceOptions = {}) {
    super(options);
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return F.celu(x, { alpha: this.alpha, inplace: this.inplace });
  }

  override extraRepr(): string {
    return this.withInplace({ alpha: this.alpha });
  }
}

/** Computes `x` above zero and `negativeSlope * x` below. */
export class LeakyReLU extends InplaceActivation {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01, options: InplaceOptions = {}) {
    super(options);
    this.negativeSlope = negativeSlope;
  }

  override forward(x: Tensor): Tensor {
    return F.leakyRelu(x, { negativeSlope: this.negativeSlope, inplace: this.inplace });
  }

  override extraRepr(): string {
    return this.withInplace({ negative_slope: this.negativeSlope });
  }
}

/** Cuts `x` off at `minVal` and `maxVal`. */
export class Hardtanh extends InplaceActivation {
  readonly minVal: number;
  readonly maxVal: number;

  constructor(minVal = -1, maxVal = 1, options: InplaceOptions = {}) {
    super(options);
    this.minVal = minVal;
    this.maxVal = maxVal;
  }

  override forward(x: Tensor): Tensor {
    return F.hardtanh(x, { minVal: this.minVal, maxVal: this.maxVal, inplace: this.inplace });
  }

  override extraRepr(): string {
    return this.withInplace({ min_val: this.minVal, max_val: this.maxVal });
  }
}

/** Computes a leaky ReLU whose slope is drawn from U(lower, upper) while training (Xu et al., 2015). */
export class RReLU extends InplaceActivation {
  readonly lower: number;
  readonly upper: number;

  constructor(lower = 1 / 8, upper = 1 / 3, options: InplaceOptions = {}) {
    super(options);
    this.lower = lower;
    this.upper = upper;
  }

  override forward(x: Tensor): Tensor {
    return F.rrelu(x, {
      lower: this.lower,
      upper: this.upper,
      training: this.training,
      inplace: this.inplace,
    });
  }

  override extraRepr(): string {
    return this.withInplace({ lower: this.lower, upper: this.upper });
  }
}

/** Computes `x` above `threshold` and `value` elsewhere. */
export class Threshold extends InplaceActivation {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number, options: InplaceOptions = {}) {
    super(options);
    this.threshold = threshold;
    this.value = value;
  }

  override forward(x: Tensor): Tensor {
    return F.threshold(x, this.threshold, this.value, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return this.withInplace({ threshold: this.threshold, value: this.value });
  }
}

/** Computes `1 / (1 + exp(-x))`. */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return torch.sigmoid(x);
  }
}

/** Computes `log(sigmoid(x))`. */
export class LogSigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return nnFunctional.logSigmoid(x);
  }
}

/** Computes `tanh(x)`. */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return torch.tanh(x);
  }
}

/** Computes `x - tanh(x)`. */
export class Tanhshrink extends Module {
  override forward(x: Tensor): Tensor {
    return F.tanhshrink(x);
  }
}

/** Computes `x / (1 + |x|)`. */
export class Softsign extends Module {
  override forward(x: Tensor): Tensor {
    return F.softsign(x);
  }
}

/** Computes `x` times the normal distribution function of `x`, or its tanh approximation (Hendrycks and Gimpel, 2016). */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  constructor(options: { approximate?: "none" | "tanh" } = {}) {
    super();
    const { approximate = "none" } = named(new.target.name, options, ["approximate"]);
    this.approximate = approximate;
  }

  override forward(x: Tensor): Tensor {
    return nnFunctional.gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** Computes `log(1 + exp(beta * x)) / beta`, and `x` itself where `beta * x` is above `threshold`. */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(beta = 1, threshold = 20) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }

  override forward(x: Tensor): Tensor {
    return nnFunctional.softplus(x, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return repr({ beta: pythonFloat(this.beta), threshold: pythonFloat(this.threshold) });
  }
}

/** Holds the half width of the gap around zero. */
abstract class Shrink extends Module {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }

  override extraRepr(): string {
    return pythonFloat(this.lambd);
  }
}

/** Computes `x`, and zero from `-lambd` to `lambd`. */
export class Hardshrink extends Shrink {
  override forward(x: Tensor): Tensor {
    return torch.hardshrink(x, this.lambd);
  }
}

/** Moves `x` by `lambd` towards zero, and to zero from `-lambd` to `lambd`. */
export class Softshrink extends Shrink {
  override forward(x: Tensor): Tensor {
    return nnFunctional.softshrink(x, this.lambd);
  }
}

/**
 * Computes `max(0, x) + weight * min(0, x)` with one trained slope, or one per channel (He et al., 2015).
 *
 * Shapes: `x [items, channels, ...]`.
 */
export class PReLU extends Module {
  readonly numParameters: number;
  readonly init: number;
  readonly weight: Parameter;

  constructor(numParameters = 1, options: FactoryOptions & { init?: number } = {}) {
    super();
    const { init = 0.25, ...factory } = named(new.target.name, options, ["init", ...factoryNames]);
    this.numParameters = numParameters;
    this.init = init;
    this.weight = newWeight([numParameters], factory);
    this.resetParameters();
  }

  /** Sets all slopes to `init`. */
  resetParameters(): void {
    constant_(this.weight, this.init);
  }

  override forward(x: Tensor): Tensor {
    return torch.prelu(x, this.weight);
  }

  override extraRepr(): string {
    return repr({ num_parameters: this.numParameters });
  }
}

/** Works along one dimension. */
abstract class AlongDimension extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    if (!Number.isInteger(dim)) {
      throw new UsageError(
        `${new.target.name}: dim must be a whole number, got ${String(dim)}. Say which dimension.`,
      );
    }
    this.dim = dim;
  }

  override extraRepr(): string {
    return repr({ dim: this.dim });
  }
}

/** Computes `exp(x) / sum(exp(x))` along `dim`. */
export class Softmax extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return torch.softmax(x, this.dim);
  }
}

/** Computes `softmax(-x)` along `dim`. */
export class Softmin extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return F.softmin(x, this.dim);
  }
}

/** Computes `log(softmax(x))` along `dim`. */
export class LogSoftmax extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return torch.logSoftmax(x, this.dim);
  }
}

/** Computes the first half of `x` times the sigmoid of the second along `dim` (Dauphin et al., 2017). */
export class GLU extends AlongDimension {
  constructor(dim = -1) {
    super(dim);
  }

  override forward(x: Tensor): Tensor {
    return F.glu(x, this.dim);
  }
}

/** Computes the softmax over the channels at each place. Shapes: `[items, channels, height, width]`, or one item. */
export class Softmax2d extends Module {
  override forward(x: Tensor): Tensor {
    if (x.ndim !== 3 && x.ndim !== 4) {
      throw new UsageError(
        `Softmax2d: the input must have 3 or 4 dimensions, got shape [${x.shape.join(", ")}].`,
      );
    }
    return torch.softmax(x, -3);
  }
}
