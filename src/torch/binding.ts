// What the generated operators stand on: calls into the addon, and handles turned into tensors.
import { invariant } from "../base/index.ts";
import { loadNative, native, whenLoaded } from "./native.ts";
import type { Scalar } from "./native.ts";
import type { Tensor } from "./tensor.ts";

export { deviceOr } from "./default-device.ts";
export { defaultDtypeCode, dtypeCode, layoutCode, memoryFormatCode } from "./dtype.ts";
export type { Device, Dtype, Layout, MemoryFormat } from "./dtype.ts";
export type { Complex, Scalar } from "./native.ts";
export type { Generator } from "./random.ts";

export type TensorLike = Tensor | Scalar;

/** Calls operator number `op` (its place in the generated list); undefined stands for a default. */
export let call = (op: number, ...args: unknown[]): any => loadNative().call(op, ...args);
whenLoaded((addon) => (call = addon.call));

/** Numbers the generated operators, when the addon is there. */
export function defineOps(names: string): void {
  whenLoaded((addon) => addon.defineOps(names));
}

let TensorClass: (new (handle: number) => Tensor) | undefined;
let openScopes = 0;
let tensorWatch: TensorWatch | undefined;

export type TensorWatch = (tensor: Tensor) => void;

/** Called once by ./tensor.ts: the generated operators must not import it, as it is built on them. */
export function setTensorClass(constructor: new (handle: number) => Tensor): void {
  TensorClass = constructor;
}

/** Called by ./scope.ts: inside a scope a tensor needs no finalizer, since the scope frees it. Returns how many are open. */
export function countScope(change: 1 | -1): number {
  return (openScopes += change);
}

/** Calls `watch` with each tensor that is made from now on; with undefined, no longer. Returns who watched before. */
export function watchTensors(watch: TensorWatch | undefined): TensorWatch | undefined {
  const before = tensorWatch;
  tensorWatch = watch;
  return before;
}

/** Makes a tensor of a handle. */
export function wrap(handle: number): Tensor {
  invariant(TensorClass !== undefined, "an operator was called before src/torch/tensor.ts was loaded.");
  const tensor = new TensorClass(handle);
  if (openScopes === 0) native.track(tensor, handle);
  if (tensorWatch !== undefined) tensorWatch(tensor);
  return tensor;
}

/** Makes a tensor of a handle, and null of 0. */
export function wrapOrNull(handle: number): Tensor | null {
  return handle === 0 ? null : wrap(handle);
}

export function wrapList(handles: number[]): Tensor[] {
  return handles.map(wrap);
}

/** Sets `requiresGrad` on what a factory made. */
export function withGrad(tensor: Tensor, flag: boolean | undefined): Tensor {
  if (flag === true) native.setRequiresGrad(tensor.handle, true);
  return tensor;
}
