// A fingerprint of weights, to tell whether two runs ended in the same place.
import { createHash } from "node:crypto";
import type { Tensor } from "../tensor.ts";
import { bytesOf } from "./tensor-bytes.ts";

/** Returns the SHA-256, in hex, of names, dtypes, shapes and elements; the order of the map does not matter. */
export function hashTensors(tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash("sha256");
  for (const [name, tensor] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${JSON.stringify([name, tensor.dtype, tensor.shape])}\n`);
    hash.update(bytesOf(tensor));
  }
  return hash.digest("hex");
}
