// Weights and buffers whose shape is not known yet: those of lazy layers before their first forward.
import { UsageError } from "../../base/index.ts";
import { call } from "../binding.ts";
import type { Dtype, Device } from "../dtype.ts";
import { empty } from "../ops.generated.ts";
import { native, whenLoaded } from "../native.ts";
import { Tensor } from "../tensor.ts";
import type { FactoryOptions } from "./factory.ts";
import { Parameter } from "./parameter.ts";

let detach: number;
whenLoaded((addon) => (detach = addon.findOp("aten::detach", "")));

/** Says in what dtype and where a tensor gets its memory. */
export interface MaterializeOptions {
  /** @default the dtype that the tensor has without a shape */
  dtype?: Dtype;
  /** @default the device that the tensor has without a shape */
  device?: Device;
}

/**
 * Is a weight without a shape, as the lazy layers have before their first forward. It knows its dtype and device, and
 * becomes an ordinary `Parameter`, the same object, when `materialize` gives it a shape.
 */
export class UninitializedParameter extends Parameter {
  constructor({ requiresGrad = true, ...factory }: FactoryOptions & { requiresGrad?: boolean } = {}) {
    super(empty([0], factory), { requiresGrad });
  }

  /** Gives it a shape, and memory of unknown content. */
  materialize(shape: readonly number[], options: MaterializeOptions = {}): void {
    giveShape(this, shape, options);
    Object.setPrototypeOf(this, Parameter.prototype);
  }

  override get shape(): number[] {
    throw noShape("parameter");
  }

  override get numel(): number {
    throw noShape("parameter");
  }

  override toString(): string {
    return "UninitializedParameter()";
  }
}

/** Is a buffer without a shape; see `UninitializedParameter`. */
export class UninitializedBuffer extends Tensor {
  constructor(factory: FactoryOptions = {}) {
    super(call(detach, empty([0], factory).handle) as number);
    native.track(this, this.handle);
  }

  /** Gives it a shape, and memory of unknown content. */
  materialize(shape: readonly number[], options: MaterializeOptions = {}): void {
    giveShape(this, shape, options);
    Object.setPrototypeOf(this, Tensor.prototype);
  }

  override get shape(): number[] {
    throw noShape("buffer");
  }

  override get numel(): number {
    throw noShape("buffer");
  }

  override toString(): string {
    return "UninitializedBuffer()";
  }
}

/** Tells whether a tensor has no shape yet. */
export function isLazy(tensor: unknown): tensor is UninitializedParameter | UninitializedBuffer {
  return tensor instanceof UninitializedParameter || tensor instanceof UninitializedBuffer;
}

function giveShape(tensor: Tensor, shape: readonly number[], options: MaterializeOptions): void {
  const { dtype = tensor.dtype, device = tensor.device } = options;
  native.setData(tensor.handle, empty([...shape], { dtype, device }).handle);
}

function noShape(what: "parameter" | "buffer"): UsageError {
  return new UsageError(
    `a lazy layer's ${what} has no shape yet. Run one batch through the model first: model.forward(batch).`,
  );
}
