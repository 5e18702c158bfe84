// Layers that learn the size of their input from the first batch, and become ordinary layers then.
import { ShapeError } from "../../base/index.ts";
import type { Tensor } from "../tensor.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
} from "./batch-norm.ts";
import type { BatchNormOptions } from "./batch-norm.ts";
import { Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./convolution.ts";
import type { ConvOptions, ConvTransposeOptions } from "./convolution.ts";
import type { Size } from "./functional/pooling.ts";
import { Linear } from "./linear.ts";
import type { LinearOptions } from "./linear.ts";
import type { Module } from "./module.ts";
import { UninitializedBuffer, UninitializedParameter, isLazy } from "./uninitialized.ts";

interface Lazy {
  /** The class that the layer becomes. */
  becomes: { prototype: Module };
  /** Names of the weights and buffers that have no shape yet. */
  fields: readonly string[];
  /** Returns the size from the first input. */
  featuresOf(x: Tensor): number;
  /** Returns the size from a weight that is loaded. */
  featuresIn(weight: Tensor): number;
  /** Sets the layer's size, and returns the shape of each of `fields`. */
  resize(features: number): Record<string, readonly number[]>;
}

type Layer = Module & { resetParameters(): void };

/** Lets a layer take its shapes from what it is first called with, or from the state that is loaded into it. */
function makeLazy(layer: Layer, { becomes, fields, featuresOf, featuresIn, resize }: Lazy): void {
  const values = layer as unknown as Record<string, unknown>;
  const initialize = (features: number): void => {
    const shapes = resize(features);
    const empty = fields.filter((name) => isLazy(values[name]));
    for (const name of empty) (values[name] as UninitializedParameter).materialize(shapes[name]!);
    Object.setPrototypeOf(layer, becomes.prototype);
    if (empty.length > 0) layer.resetParameters();
    for (const handle of handles) handle.remove();
  };
  const handles = [
    layer.registerForwardPreHook((_module, [x]) => initialize(featuresOf(x as Tensor))),
    layer.registerLoadStateDictPreHook((_module, state, prefix) => {
      const loaded = fields.map((name) => state.get(prefix + name)).find((value) => value !== undefined);
      if (loaded !== undefined && !isLazy(loaded)) initialize(featuresIn(loaded));
    }),
  ];
}

/** Writes fields that the layer's class declares as read-only. */
function set(layer: Module, fields: Record<string, unknown>): void {
  Object.assign(layer, fields);
}

/** Returns the length of a dimension of an input that must have so many dimensions. */
function lengthAt(layer: Module, x: Tensor, dim: number, ndims: readonly number[]): number {
  if (ndims.includes(x.ndim)) return x.size(dim);
  throw new ShapeError(
    `${layer.constructor.name}: the input must have ${ndims.join(" or ")} dimensions, got shape [${x.shape.join(", ")}].`,
  );
}

/**
 * Is a `Linear` whose inFeatures are the last dimension of its first input.
 *
 * Shapes: `x [..., any]` -> `[..., outFeatures]`.
 *
 * @example
 * const layer = new nn.LazyLinear(2);
 * layer.forward(torch.ones([4, 3])).shape; // => [4, 2]
 * layer.toString(); // => "Linear(in_features=3, out_features=2, bias=True)"
 */
export class LazyLinear extends Linear {
  constructor(outFeatures: number, options: LinearOptions = {}) {
    const { bias = true, ...factory } = options;
    super(0, outFeatures, { ...options, bias: false });
    set(this, {
      weight: new UninitializedParameter(factory),
      bias: bias ? new UninitializedParameter(factory) : null,
    });
    makeLazy(this, {
      becomes: Linear,
      fields: ["weight", "bias"],
      featuresOf: (x) => x.size(-1),
      featuresIn: (weight) => weight.size(1),
      resize: (inFeatures) => {
        set(this, { inFeatures });
        return { weight: [outFeatures, inFeatures], bias: [outFeatures] };
      },
    });
  }
}

type ConvLayer = Conv1d | Conv2d | Conv3d | ConvTranspose1d | ConvTranspose2d | ConvTranspose3d;

function makeLazyConv(
  layer: ConvLayer,
  becomes: Lazy["becomes"],
  options: ConvOptions | ConvTransposeOptions,
): void {
  const { bias = true, dtype, device } = options;
  const { outChannels, kernelSize, groups } = layer;
  const isTransposed = "outputPadding" in layer;
  const dims = kernelSize.length;
  set(layer, {
    weight: new UninitializedParameter({ dtype, device }),
    bias: bias ? new UninitializedParameter({ dtype, device }) : null,
  });
  makeLazy(layer, {
    becomes,
    fields: ["weight", "bias"],
    featuresOf: (x) => lengthAt(layer, x, -dims - 1, [dims + 1, dims + 2]),
    featuresIn: (weight) => (isTransposed ? weight.size(0) : weight.size(1) * groups),
    resize: (inChannels) => {
      if (inChannels % groups !== 0) {
        throw new ShapeError(
          `${layer.constructor.name}: groups must divide the channels of the input, got groups=${groups} and ${inChannels} channels.`,
        );
      }
      set(layer, { inChannels });
      const [first, second] = isTransposed ? [inChannels, outChannels] : [outChannels, inChannels];
      return { weight: [first, second / groups, ...kernelSize], bias: [outChannels] };
    },
  });
}

/** Is a `Conv1d` whose inChannels are those of its first input. Shapes as `Conv1d`. */
export class LazyConv1d extends Conv1d {
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, { ...options, bias: false });
    makeLazyConv(this, Conv1d, options);
  }
}

