// The elements of a tensor as bytes, for readers and writers of files.
import type { Dtype } from "../dtype.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { elementBytes } from "./element-bytes.ts";

const contiguous = rawOp("contiguous");
const toDevice = rawOp("to", "device");

/** Views the elements as bytes, row by row; copies only what is on another device or not contiguous. */
export function bytesOf(tensor: Tensor): Uint8Array {
  return scope(() => {
    const onCpu =
      tensor.device === "cpu"
        ? tensor.handle
        : (toDevice(tensor.handle, "cpu", native.dtype(tensor.handle)) as number);
    const { buffer, byteOffset, byteLength } = native.viewData(contiguous(onCpu) as number);
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
}

/** Reverses the bytes of each element in place, in the memory of a handle to bytes. */
export function swapElements(handle: number, dtype: Dtype): void {
  const { buffer, byteOffset, byteLength } = native.viewData(handle);
  const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  const width = elementBytes(dtype) / (dtype.startsWith("complex") ? 2 : 1);
  if (width === 2) bytes.swap16();
  else if (width === 4) bytes.swap32();
  else if (width === 8) bytes.swap64();
}
