// choice(), range(), interval(), glob(), shuffle(), sort(), tag() and extend_list() of the override grammar.
import { Rng } from "../../base/index.ts";
import { type ConfigNode, listNode, scalarNode } from "../node.ts";
import {
  type Argument,
  type Call,
  FunctionProblem,
  type FunctionResult,
  argumentType,
  singles,
} from "./function-call.ts";
import type { ChoiceSweep, GlobSweep, IntervalSweep, NumberNode, RangeSweep } from "./override.ts";
import { rangeValues } from "./range-values.ts";

/** Tries each of its values. */
export function choice({ many }: Call): ChoiceSweep {
  const [first] = many;
  if (first === undefined) throw new FunctionProblem("a choice needs a value.");
  if (many.length === 1 && first.kind === "choice") {
    if (!first.isSimple) throw new FunctionProblem("a choice cannot stand in a choice.");
    return { ...first, isSimple: false };
  }
  const items = singles(many);
  if (items.some((item) => item.kind === "scalar" && item.value === null))
    throw new FunctionProblem("null cannot be a choice.");
  return choiceOf(items, { isSimple: false });
}

/** Counts from a number up to, not including, another; with one number, from 0. */
export function range({ named: { start, stop, step }, origin }: Call): RangeSweep {
  const first = numberArgument("start", start!);
  return {
    kind: "range",
    start: given(stop) === undefined ? { ...scalarNode(origin, 0), value: 0 } : first,
    stop: given(stop) === undefined ? first : numberArgument("stop", stop!),
    step: step === undefined ? { ...scalarNode(origin, 1), value: 1 } : numberArgument("step", step),
    shuffle: false,
    tags: [],
  };
}

/** Is any number between two. */
export function interval({ named: { start, end } }: Call): IntervalSweep {
  const float = (name: string, value: Argument): NumberNode => {
    const node = numberArgument(name, value);
    return { ...node, value: Number(node.value), isFloat: true };
  };
  return { kind: "interval", start: float("start", start!), end: float("end", end!), tags: [] };
}

/** Tries the options of a config group whose names match. */
export function glob({ named: { include, exclude } }: Call): GlobSweep {
  return {
    kind: "glob",
    include: patterns("include", include!),
    exclude: given(exclude) === undefined ? [] : patterns("exclude", exclude!),
  };
}

/** Puts a list, or the jobs of a sweep, into a random order. */
export function shuffle({ many, named, origin, seed }: Call): FunctionResult {
  const [sweep, list] = [given(named["sweep"]), given(named["list"])];
  if (list !== undefined) return shuffle({ many: [listArgument(list)], named: {}, origin, seed });
  const values = sweep === undefined ? many : [sweepArgument(sweep)];
  const [first] = values;
  if (first === undefined) throw new FunctionProblem("there is nothing to shuffle.");
  refuseNull(values);
  if (values.length > 1) return choiceOf(singles(values), { isSimple: true, shuffle: true });
  if (first.kind === "choice" || first.kind === "range") return { ...first, shuffle: true };
  if (first.kind === "interval" || first.kind === "glob")
    throw new FunctionProblem(`${argumentType(first)} cannot be shuffled.`);
  if (first.kind !== "list") return listNode(origin, [first]);
  return listNode(origin, new Rng(seed).shuffle([...first.items]));
}

/** Sorts a list, or the jobs of a sweep; `reverse=true` sorts down. */
export function sort({ many, named }: Call): FunctionResult {
  const [sweep, list, reverse] = [given(named["sweep"]), given(named["list"]), named["reverse"]];
  const isDown = flag("reverse", reverse);
  const values =
    list !== undefined ? [listArgument(list)] : sweep !== undefined ? [sweepArgument(sweep)] : many;
  const [first] = values;
  if (first === undefined) throw new FunctionProblem("there is nothing to sort.");
  refuseNull(values);
  if (values.length > 1) {
    const stray = values.find((value) => value.kind !== "scalar");
    if (stray !== undefined)
      throw new FunctionProblem(`${argumentType(stray)} cannot stand among other values.`);
    return choiceOf(sorted(singles(values), isDown), { isSimple: true });
  }
  switch (first.kind) {
    case "choice":
      return { ...first, items: sorted(first.items, isDown) };
    case "range":
      return sortedRange(first, isDown);
    case "list":
      return listNode(first.origin, sorted(first.items, isDown));
    case "interval":
    case "glob":
      throw new FunctionProblem(`${argumentType(first)} cannot be sorted.`);
    default:
      return first;
  }
}

