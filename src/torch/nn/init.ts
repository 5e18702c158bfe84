// Fills weights with their first values, in place and without gradients. Same formulas and random stream as
// torch.nn.init.
import { UsageError, suggestion } from "../../base/index.ts";
import { noGrad } from "../grad-mode.ts";
import { empty, emptyLike, erf, eye, full, linalg, randperm } from "../ops.generated.ts";
import type { Generator } from "../random.ts";
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

/** Options of all that draws. */
export interface DrawOptions {
  /** Draws from this generator instead of the default one. */
  generator?: Generator | undefined;
}

/** Draws from N(mean, std^2). */
export function normal_<T extends Tensor>(
  tensor: T,
  { mean = 0, std = 1, generator }: DrawOptions & { mean?: number; std?: number } = {},
): T {
  return fill(tensor, (x) => x.normal_(mean, std, { generator }));
}

/** Draws from U(a, b). */
export function uniform_<T extends Tensor>(
  tensor: T,
  { a = 0, b = 1, generator }: DrawOptions & { a?: number; b?: number } = {},
): T {
  return fill(tensor, (x) => x.uniform_(a, b, { generator }));
}

/** Options of `truncNormal_`. */
export interface TruncNormalOptions extends DrawOptions {
  /** @default 0 */
  mean?: number;
  /** @default 1 */
  std?: number;
  /** Smallest value. @default -2 */
  a?: number;
  /** Largest value. @default 2 */
  b?: number;
}

/** Draws from N(mean, std^2) what lies in [a, b], by drawing again what does not. */
export function truncNormal_<T extends Tensor>(
  tensor: T,
  { mean = 0, std = 1, a = -2, b = 2, generator }: TruncNormalOptions = {},
): T {
  return fill(tensor, (x) => {
    if (x.device === "meta") return;
    const share = normalShareBelow((b - mean) / std) - normalShareBelow((a - mean) / std);
    // a narrow interval is drawn uniformly, each value kept with its density over the greatest one
    if (share > 0.3) redrawNormal(x, mean, std, [a, b], generator);
    else rejectUniform(x, mean, std, [a, b], generator);
  });
}

/** Fills with `value`. */
export function constant_<T extends Tensor>(tensor: T, value: number): T {
  return fill(tensor, (x) => x.fill_(value));
}

/** Fills with zeros. */
export function zeros_<T extends Tensor>(tensor: T): T {
  return constant_(tensor, 0);
}

/** Fills with ones. */
export function ones_<T extends Tensor>(tensor: T): T {
  return constant_(tensor, 1);
}

/** Fills a matrix with the identity: a linear layer then passes on what it is given. */
export function eye_<T extends Tensor>(tensor: T): T {
  const [rows, columns] = matrixShape("eye_", tensor);
  return fill(tensor, (x) => x.copy_(eye(rows, columns)));
}

/** Fills the kernels of a convolution so that each group passes on as many of its channels as it can. */
export function dirac_<T extends Tensor>(tensor: T, { groups = 1 }: { groups?: number } = {}): T {
  const [out, input, ...kernel] = tensor.shape;
  if (
    out === undefined ||
    input === undefined ||
    kernel.length < 1 ||
    kernel.length > 3 ||
    out % groups !== 0
  ) {
    throw new UsageError(
      `init.dirac_: needs 3 to 5 dimensions whose first ${groups} groups divide, got shape [${tensor.shape.join(", ")}].`,
    );
  }
  return fill(tensor, (x) => {
    x.zero_();
    for (let group = 0; group < groups; group++) {
      for (let channel = 0; channel < Math.min(out / groups, input); channel++) {
        const place = [
          group * (out / groups) + channel,
          channel,
          ...kernel.map((length) => Math.floor(length / 2)),
        ];
        place.reduce((part: Tensor, index) => part.select(0, index), x).fill_(1);
      }
    }
  });
}

/** Draws from U(-b, b) with b = gain * sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierUniform_<T extends Tensor>(
  tensor: T,
  { gain = 1, generator }: DrawOptions & { gain?: number } = {},
): T {
  const { fanIn, fanOut } = fans(tensor);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(tensor, { a: -bound, b: bound, generator });
}

/** Draws from N(0, s^2) with s = gain * sqrt(2 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierNormal_<T extends Tensor>(
  tensor: T,
  { gain = 1, generator }: DrawOptions & { gain?: number } = {},
): T {
  const { fanIn, fanOut } = fans(tensor);
  return normal_(tensor, { std: gain * Math.sqrt(2 / (fanIn + fanOut)), generator });
}

/** What a layer's weights may be scaled for. */
export type Nonlinearity = keyof typeof gains | "leaky_relu";

/** Options of `kaimingUniform_` and `kaimingNormal_`. */
export interface KaimingOptions extends DrawOptions {
  /** Slope of the leaky ReLU that follows. @default 0 */
  a?: number;
  /** Keeps the variance forward or backward. @default "fan_in" */
  mode?: "fan_in" | "fan_out";
  /** What follows the layer. @default "leaky_relu" */
  nonlinearity?: Nonlinearity;
}

/** Draws from U(-b, b) with b = gain * sqrt(3 / fan) (He et al., 2015). */
export function kaimingUniform_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  if (tensor.numel === 0) return tensor;
  const bound = Math.sqrt(3) * kaimingStd(tensor, options);
  return uniform_(tensor, { a: -bound, b: bound, generator: options.generator });
}

/** Draws from N(0, s^2) with s = gain / sqrt(fan) (He et al., 2015). */
export function kaimingNormal_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  if (tensor.numel === 0) return tensor;
  return normal_(tensor, { std: kaimingStd(tensor, options), generator: options.generator });
}

