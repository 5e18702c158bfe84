// Layers that add elements at the borders.
import { ShapeError } from "../../base/index.ts";
import { nnFunctional } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { perDimension } from "./functional/pooling.ts";
import { Module } from "./module.ts";
import { pythonValue, repr } from "./repr.ts";

/** One number for all sides, or two for each dimension, the last dimension first: `[left, right, top, bottom]`. */
export type Padding = number | readonly number[];

type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** Adds `padding` elements at the borders; negative numbers take away. */
abstract class PadNd extends Module {
  readonly padding: readonly number[];
  protected readonly mode: PadMode;
  readonly value: number | null;

  protected constructor(mode: PadMode, dims: number, padding: Padding, value: number | null = null) {
    super();
    this.padding = perDimension(`${new.target.name}: padding`, 2 * dims, padding);
    this.mode = mode;
    this.value = value;
  }

  override forward(x: Tensor): Tensor {
    const { mode, padding, value } = this;
    checkInput(this.constructor.name, mode, padding, x.shape);
    // the operator for circular padding wants a batch
    const isItem = mode === "circular" && x.ndim === padding.length / 2 + 1;
    const y = nnFunctional.pad(isItem ? x.unsqueeze(0) : x, padding, mode, value);
    return isItem ? y.squeeze(0) : y;
  }

  override extraRepr(): string {
    return pythonValue(this.padding);
  }
}

function checkInput(
  where: string,
  mode: PadMode,
  padding: readonly number[],
  shape: readonly number[],
): void {
  if (mode === "constant") return;
  const dims = padding.length / 2;
  const got = `got [${padding.join(", ")}] for shape [${shape.join(", ")}]`;
  if (shape.length !== dims + 1 && shape.length !== dims + 2) {
    throw new ShapeError(
      `${where}: the input must have ${dims + 1} or ${dims + 2} dimensions, got shape [${shape.join(", ")}]. Reshape it.`,
    );
  }
  for (const [i, length] of padding.entries()) {
    const size = shape.at(-1 - Math.floor(i / 2))!;
    if (mode === "reflect" && length >= size)
      throw new ShapeError(
        `${where}: padding must be less than the dimension that it mirrors, ${got}. Pad less.`,
      );
    if (mode === "circular" && length > size)
      throw new ShapeError(
        `${where}: padding must be at most the dimension that it repeats, ${got}. Pad less.`,
      );
  }
}

/** Adds `value`; negative numbers take elements away. Shapes: `[items, channels, length]`, or one item. */
export class ConstantPad1d extends PadNd {
  constructor(padding: Padding, value: number) {
    super("constant", 1, padding, value);
  }

  override extraRepr(): string {
    return constantRepr(this);
  }
}

/** Adds `value`; negative numbers take elements away. Shapes: `[items, channels, height, width]`, or one item. */
export class ConstantPad2d extends PadNd {
  constructor(padding: Padding, value: number) {
    super("constant", 2, padding, value);
  }

  override extraRepr(): string {
    return constantRepr(this);
  }
}

/** Adds `value`; negative numbers take elements away. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class ConstantPad3d extends PadNd {
  constructor(padding: Padding, value: number) {
    super("constant", 3, padding, value);
  }

  override extraRepr(): string {
    return constantRepr(this);
  }
}

/** Mirrors the input at its borders, without the border element itself. Shapes: `[items, channels, length]`, or one item. */
export class ReflectionPad1d extends PadNd {
  constructor(padding: Padding) {
    super("reflect", 1, padding);
  }
}

/** Mirrors the input at its borders, without the border element itself. Shapes: `[items, channels, height, width]`, or one item. */
export class ReflectionPad2d extends PadNd {
  constructor(padding: Padding) {
    super("reflect", 2, padding);
  }
}

/** Mirrors the input at its borders, without the border element itself. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class ReflectionPad3d extends PadNd {
  constructor(padding: Padding) {
    super("reflect", 3, padding);
  }
}

/** Repeats the border element. Shapes: `[items, channels, length]`, or one item. */
export class ReplicationPad1d extends PadNd {
  constructor(padding: Padding) {
    super("replicate", 1, padding);
  }
}

/** Repeats the border element. Shapes: `[items, channels, height, width]`, or one item. */
export class ReplicationPad2d extends PadNd {
  constructor(padding: Padding) {
    super("replicate", 2, padding);
  }
}

/** Repeats the border element. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class ReplicationPad3d extends PadNd {
  constructor(padding: Padding) {
    super("replicate", 3, padding);
  }
}

/** Goes on with the opposite side, as on a ring. Shapes: `[items, channels, length]`, or one item. */
export class CircularPad1d extends PadNd {
  constructor(padding: Padding) {
    super("circular", 1, padding);
  }
}

/** Goes on with the opposite side, as on a ring. Shapes: `[items, channels, height, width]`, or one item. */
export class CircularPad2d extends PadNd {
  constructor(padding: Padding) {
    super("circular", 2, padding);
  }
}

/** Goes on with the opposite side, as on a ring. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class CircularPad3d extends PadNd {
  constructor(padding: Padding) {
    super("circular", 3, padding);
  }
}

/** Adds zeros; negative numbers take elements away. Shapes: `[items, channels, length]`, or one item. */
export class ZeroPad1d extends PadNd {
  constructor(padding: Padding) {
    super("constant", 1, padding, 0);
  }
}

/** Adds zeros; negative numbers take elements away. Shapes: `[items, channels, height, width]`, or one item. */
export class ZeroPad2d extends PadNd {
  constructor(padding: Padding) {
    super("constant", 2, padding, 0);
  }
}

/** Adds zeros; negative numbers take elements away. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class ZeroPad3d extends PadNd {
  constructor(padding: Padding) {
    super("constant", 3, padding, 0);
  }
}

function constantRepr({ padding, value }: PadNd): string {
  return repr({ padding, value });
}
