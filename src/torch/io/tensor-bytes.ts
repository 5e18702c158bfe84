// The elements of a tensor as bytes, for writers of files.
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";

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
