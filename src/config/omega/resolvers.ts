// The resolvers that `${name:...}` calls: those of the user, and OmegaConf's own in oc-resolvers.ts.
import { UsageError, isPlainObject } from "../../base/index.ts";
import { type ConfigNode, isConfigNode, nodeOf, valueOf } from "../node.ts";
import { type ConfigValue, typeName } from "../value.ts";
import { ocResolvers } from "./oc-resolvers.ts";
import { Position } from "./position.ts";
import type { Resolution } from "./resolution.ts";

/** Is a function that `${name:argument, ...}` calls; what it returns stands for the interpolation. */
export type Resolver = (...args: never[]) => ConfigValue | ConfigNode;

/** Says where in a config a resolver is called. */
export interface ResolverContext {
  /** The whole config, `_root_` in OmegaConf. */
  root: ConfigNode;
  /** The mapping or list that holds the interpolation, `_parent_`. */
  parent: ConfigNode;
  /** The text with the interpolation, `_node_`. */
  node: ConfigNode;
}

/** Says how a resolver is called. */
export interface ResolverOptions {
  /** Takes the place of a resolver of the same name. @default false */
  replace?: boolean;
  /**
   * Calls the resolver once for each config and each text of its arguments: `${f:${x}}` keeps its first value even
   * where `x` changes.
   * @default false
   */
  useCache?: boolean;
  /** Passes a `ResolverContext` as the first argument. @default false */
  context?: boolean;
}

/** Is one call of a resolver. */
export interface ResolverCall {
  args: readonly Position[];
  /** The arguments as they were written. */
  sources: readonly string[];
  /** The text that holds the call. */
  at: Position;
  resolution: Resolution;
}

export type ResolverFunction = (call: ResolverCall) => Position;

const resolvers = new Map<string, ResolverFunction>(ocResolvers);
let caches = new WeakMap<ConfigNode, Map<string, Map<string, ConfigNode>>>();

/**
 * Registers a function for `${name:...}`. Its arguments come as plain data, with interpolations followed; it returns
 * plain data, or a node where 1.0 must stay a float. A name that is taken throws unless `replace` is set.
 *
 * @example
 * registerNewResolver("times", (a: number, b: number) => a * b);
 * // lr: ${times:${base_lr}, 2}
 */
export function registerNewResolver(name: string, resolver: Resolver, options: ResolverOptions = {}): void {
  const { replace = false, useCache = false, context = false } = options;
  if (name === "")
    throw new UsageError("registerNewResolver: a resolver must have a name, got an empty text.");
  if (!replace && resolvers.has(name)) {
    throw new UsageError(
      `registerNewResolver: the resolver "${name}" is registered already. Choose another name, or set replace: true.`,
    );
  }
  if (useCache && context) {
    throw new UsageError(
      `registerNewResolver: the resolver "${name}" cannot be cached by its arguments when it also gets its place. ` +
        "Set useCache or context, not both.",
    );
  }
  const call = (resolverCall: ResolverCall): ConfigNode => {
    const args: unknown[] = resolverCall.args.map((arg) => valueOf(resolverCall.resolution.build(arg)));
    if (context) args.unshift(contextOf(resolverCall.at));
    return resultNode(resolver(...(args as never[])), resolverCall.at);
  };
  resolvers.set(name, (resolverCall) => {
    const { at } = resolverCall;
    const node = useCache ? cached(name, resolverCall, call) : call(resolverCall);
    return new Position(node, { parent: at.parent, isFinal: true });
  });
}

/** Tells whether `${name:...}` has a resolver. */
export function hasResolver(name: string): boolean {
  return resolvers.has(name);
}

/** Removes a resolver, OmegaConf's own included; false where there is none. */
export function clearResolver(name: string): boolean {
  return resolvers.delete(name);
}

/** Removes all resolvers but OmegaConf's own, and brings back those of them that were removed. */
export function clearResolvers(): void {
  resolvers.clear();
  for (const [name, resolver] of ocResolvers) resolvers.set(name, resolver);
}

/** Forgets what cached resolvers gave for a config, or for all configs. */
export function clearCache(config?: ConfigNode): void {
  if (config === undefined) caches = new WeakMap();
  else caches.delete(config);
}

/** Gives one config what cached resolvers gave for another. */
export function copyCache(from: ConfigNode, to: ConfigNode): void {
  caches.set(to, new Map([...(caches.get(from) ?? [])].map(([name, values]) => [name, new Map(values)])));
}

export function findResolver(name: string): ResolverFunction | undefined {
  return resolvers.get(name);
}

export function resolverNames(): string[] {
  return [...resolvers.keys()];
}

function cached(name: string, call: ResolverCall, run: (call: ResolverCall) => ConfigNode): ConfigNode {
  const root = call.at.root.node;
  const cache = caches.get(root) ?? new Map<string, Map<string, ConfigNode>>();
  caches.set(root, cache);
  const values = cache.get(name) ?? new Map<string, ConfigNode>();
  cache.set(name, values);
  const key = JSON.stringify(call.sources);
  const value = values.get(key) ?? run(call);
  values.set(key, value);
  return value;
}

function contextOf(at: Position): ResolverContext {
  return { root: at.root.node, parent: (at.parent ?? at).node, node: at.node };
}

function resultNode(result: unknown, at: Position): ConfigNode {
  if (isConfigNode(result)) return result;
  if (!isPlain(result)) {
    throw new UsageError(
      `a resolver returns numbers, texts, booleans, null, lists or mappings of them, got ${typeName(result)}.`,
    );
  }
  return nodeOf(result, at.node.origin);
}

function isPlain(value: unknown): value is ConfigValue {
  if (Array.isArray(value)) return value.every(isPlain);
  if (value === null || ["boolean", "number", "string"].includes(typeof value)) return true;
  return isPlainObject(value) && Object.values(value).every(isPlain);
}
