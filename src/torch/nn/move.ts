// Changes of a module's tensors in place: another dtype, another device.
import { noGrad } from "../grad-mode.ts";
import { native } from "../native.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import type { Dtype, Device, MemoryFormat } from "../dtype.ts";
import { Parameter } from "./parameter.ts";

/** Where weights go, and what floating-point ones become. */
export interface ModuleTarget {
  dtype?: Dtype;
  device?: Device;
  /** How weights and buffers of four or five dimensions lie in memory. */
  memoryFormat?: MemoryFormat;
}

/** Reads what `Module.to` was given. */
export function parseTarget(target: Dtype | Device | ModuleTarget | Tensor): ModuleTarget {
  if (target instanceof Tensor) return { dtype: target.dtype, device: target.device };
  if (typeof target !== "string") return target;
  return /^(cpu|cuda|mps|meta)(:\d+)?$/.test(target) ? { device: target } : { dtype: target as Dtype };
}

/** Changes the data of a tensor in place, or returns a new one where libtorch allows only that (to and from meta). */
export function replaceData(tensor: Tensor, change: (tensor: Tensor) => Tensor): Tensor {
  return scope(() =>
    noGrad(() => {
      const { grad } = tensor;
      const data = change(tensor.detach());
      if ((data.device === "meta") !== (tensor.device === "meta")) {
        const { requiresGrad } = tensor;
        return tensor instanceof Parameter ? new Parameter(data, { requiresGrad }) : keep(data);
      }
      if (grad !== null) tensor.grad = null; // it must have the data's dtype at all times
      native.setData(tensor.handle, data.handle);
      if (grad !== null) tensor.grad = change(grad);
      return tensor;
    }),
  );
}
