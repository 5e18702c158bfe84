// Dropout of torch.nn.functional.
import { ShapeError, UsageError } from "../../../base/index.ts";
import * as torch from "../../ops.generated.ts";
import type { Tensor } from "../../tensor.ts";

/** Options of dropouts. */
export interface DropoutOptions {
  /** Probability of an element to be dropped. @default 0.5 */
  p?: number;
  /** Drops nothing when false. @default true, but false for the alpha kinds */
  training?: boolean;
  /** Overwrites the input. @default false */
  inplace?: boolean;
}

type Operator = (x: Tensor, p: number, train: boolean) => Tensor;

/** Sets elements to zero with probability `p` and scales the rest by 1 / (1 - p) (Srivastava et al., 2014). */
export function dropout(x: Tensor, options: number | DropoutOptions = {}): Tensor {
  return drop("dropout", torch.dropout, torch.dropout_, x, options);
}

/** Drops whole channels of `[items, channels, length]` or `[channels, length]` (Tompson et al., 2015). */
export function dropout1d(x: Tensor, options: number | DropoutOptions = {}): Tensor {
  return dropChannels("dropout1d", 2, x, options);
}

/** Drops whole channels of `[items, channels, height, width]`; three dimensions are `[items, channels, length]`. */
export function dropout2d(x: Tensor, options: number | DropoutOptions = {}): Tensor {
  return drop("dropout2d", torch.featureDropout, torch.featureDropout_, x, options);
}

/** Drops whole channels of `[items, channels, depth, height, width]`, or of one item. */
export function dropout3d(x: Tensor, options: number | DropoutOptions = {}): Tensor {
  return dropChannels("dropout3d", 4, x, options);
}

/** Drops elements of self-normalising networks and keeps mean and variance (Klambauer et al., 2017). */
export function alphaDropout(x: Tensor, options: number | DropoutOptions = {}): Tensor {
  return drop("alphaDropout", torch.alphaDropout, torch.alphaDropout_, x, options, false);
}

/** Drops whole channels as `alphaDropout` drops elements. */
export function featureAlphaDropout(x: Tensor, options: number | DropoutOptions = {}): Tensor {
  return drop(
    "featureAlphaDropout",
    torch.featureAlphaDropout,
    torch.featureAlphaDropout_,
    x,
    options,
    false,
  );
}

function dropChannels(name: string, ndimOfItem: number, x: Tensor, options: number | DropoutOptions): Tensor {
  const isItem = x.ndim === ndimOfItem;
  if (!isItem && x.ndim !== ndimOfItem + 1) {
    throw new ShapeError(
      `nn.functional.${name}: the input must have ${ndimOfItem} or ${ndimOfItem + 1} dimensions, got shape [${x.shape.join(", ")}]. ` +
        "Use dropout for other shapes.",
    );
  }
  const batch = isItem ? x.unsqueeze(0) : x;
  const y = drop(name, torch.featureDropout, torch.featureDropout_, batch, options);
  return isItem ? y.squeeze(0) : y;
}

function drop(
  name: string,
  plain: Operator,
  changing: Operator,
  x: Tensor,
  options: number | DropoutOptions,
  trainingByDefault = true,
): Tensor {
  const given = typeof options === "number" ? { p: options } : options;
  const { p = 0.5, training = trainingByDefault, inplace = false } = given;
  checkProbability(`nn.functional.${name}`, p);
  return training && p > 0 ? (inplace ? changing : plain)(x, p, true) : x;
}

/** Throws unless `p` is a probability. */
export function checkProbability(where: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new UsageError(`${where}: p must be a probability in [0, 1], got ${p}.`);
}
