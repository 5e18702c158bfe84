// Makes the objects that a config describes with `_target_`, from a closed table of classes and functions.
import { ConfigError, isPlainObject } from "../../base/index.ts";
import { type ConfigNode, type Origin, isConfigNode, listNode, mapNode, scalarNode } from "../node.ts";
import { issueAt } from "../omega/failure.ts";
import { mergeInto } from "../omega/merge.ts";
import { resolve } from "../omega/resolve.ts";
import { typeName } from "../value.ts";
import { type CallPlan, type Plan, planCall } from "./plan-call.ts";
import type { Callable, TargetLookup } from "./target.ts";

/** Says what names mean, and how their arguments are given. */
export interface InstantiateOptions {
  /** Finds what `_target_` names. */
  lookup: TargetLookup;
  /** Lists what `lookup` knows, so that a message can name the nearest. */
  names?: () => Iterable<string>;
  /** Stand in for `_args_` of the outermost target. */
  args?: readonly unknown[];
  /** Are merged over the config: data key by key, all else as it is. Names in snake_case, as in the config. */
  kwargs?: Readonly<Record<string, unknown>>;
}

/** Is what `_partial_: true` makes: the call with some of its arguments given. */
export interface PartialCall {
  /** Calls the target with more arguments by position. */
  (...args: readonly unknown[]): unknown;
  /** Gives more arguments by name, over those that are given; names in snake_case, as in the config. */
  with(named: Readonly<Record<string, unknown>>): PartialCall;
}

/**
 * Calls what `_target_` names, with the other keys as arguments: those that the target's description lists by position,
 * the rest as one object of options in camelCase. `_args_` are arguments by position, `_partial_: true` leaves the call
 * to be made, `_recursive_: false` hands what is inside over as data. Interpolations are resolved within `config`.
 * `_convert_: none` (the default) hands over data that still knows where it was written, so that a later
 * `instantiate` of it can say so; `partial`, `object` and `all` hand over plain data.
 * All that is wrong with the config is told in one `ConfigError` before anything is called.
 *
 * @example
 * class Adam { constructor(readonly options: { lr: number }) {} }
 * instantiate({ _target_: "torch.optim.Adam", lr: 0.1 }, targetTable({ "torch.optim.Adam": Adam })); // => Adam { options: { lr: 0.1 } }
 */
export function instantiate(
  config: unknown,
  { lookup, names, args = [], kwargs = {} }: InstantiateOptions,
): unknown {
  const node = partOf(config, { source: "config" }, 0);
  if (node.kind === "scalar") {
    if (node.value === null && !("opaque" in node)) return null;
    throw configErrorAt(node, "", `a mapping or a list can be instantiated, got ${typeName(node.value)}.`);
  }
  if (Object.keys(kwargs).length > 0) {
    if (node.kind === "list")
      throw configErrorAt(node, "", "arguments by name need a mapping, got a list. Leave them out.");
    mergeInto(node, partOf(kwargs, { source: "kwargs" }, 0));
  }
  if (args.length > 0) {
    if (node.kind === "list" || !node.entries.has("_target_"))
      throw configErrorAt(node, "", "arguments need a target to be given to. Add _target_.");
    node.entries.set("_args_", {
      origin: node.origin,
      node: listNode(
        node.origin,
        args.map((arg) => opaque(arg, node.origin)),
      ),
    });
  }
  return build(planCall(resolve(node), { lookup, names }));
}

/** Is something that a config cannot hold, on its way through one. */
interface OpaqueNode {
  readonly kind: "scalar";
  readonly value: "";
  readonly isFloat: false;
  readonly opaque: unknown;
  origin: Origin;
}

function opaque(value: unknown, origin: Origin): OpaqueNode {
  return { kind: "scalar", value: "", isFloat: false, opaque: value, origin };
}

/** Remembers the part of the config that data was made of. */
const origins = new WeakMap<object, ConfigNode>();

/** Makes a tree of data; what was made of a config before keeps its places. */
function partOf(value: unknown, origin: Origin, depth: number): ConfigNode {
  if (isConfigNode(value)) return cloned(value);
  if (value === null || ["string", "number", "boolean", "bigint"].includes(typeof value))
    return scalarNode(origin, value as string | number | boolean | bigint | null);
  if (depth > maxDepth)
    throw configErrorAt({ origin }, "", `more than ${maxDepth} levels of nesting, or a circle.`);
  const written = typeof value === "object" ? origins.get(value) : undefined;
  const own = written?.origin ?? origin;
  if (Array.isArray(value))
    return listNode(
      own,
      value.map((item) => partOf(item, own, depth + 1)),
    );
  if (!isPlainObject(value)) return opaque(value, origin);
  const entries = written?.kind === "map" ? written.entries : undefined;
  const node = mapNode(own);
  for (const [key, item] of Object.entries(value)) {
    const entry = entries?.get(key);
    const itemOrigin = entry !== undefined && sameScalar(entry.node, item) ? entry.node.origin : own;
    node.entries.set(key, { origin: entry?.origin ?? own, node: partOf(item, itemOrigin, depth + 1) });
  }
  return node;
}