/** Fills with a (half) orthogonal matrix, of the first dimension against all others (Saxe et al., 2014). */
export function orthogonal_<T extends Tensor>(
  tensor: T,
  { gain = 1, generator }: DrawOptions & { gain?: number } = {},
): T {
  const [rows, ...others] = tensor.shape;
  if (rows === undefined || others.length === 0) throw tooFlat(tensor);
  return fill(tensor, (x) => {
    if (x.numel === 0 || x.device === "meta") return;
    const columns = x.numel / rows;
    const { dtype, device } = x;
    const drawn = empty([rows, columns], { dtype, device }).normal_(0, 1, { generator });
    const [q, r] = linalg.qr(rows < columns ? drawn.t() : drawn);
    const uniform = q.mul(r.diagonal().sign()); // (Mezzadri, 2006)
    x.copy_((rows < columns ? uniform.t() : uniform).mul(gain).reshape(x.shape));
  });
}

/** Draws a matrix from N(0, std^2) and sets a share of each column to zero (Martens, 2010). */
export function sparse_<T extends Tensor>(
  tensor: T,
  sparsity: number,
  { std = 0.01, generator }: DrawOptions & { std?: number } = {},
): T {
  const [rows, columns] = matrixShape("sparse_", tensor);
  const zeros = Math.ceil(sparsity * rows);
  return fill(tensor, (x) => {
    if (x.device === "meta") return;
    x.normal_(0, std, { generator });
    for (let column = 0; column < columns; column++) {
      x.select(1, column).indexFill_(0, randperm(rows).narrow(0, 0, zeros), 0);
    }
  });
}

const gains = {
  linear: 1,
  conv1d: 1,
  conv2d: 1,
  conv3d: 1,
  conv_transpose1d: 1,
  conv_transpose2d: 1,
  conv_transpose3d: 1,
  sigmoid: 1,
  tanh: 5 / 3,
  relu: Math.SQRT2,
  selu: 3 / 4, // found by experiment, as PyTorch says
};

/** Returns by how much a nonlinearity shrinks the standard deviation; `param` is the slope of a leaky ReLU. */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  if (nonlinearity === "leaky_relu") return Math.sqrt(2 / (1 + param * param));
  const gain = gains[nonlinearity];
  if (gain === undefined) {
    throw new UsageError(
      `init.calculateGain: unknown nonlinearity "${String(nonlinearity)}". ${suggestion(nonlinearity, [...Object.keys(gains), "leaky_relu"])}`,
    );
  }
  return gain;
}

/** Returns how many inputs and outputs one unit of a weight `[out, in, ...kernel]` has. */
export function fans(tensor: Tensor): { fanIn: number; fanOut: number } {
  const [out, input, ...kernel] = tensor.shape;
  if (out === undefined || input === undefined) {
    throw tooFlat(tensor);
  }
  const field = kernel.reduce((product, length) => product * length, 1);
  return { fanIn: input * field, fanOut: out * field };
}

function kaimingStd(
  tensor: Tensor,
  { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" }: KaimingOptions,
): number {
  if (mode !== "fan_in" && mode !== "fan_out") {
    throw new UsageError(`init: mode must be "fan_in" or "fan_out", got "${String(mode)}".`);
  }
  const { fanIn, fanOut } = fans(tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === "fan_in" ? fanIn : fanOut);
}

/** Returns the share of a standard normal distribution below `x`. */
function normalShareBelow(x: number): number {
  return (1 + erf(full([], x / Math.SQRT2, { dtype: "float64" })).item()) / 2;
}

function redrawNormal(
  x: Tensor,
  mean: number,
  std: number,
  [a, b]: [number, number],
  generator?: Generator,
): void {
  const { dtype } = x;
  const [low, high] = [a, b].map((bound) => full([], bound, { dtype }).item()) as [number, number];
  x.normal_(mean, std, { generator });
  for (;;) {
    const outside = x.lt(low).logicalOr(x.gt(high));
    if (!outside.any().item()) return;
    x.copy_(emptyLike(x).normal_(mean, std, { generator }).where(outside, x));
  }
}

function rejectUniform(
  x: Tensor,
  mean: number,
  std: number,
  [a, b]: [number, number],
  generator?: Generator,
): void {
  const logPeak = -0.5 * ((Math.max(a, Math.min(mean, b)) - mean) / std) ** 2;
  let pending: Tensor | undefined;
  for (;;) {
    const drawn = emptyLike(x).uniform_(a, b, { generator });
    x.copy_(pending === undefined ? drawn : drawn.where(pending, x));
    const logDensity = drawn.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(logPeak);
    const refused = emptyLike(x).uniform_(0, 1, { generator }).log_().gt(logDensity);
    pending = pending === undefined ? refused : refused.logicalAnd(pending);
    if (!pending.any().item()) return;
  }
}

function matrixShape(name: string, tensor: Tensor): [rows: number, columns: number] {
  const [rows, columns, ...others] = tensor.shape;
  if (rows === undefined || columns === undefined || others.length > 0) {
    throw new UsageError(`init.${name}: needs a matrix, got shape [${tensor.shape.join(", ")}].`);
  }
  return [rows, columns];
}

function tooFlat(tensor: Tensor): UsageError {
  return new UsageError(`init: needs at least 2 dimensions, got shape [${tensor.shape.join(", ")}].`);
}

function fill<T extends Tensor>(tensor: T, change: (tensor: T) => unknown): T {
  if (!skipping) scope(() => noGrad(() => void change(tensor)));
  return tensor;
}
