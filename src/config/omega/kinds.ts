// The values that OmegaConf gives a meaning of their own: "???" and texts with interpolations.
import type { ConfigNode } from "../node.ts";

/** Is the text of a value that has yet to be given. */
export const missing = "???";

/** Tells whether a value has yet to be given. */
export function isMissing(node: ConfigNode): boolean {
  return node.kind === "scalar" && node.value === missing;
}

/** Tells whether a value is a text that resolving changes: one with `${`, an escaped one included. */
export function isInterpolation(node: ConfigNode): boolean {
  return node.kind === "scalar" && typeof node.value === "string" && node.value.includes("${");
}