/** Is a `Conv2d` whose inChannels are those of its first input. Shapes as `Conv2d`. */
export class LazyConv2d extends Conv2d {
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, { ...options, bias: false });
    makeLazyConv(this, Conv2d, options);
  }
}

/** Is a `Conv3d` whose inChannels are those of its first input. Shapes as `Conv3d`. */
export class LazyConv3d extends Conv3d {
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, { ...options, bias: false });
    makeLazyConv(this, Conv3d, options);
  }
}

/** Is a `ConvTranspose1d` whose inChannels are those of its first input. Shapes as `ConvTranspose1d`. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, { ...options, bias: false });
    makeLazyConv(this, ConvTranspose1d, options);
  }
}

/** Is a `ConvTranspose2d` whose inChannels are those of its first input. Shapes as `ConvTranspose2d`. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, { ...options, bias: false });
    makeLazyConv(this, ConvTranspose2d, options);
  }
}

/** Is a `ConvTranspose3d` whose inChannels are those of its first input. Shapes as `ConvTranspose3d`. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, { ...options, bias: false });
    makeLazyConv(this, ConvTranspose3d, options);
  }
}

type NormLayer = BatchNorm1d | BatchNorm2d | BatchNorm3d | InstanceNorm1d | InstanceNorm2d | InstanceNorm3d;

function makeLazyNorm(
  layer: NormLayer,
  becomes: Lazy["becomes"],
  { dtype, device }: BatchNormOptions,
  featuresOf: Lazy["featuresOf"],
): void {
  const { weight, bias, running_mean, running_var } = layer;
  if (weight !== null) set(layer, { weight: new UninitializedParameter({ dtype, device }) });
  if (bias !== null) set(layer, { bias: new UninitializedParameter({ dtype, device }) });
  if (running_mean !== null) set(layer, { running_mean: new UninitializedBuffer({ dtype, device }) });
  if (running_var !== null) set(layer, { running_var: new UninitializedBuffer({ dtype, device }) });
  const fields = ["weight", "bias", "running_mean", "running_var"];
  makeLazy(layer, {
    becomes,
    fields,
    featuresOf,
    featuresIn: (values) => values.size(0),
    resize: (numFeatures) => {
      set(layer, { numFeatures });
      return Object.fromEntries(fields.map((name) => [name, [numFeatures]]));
    },
  });
}

/** Is a `BatchNorm1d` whose numFeatures are those of its first input. Shapes as `BatchNorm1d`. */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
    makeLazyNorm(this, BatchNorm1d, options, (x) => lengthAt(this, x, 1, [2, 3]));
  }
}

/** Is a `BatchNorm2d` whose numFeatures are those of its first input. Shapes as `BatchNorm2d`. */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
    makeLazyNorm(this, BatchNorm2d, options, (x) => lengthAt(this, x, 1, [4]));
  }
}

/** Is a `BatchNorm3d` whose numFeatures are those of its first input. Shapes as `BatchNorm3d`. */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
    makeLazyNorm(this, BatchNorm3d, options, (x) => lengthAt(this, x, 1, [5]));
  }
}

// PyTorch's lazy instance norms take these from the lazy batch norms
const lazyDefaults = { affine: true, trackRunningStats: true } as const;

/**
 * Is an `InstanceNorm1d` whose numFeatures are the channels of its first input; unlike there, and as in PyTorch, `affine`
 * and `trackRunningStats` are true by default. Shapes as `InstanceNorm1d`.
 */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(options: BatchNormOptions = {}) {
    super(0, { ...lazyDefaults, ...options });
    makeLazyNorm(this, InstanceNorm1d, options, (x) => lengthAt(this, x, -2, [2, 3]));
  }
}

/**
 * Is an `InstanceNorm2d` whose numFeatures are the channels of its first input; unlike there, and as in PyTorch, `affine`
 * and `trackRunningStats` are true by default. Shapes as `InstanceNorm2d`.
 */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(options: BatchNormOptions = {}) {
    super(0, { ...lazyDefaults, ...options });
    makeLazyNorm(this, InstanceNorm2d, options, (x) => lengthAt(this, x, -3, [3, 4]));
  }
}

/**
 * Is an `InstanceNorm3d` whose numFeatures are the channels of its first input; unlike there, and as in PyTorch, `affine`
 * and `trackRunningStats` are true by default. Shapes as `InstanceNorm3d`.
 */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(options: BatchNormOptions = {}) {
    super(0, { ...lazyDefaults, ...options });
    makeLazyNorm(this, InstanceNorm3d, options, (x) => lengthAt(this, x, -4, [4, 5]));
  }
}