/** Gives a sweep names that sweepers may act on. */
export function tag({ many, named }: Call): FunctionResult {
  const sweep = given(named["sweep"]);
  if (many.length === 0) throw new FunctionProblem("the sweep is missing.");
  const all = sweep === undefined ? many : [...many, sweep];
  const last = all.at(-1)!;
  if (last.kind !== "choice" && last.kind !== "range" && last.kind !== "interval")
    throw new FunctionProblem(
      `the last argument must be a choice, range or interval, got ${argumentType(last)}.`,
    );
  const tags = all.slice(0, -1).map((value) => {
    if (value.kind === "scalar" && typeof value.value === "string") return value.value;
    throw new FunctionProblem(`a tag must be a text, got ${argumentType(value)}.`);
  });
  return { ...last, tags: [...new Set(tags)].sort() };
}

/** Appends to a list of the config. */
export function extendList({ many, origin }: Call): FunctionResult {
  return { kind: "extend", items: listNode(origin, singles(many)) };
}

function choiceOf(
  items: readonly ConfigNode[],
  { isSimple, shuffle = false }: { isSimple: boolean; shuffle?: boolean },
): ChoiceSweep {
  return { kind: "choice", items, isSimple, shuffle, tags: [] };
}

/** An argument that is null counts as not given, as None does in Python. */
function given(value: Argument | undefined): Argument | undefined {
  return value?.kind === "scalar" && value.value === null ? undefined : value;
}

function numberArgument(name: string, node: Argument): NumberNode {
  if (node.kind === "scalar") {
    const { value, isFloat, origin } = node;
    if (typeof value === "number" || typeof value === "bigint")
      return { kind: "scalar", value, isFloat, origin };
    if (typeof value === "boolean") return { kind: "scalar", value: Number(value), isFloat: false, origin };
  }
  throw new FunctionProblem(`"${name}" must be a number, got ${argumentType(node)}.`);
}

function patterns(name: string, node: Argument): string[] {
  const items = node.kind === "list" ? node.items : [node];
  return items.map((item) => {
    if (item.kind === "scalar" && typeof item.value === "string") return item.value;
    throw new FunctionProblem(`"${name}" must be a text or a list of texts, got ${argumentType(item)}.`);
  });
}

function listArgument(node: Argument): Argument {
  if (node.kind === "list") return node;
  throw new FunctionProblem(`"list" must be a list, got ${argumentType(node)}.`);
}

function sweepArgument(node: Argument): Argument {
  if (node.kind === "choice" || node.kind === "range") return node;
  throw new FunctionProblem(`"sweep" must be a choice or range, got ${argumentType(node)}.`);
}

function flag(name: string, node: Argument | undefined): boolean {
  if (node === undefined) return false;
  if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
  throw new FunctionProblem(`"${name}" must be true or false, got ${argumentType(node)}.`);
}

function refuseNull(values: readonly Argument[]): void {
  if (values.some((value) => value.kind === "scalar" && value.value === null))
    throw new FunctionProblem("null cannot be among the values.");
}

function sorted(items: readonly ConfigNode[], isDown: boolean): ConfigNode[] {
  return [...items].sort((a, b) => (isDown ? compare(b, a) : compare(a, b)));
}

/** Compares as Python does: numbers and booleans with each other, texts with texts, lists item by item. */
function compare(a: ConfigNode, b: ConfigNode): number {
  if (a.kind === "list" && b.kind === "list") {
    for (const [index, item] of a.items.entries()) {
      const other = b.items[index];
      if (other === undefined) return 1;
      const order = compare(item, other);
      if (order !== 0) return order;
    }
    return a.items.length - b.items.length;
  }
  if (a.kind === "scalar" && b.kind === "scalar" && a.value !== null && b.value !== null) {
    if ((typeof a.value === "string") === (typeof b.value === "string"))
      return a.value < b.value ? -1 : Number(a.value > b.value);
  }
  throw new FunctionProblem(`${argumentType(a)} and ${argumentType(b)} have no order.`);
}

/** Turns a range round where it runs the other way; its values stay the same. */
function sortedRange(sweep: RangeSweep, isDown: boolean): RangeSweep {
  const { start, step } = sweep;
  if (Number(step.value) > 0 !== isDown) return sweep;
  const values = valuesOf(sweep);
  if (values.length < 2) return sweep;
  const isFloat = start.isFloat || step.isFloat;
  const stop = isFloat ? Number(start.value) - Number(step.value) : BigInt(start.value) - BigInt(step.value);
  return {
    ...sweep,
    start: values.at(-1)!,
    stop: { ...start, value: narrow(stop), isFloat },
    step: { ...step, value: narrow(isFloat ? -Number(step.value) : -BigInt(step.value)) },
  };
}

function valuesOf(sweep: RangeSweep): NumberNode[] {
  try {
    return rangeValues(sweep);
  } catch (error) {
    throw new FunctionProblem((error as Error).message);
  }
}

function narrow(value: number | bigint): number | bigint {
  return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
