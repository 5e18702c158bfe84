// Fills weights with their first values, in place and without gradients. Same formulas and random stream as
// torch.nn.init.
import { UsageError } from "../../base/index.ts";
import { noGrad } from "../grad-mode.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";

let skipping = false;

/** Makes modules inside `run` without computing first values: for weights that are loaded right after. */
export function skipInit<T>(run: () => T): T {
  const before = skipping;
  skipping = true;
  try {
    return run();
  } finally {
    skipping = before;
  }
}

export function normal_<T extends Tensor>(tensor: T, { mean = 0, std = 1 } = {}): T {
  return fill(tensor, (x) => x.normal_(mean, std));
}

export function uniform_<T extends Tensor>(tensor: T, { low = 0, high = 1 } = {}): T {
  return fill(tensor, (x) => x.uniform_(low, high));
}

export function constant_<T extends Tensor>(tensor: T, value: number): T {
  return fill(tensor, (x) => x.fill_(value));
}

export function zeros_<T extends Tensor>(tensor: T): T {
  return constant_(tensor, 0);
}

export function ones_<T extends Tensor>(tensor: T): T {
  return constant_(tensor, 1);
}

/** Draws from U(-b, b) with b = gain * sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierUniform_<T extends Tensor>(tensor: T, { gain = 1 } = {}): T {
  const { fanIn, fanOut } = fans(tensor);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(tensor, { low: -bound, high: bound });
}

/** Draws from N(0, s^2) with s = gain * sqrt(2 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierNormal_<T extends Tensor>(tensor: T, { gain = 1 } = {}): T {
  const { fanIn, fanOut } = fans(tensor);
  return normal_(tensor, { std: gain * Math.sqrt(2 / (fanIn + fanOut)) });
}

/** Draws from U(-b, b) with b = sqrt(6 / ((1 + a^2) * fanIn)) for a leaky ReLU of slope `a` (He et al., 2015). */
export function kaimingUniform_<T extends Tensor>(tensor: T, { a = 0 } = {}): T {
  const bound = Math.sqrt(6 / ((1 + a * a) * fans(tensor).fanIn));
  return uniform_(tensor, { low: -bound, high: bound });
}

/** Returns how many inputs and outputs one unit of a weight `[out, in, ...kernel]` has. */
export function fans(tensor: Tensor): { fanIn: number; fanOut: number } {
  const [out, input, ...kernel] = tensor.shape;
  if (out === undefined || input === undefined) {
    throw new UsageError(
      `init: fan in and fan out need at least 2 dimensions, got shape [${tensor.shape.join(", ")}].`,
    );
  }
  const field = kernel.reduce((product, length) => product * length, 1);
  return { fanIn: input * field, fanOut: out * field };
}

function fill<T extends Tensor>(tensor: T, change: (tensor: T) => unknown): T {
  if (!skipping) scope(() => noGrad(() => void change(tensor)));
  return tensor;
}
