// OmegaConf's own resolvers: oc.env, oc.select, oc.decode, oc.deprecated, oc.create, oc.dict.keys and oc.dict.values.
import { UsageError, logger } from "../../base/index.ts";
import { type ConfigNode, listNode, mapNode, scalarNode } from "../node.ts";
import { formatValue, typeName } from "../value.ts";
import { NoContainer, hint } from "./failure.ts";
import { isMissing } from "./kinds.ts";
import { parseElement } from "./parse-interpolation.ts";
import { Position } from "./position.ts";
import { pythonText } from "./python-text.ts";
import { readYaml } from "./read-yaml.ts";
import type { ResolverCall, ResolverFunction } from "./resolvers.ts";

export const ocResolvers: readonly [string, ResolverFunction][] = [
  ["oc.create", create],
  ["oc.decode", decode],
  ["oc.deprecated", deprecated],
  ["oc.dict.keys", keys],
  ["oc.dict.values", values],
  ["oc.env", environment],
  ["oc.select", select],
];

/** `${oc.env:NAME, default}`: the text of a variable; a default becomes a text too, unless it is null. */
function environment(call: ResolverCall): Position {
  const name = textArgument(call, 0, 1, 2);
  const value = process.env[name];
  const fallback = call.args[1];
  const { origin } = call.at.node;
  if (value !== undefined) return final(scalarNode(origin, value), call);
  if (fallback === undefined) {
    throw new UsageError(
      `the environment has no ${JSON.stringify(name)}. Set it, or give a default: \${oc.env:${name},default}.`,
    );
  }
  const { node } = fallback;
  if (node.kind === "scalar" && node.value === null) return fallback;
  return final(scalarNode(origin, pythonText(node)), call);
}

/** `${oc.select:key, default}`: the value at a key, or the default where there is none or it is "???". */
function select(call: ResolverCall): Position {
  const key = textArgument(call, 0, 1, 2);
  return find(call, key) ?? call.args[1] ?? final(scalarNode(call.at.node.origin, null), call);
}

/** `${oc.decode:text}`: the value that a text of the grammar stands for; null stays null. */
function decode(call: ResolverCall): Position {
  const [argument] = argumentsOf(call, 1, 1);
  if (argument!.node.kind === "scalar" && argument!.node.value === null) return argument!;
  return call.resolution.element(parseElement(textArgument(call, 0, 1, 1)), call.at);
}

/** `${oc.deprecated:new_key, message}`: the value at another key, with a warning. */
function deprecated(call: ResolverCall): Position {
  const key = textArgument(call, 0, 1, 2);
  const message =
    call.args.length > 1
      ? textArgument(call, 1, 1, 2)
      : "'$OLD_KEY' is deprecated. Change your code and config to use '$NEW_KEY'";
  const target = call.resolution.find(key, { from: call.at.parent ?? call.at, at: call.at });
  if (target.found === undefined) throw new UsageError(`there is no ${JSON.stringify(key)} to use instead.`);
  const names: Record<string, string> = { OLD_KEY: call.at.fullKey, NEW_KEY: target.found.fullKey };
  logger.warn(message.replaceAll(/\$(OLD_KEY|NEW_KEY)\b/gu, (_, name: string) => names[name]!));
  return target.found;
}

/** `${oc.create:{a: 1}}`: a mapping or list of the config, whose own interpolations are followed. */
function create(call: ResolverCall): Position {
  const [argument] = argumentsOf(call, 1, 1);
  const { node } = argument!;
  const content = node.kind === "scalar" ? created(node.value, call) : node;
  return new Position(content, { parent: call.at.parent });
}

function created(value: unknown, { at }: ResolverCall): ConfigNode {
  if (value === null) return scalarNode(at.node.origin, null);
  if (typeof value !== "string")
    throw new UsageError(`oc.create takes a mapping, a list or a text of YAML, got ${formatValue(value)}.`);
  const node = readYaml(value, at.node.origin.source);
  if (node.kind !== "scalar") return node;
  const { origin } = node;
  if (node.value === null) return mapNode(origin);
  if (typeof node.value === "string")
    return mapNode(origin, [[node.value, { origin, node: scalarNode(origin, null) }]]);
  throw new UsageError(`oc.create takes a mapping or a list, got ${formatValue(node.value)}.`);
}

/** `${oc.dict.keys:key}`: the keys of a mapping, as a list. */
function keys(call: ResolverCall): Position {
  const { mapping } = mappingArgument(call, "oc.dict.keys");
  if (mapping.node.kind !== "map") return mapping;
  const { origin } = call.at.node;
  const items = [...mapping.node.entries.keys()].map((key) => scalarNode(origin, key));
  return new Position(listNode(origin, items), { parent: call.at.parent });
}

/** `${oc.dict.values:key}`: the values of a mapping, as a list of interpolations that lead to them. */
function values(call: ResolverCall): Position {
  const { mapping, key } = mappingArgument(call, "oc.dict.values");
  if (mapping.node.kind !== "map") return mapping;
  const { origin } = call.at.node;
  const prefix = key.startsWith(".") ? `.${key}` : key; // the list is one level more to climb
  const items = [...mapping.node.entries.keys()].map((name) =>
    scalarNode(origin, `\${${prefix}.${String(name)}}`),
  );
  return new Position(listNode(origin, items), { parent: call.at.parent });
}

function mappingArgument(call: ResolverCall, resolver: string): { mapping: Position; key: string } {
  const key = textArgument(call, 0, 1, 1);
  const { found, last, name } = call.resolution.find(key, {
    from: call.at.parent ?? call.at,
    at: call.at,
  });
  if (found !== undefined && isMissing(found.node))
    throw new UsageError(`the value "???" of ${found.fullKey} has yet to be given. Set it.`);
  if (found === undefined) {
    const names = last.node.kind === "map" ? [...last.node.entries.keys()].map(String) : [];
    throw new UsageError(`there is no ${JSON.stringify(key)}. ${hint(name, names)}`);
  }
  if (found.node.kind === "map") return { mapping: found, key };
  const got = found.node.kind === "list" ? "a list" : formatValue(found.node.value);
  throw new UsageError(`${resolver} takes the key of a mapping, got that of ${got}.`);
}

function find(call: ResolverCall, key: string): Position | undefined {
  try {
    const { found } = call.resolution.find(key, { from: call.at.parent ?? call.at, at: call.at });
    return found === undefined || isMissing(found.node) ? undefined : found;
  } catch (error) {
    if (error instanceof NoContainer) return undefined;
    throw error;
  }
}

function argumentsOf({ args }: ResolverCall, least: number, most: number): readonly Position[] {
  if (args.length >= least && args.length <= most) return args;
  const count = least === most ? String(least) : `${least} to ${most}`;
  throw new UsageError(`it takes ${count} argument${most === 1 ? "" : "s"}, got ${args.length}.`);
}

function textArgument(call: ResolverCall, index: number, least: number, most: number): string {
  const { node } = argumentsOf(call, least, most)[index]!;
  if (node.kind === "scalar" && typeof node.value === "string") return node.value;
  const got = node.kind === "scalar" ? formatValue(node.value) : typeName(node.kind === "list" ? [] : {});
  throw new UsageError(`argument ${index + 1} must be a text, got ${got}. Quote it.`);
}

function final(node: ConfigNode, { at }: ResolverCall): Position {
  return new Position(node, { parent: at.parent, isFinal: true });
}
