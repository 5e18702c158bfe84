// What computes: recorded with every run, since other versions give other last digits.
import { sconceVersion } from "../base/index.ts";
import { version as torchVersion } from "../torch/index.ts";

/** Returns the versions of Sconce, libtorch and Node. */
export function versions(): Record<string, string> {
  return { sconce: sconceVersion, libtorch: torchVersion, node: process.versions.node };
}