const maxDepth = 64;

function sameScalar(node: ConfigNode, value: unknown): boolean {
  return node.kind === "scalar" && node.value === value;
}

/** Copies a tree without its types: what a target is given may be anything. */
function cloned(node: ConfigNode): ConfigNode {
  if (node.kind === "scalar") return { ...node };
  if (node.kind === "list") return listNode(node.origin, node.items.map(cloned));
  const copy = mapNode(node.origin);
  for (const [key, entry] of node.entries) copy.entries.set(key, { ...entry, node: cloned(entry.node) });
  return copy;
}

function build(plan: Plan): unknown {
  switch (plan.kind) {
    case "value":
      return dataOf(plan.node, plan.keepsOrigin);
    case "list":
      return kept(plan.items.map(build), plan);
    case "map":
      return kept(objectOf(plan.entries.map(([key, part]) => [String(key), build(part)])), plan);
    case "call": {
      const args = plan.args.map(build);
      const named = new Map(plan.named.map(([key, part]) => [key, build(part)]));
      return plan.isPartial ? partial(plan, args, named) : call(plan, args, named);
    }
  }
}

function dataOf(node: ConfigNode, keepsOrigin: boolean): unknown {
  if (node.kind === "scalar") return "opaque" in node ? node.opaque : node.value;
  if (node.kind === "list")
    return kept(
      node.items.map((item) => dataOf(item, keepsOrigin)),
      { node, keepsOrigin },
    );
  const entries = Array.from(node.entries, ([key, entry]): [string, unknown] => [
    String(key),
    dataOf(entry.node, keepsOrigin),
  ]);
  return kept(objectOf(entries), { node, keepsOrigin });
}

function kept<T extends object>(
  data: T,
  { node, keepsOrigin }: { node: ConfigNode; keepsOrigin: boolean },
): T {
  if (keepsOrigin) origins.set(data, node);
  return data;
}

function objectOf(entries: readonly [string, unknown][]): Record<string, unknown> {
  return Object.fromEntries(entries); // defines own properties, `__proto__` included
}

function partial(plan: CallPlan, args: readonly unknown[], named: ReadonlyMap<string, unknown>): PartialCall {
  const deferred = (...more: readonly unknown[]): unknown => call(plan, [...args, ...more], named);
  return Object.assign(deferred, {
    with: (over: Readonly<Record<string, unknown>>) =>
      partial(plan, args, new Map([...named, ...Object.entries(over)])),
  });
}

function call(plan: CallPlan, args: readonly unknown[], named: ReadonlyMap<string, unknown>): unknown {
  const { description } = plan;
  const positional = argumentsOf(plan, args, named);
  try {
    return invoke(description.target, positional);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw configErrorAt(targetNode(plan), plan.path, `the call of ${plan.name} failed: ${reason}`, error);
  }
}

/** Puts arguments into the order of the target's parameters, and the others into one object behind them. */
function argumentsOf(
  plan: CallPlan,
  args: readonly unknown[],
  named: ReadonlyMap<string, unknown>,
): unknown[] {
  const { parameters } = plan.description;
  const positional = [...args];
  const options: Record<string, unknown> = {};
  for (const [key, value] of named) {
    const index = parameters.indexOf(key);
    const option = camelCase(key);
    if ((index !== -1 && index < args.length) || (index === -1 && Object.hasOwn(options, option)))
      throw configErrorAt(targetNode(plan), plan.path, `${plan.name} is given "${key}" twice. Delete one.`);
    if (index === -1) options[option] = value;
    else positional[index] = value;
  }
  if (Object.keys(options).length > 0) {
    const position = Math.max(parameters.length, args.length);
    while (positional.length < position) positional.push(undefined);
    positional.push(options);
  }
  return Array.from(positional); // holes become undefined
}

function invoke(target: Callable, args: readonly unknown[]): unknown {
  return isClass(target)
    ? Reflect.construct(target, args)
    : Reflect.apply(target as (...values: unknown[]) => unknown, undefined, args);
}

function isClass(target: Callable): target is new (...args: never[]) => unknown {
  return /^class\b/u.test(Function.prototype.toString.call(target));
}

/** Turns `weight_decay` to `weightDecay`; underscores at the ends stay. */
function camelCase(key: string): string {
  return key.replaceAll(/(?<=[A-Za-z0-9])_+([A-Za-z0-9])/gu, (_match, next: string) => next.toUpperCase());
}

function targetNode({ node }: CallPlan): ConfigNode {
  return node.entries.get("_target_")!.node;
}

function configErrorAt(
  node: Pick<ConfigNode, "origin">,
  path: string,
  message: string,
  cause?: unknown,
): ConfigError {
  const issue = issueAt(node, path, message, "value");
  return new ConfigError(node.origin.source, [issue], cause === undefined ? {} : { cause });
}
