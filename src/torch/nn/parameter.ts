// A tensor that an optimizer trains.
import { call } from "../binding.ts";
import { native, whenLoaded } from "../native.ts";
import { Tensor } from "../tensor.ts";

let detach: number;
whenLoaded((addon) => (detach = addon.findOp("aten::detach", "")));

/**
 * Marks a tensor as a weight of the module that holds it. Shares the tensor's memory, requires gradients
 * unless told otherwise, and outlives scopes.
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, { requiresGrad = true }: { requiresGrad?: boolean } = {}) {
    super(call(detach, data.handle) as number);
    native.setRequiresGrad(this.handle, requiresGrad);
    native.track(this, this.handle);
  }
}
