// A tensor that is state of a module and not trained.
import { call } from "../binding.ts";
import { native, whenLoaded } from "../native.ts";
import { Tensor } from "../tensor.ts";

let detach: number;
whenLoaded((addon) => (detach = addon.findOp("aten::detach", "")));

/**
 * Marks a tensor as a buffer of the module that holds it in a field, as `registerBuffer` does. Shares the tensor's
 * memory and outlives scopes.
 *
 * @example
 * class Counter extends nn.Module {
 *   readonly steps = new nn.Buffer(torch.zeros([1]));
 * }
 * [...new Counter().stateDict().keys()]; // => ["steps"]
 */
export class Buffer extends Tensor {
  /** Whether it stands in the state dict. */
  readonly persistent: boolean;

  /** @param persistent @default true */
  constructor(data: Tensor, { persistent = true }: { persistent?: boolean } = {}) {
    super(call(detach, data.handle) as number);
    this.persistent = persistent;
    native.track(this, this.handle);
  }
}
