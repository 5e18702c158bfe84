// What the functions of the override grammar are given and give back.
import type { ConfigNode, ListNode, Origin } from "../node.ts";
import type { Sweep } from "./override.ts";

/** Is thrown by the functions; the reader adds the override and the column. */
export class FunctionProblem extends Error {}

/** Is what a function may be given. */
export type Argument = ConfigNode | Sweep;

/** Is what a function may give back. */
export type FunctionResult = Argument | { readonly kind: "extend"; readonly items: ListNode };

/** Holds arguments as they were written. */
export interface Arguments {
  positional: Argument[];
  named: Map<string, Argument>;
}

/** Holds arguments that were matched to a function's parameters. */
export interface Call {
  /** Those without a name, for a function that takes any number of them. */
  many: readonly Argument[];
  named: Readonly<Record<string, Argument | undefined>>;
  origin: Origin;
  seed: number;
}

/** Refuses sweeps among values that become the items of one. */
export function singles(values: readonly Argument[]): ConfigNode[] {
  return values.map((value) => {
    if (value.kind === "scalar" || value.kind === "list" || value.kind === "map") return value;
    throw new FunctionProblem(`a sweep (${value.kind}) cannot stand among other values.`);
  });
}

/** Names the type of an argument. */
export function argumentType(value: Argument): string {
  if (value.kind !== "scalar") {
    const names = { list: "a list", map: "a mapping", choice: "a choice", range: "a range" };
    return { ...names, interval: "an interval", glob: "a glob" }[value.kind];
  }
  if (value.value === null) return "null";
  if (typeof value.value === "string") return `the text ${JSON.stringify(value.value.slice(0, 40))}`;
  return String(value.value);
}
