// What a config may name with `_target_`: a closed table of classes and functions; nothing is ever imported or evaluated.
import { UsageError } from "../../base/index.ts";
import { forbiddenKeys, formatValue } from "../value.ts";

/** Is a class or function that a config may name. */
export type Callable = (abstract new (...args: never[]) => unknown) | ((...args: never[]) => unknown);

/** Is a class or function with the names of its leading parameters, so that a config may give them by name. */
export interface TargetDescription {
  readonly target: Callable;
  /** In snake_case, as a config writes them. All others are options in one object behind them. */
  readonly parameters: readonly string[];
}

/** Finds what a `_target_` names; undefined means that no config may name it. */
export type TargetLookup = (target: string) => Callable | TargetDescription | undefined;

/**
 * Makes a lookup of a table, with the names that it knows.
 *
 * @example
 * instantiate(config, targetTable({ "torch.nn.Linear": { target: Linear, parameters: ["in_features", "out_features"] } }));
 */
export function targetTable(table: Readonly<Record<string, Callable | TargetDescription>>): {
  lookup: TargetLookup;
  names: () => string[];
} {
  const known = new Map(Object.entries(table));
  for (const name of known.keys()) {
    if (isTargetName(name)) continue;
    const remedy = "Write names with dots between them, none of which JavaScript gives to every object.";
    throw new UsageError(`targetTable: ${formatValue(name)} cannot be the name of a target. ${remedy}`);
  }
  return { lookup: (target) => known.get(target), names: () => [...known.keys()] };
}

/** Looks a target up, and refuses what a careless lookup could give away: parts of JavaScript itself. */
export function findTarget(name: string, lookup: TargetLookup): TargetDescription | undefined {
  if (!isTargetName(name)) return undefined;
  const found = lookup(name);
  const description = typeof found === "function" ? { target: found, parameters: [] } : found;
  if (description === undefined || typeof description.target !== "function") return undefined;
  return evaluators.has(description.target) ? undefined : description;
}

function isTargetName(name: string): boolean {
  return namePattern.test(name) && !name.split(".").some((part) => inherited.has(part));
}

const namePattern = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/u;

/** Every object has these, so `table[name]` would find them. */
const inherited = new Set([
  ...forbiddenKeys,
  ...Object.getOwnPropertyNames(Object.prototype),
  "call",
  "apply",
  "bind",
]);

/** Functions that run text as code, or any other function. */
const evaluators = new Set<unknown>([
  // oxlint-disable-next-line no-eval -- named to be refused
  eval,
  Function,
  (async () => {}).constructor,
  function* () {}.constructor,
  async function* () {}.constructor,
  Reflect.apply,
  Reflect.construct,
  setTimeout,
  setInterval,
  setImmediate,
  queueMicrotask,
]);
