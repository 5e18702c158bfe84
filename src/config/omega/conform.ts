// Holds parts of a config to types: converts what fits, and says of all else what it should be.
import type { ConfigIssue } from "../../base/index.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type ListNode,
  type MapNode,
  type Origin,
  type ScalarNode,
  cloneNode,
  listNode,
  mapNode,
  nodeOf,
} from "../node.ts";
import { formatPath, formatValue } from "../value.ts";
import { convert } from "./convert.ts";
import { hint, issueAt } from "./failure.ts";
import { isInterpolation, isMissing, missing } from "./kinds.ts";
import {
  type ConfigType,
  type DictType,
  type ListType,
  type ObjectType,
  isContainerType,
  isOptional,
  takesKey,
  typeText,
} from "./types.ts";

/** Is where a part stands, and where its problems go. */
export interface Conforming {
  path: readonly ConfigKey[];
  issues: ConfigIssue[];
}

/**
 * Makes a part of a type from one of none. Problems are added to the issues, and the part is then left as it is.
 * A mapping is laid over `base`, or over the defaults of its type.
 */
export function conform(node: ConfigNode, type: ConfigType, at: Conforming, base?: ConfigNode): ConfigNode {
  if (type.kind === "any") return cloneNode(node);
  if (node.kind === "scalar" && (isMissing(node) || isInterpolation(node))) return { ...node, type };
  if (node.kind === "scalar" && node.value === null) {
    if (isOptional(type)) return { ...node, type };
    return refuse(node, type, at);
  }
  if (isContainerType(type)) {
    if (type.kind === "list" && node.kind === "list") return conformList(node, type, at);
    if (type.kind === "dict" && node.kind === "map") return conformDict(node, type, at, base);
    if (type.kind === "object" && node.kind === "map") return conformObject(node, type, at, base);
    return refuse(node, type, at);
  }
  if (node.kind !== "scalar") return refuse(node, type, at);
  const value = convert(node, type);
  return value === undefined ? refuse(node, type, at) : { ...node, ...value, type };
}

/** Makes a mapping of a type with the defaults of its fields. */
export function prototype(type: ObjectType, origin: Origin, at: Conforming): MapNode {
  const node: MapNode = { ...mapNode(origin), type };
  for (const [key, field] of Object.entries(type.fields)) {
    if (field.omitted === true) continue;
    const value = nodeOf(field.default ?? (field.default === null ? null : missing), origin);
    const path = [...at.path, key];
    node.entries.set(key, { origin, node: conform(value, field.type, { ...at, path }) });
  }
  return node;
}

/** Reports a key that a mapping may not have. */
export function refuseKey(
  { origin }: { origin: Origin },
  key: ConfigKey,
  target: MapNode,
  { path, issues }: Conforming,
): void {
  const { type } = target;
  const owner =
    type?.kind === "object" ? type.name : path.length === 0 ? "the config" : formatPath(path.map(String));
  const names = type?.kind === "object" ? Object.keys(type.fields) : [...target.entries.keys()].map(String);
  const message = `${owner} has no key ${JSON.stringify(String(key))}. ${hint(String(key), names)}`;
  issues.push(issueAt({ origin }, formatPath([...path, key].map(String)), message, "unknown_key"));
}

function conformList(node: ListNode, type: ListType, { path, issues }: Conforming): ListNode {
  const items = node.items.map((item, index) => conform(item, type.item, { path: [...path, index], issues }));
  return { ...listNode(node.origin, items), ...withFlags(node), type };
}

function conformDict(node: MapNode, type: DictType, at: Conforming, base?: ConfigNode): MapNode {
  const copy: MapNode = base?.kind === "map" ? cloneNode(base) : { ...mapNode(node.origin), type };
  for (const [key, entry] of node.entries) {
    const inner = { path: [...at.path, key], issues: at.issues };
    if (!takesKey(type, key)) {
      const message = `the keys of this mapping are of type ${type.key}, got ${formatValue(key)}.`;
      at.issues.push(issueAt(entry, formatPath(inner.path.map(String)), message, "type"));
    }
    const present = copy.entries.get(key)?.node;
    copy.entries.set(key, { origin: entry.origin, node: conform(entry.node, type.value, inner, present) });
  }
  return { ...copy, ...withFlags(node) };
}

function conformObject(node: MapNode, type: ObjectType, at: Conforming, base?: ConfigNode): MapNode {
  const copy: MapNode = base?.kind === "map" ? cloneNode(base) : prototype(type, node.origin, at);
  for (const [key, entry] of node.entries) {
    const present = copy.entries.get(key)?.node;
    const field = typeof key === "string" && Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
    if (field === undefined) {
      refuseKey(entry, key, copy, at);
      continue;
    }
    if (isMissing(entry.node)) continue;
    const inner = { path: [...at.path, key], issues: at.issues };
    copy.entries.set(key, { origin: entry.origin, node: conform(entry.node, field.type, inner, present) });
  }
  return { ...copy, ...withFlags(node), type };
}

function withFlags({ flags }: MapNode | ListNode): Pick<MapNode, "flags"> {
  return flags === undefined ? {} : { flags };
}

function refuse(node: ConfigNode, type: ConfigType, { path, issues }: Conforming): ConfigNode {
  const got = describe(node);
  const near =
    type.kind === "enum" && node.kind === "scalar" ? nearMember(node, Object.keys(type.members)) : "";
  const remedy = near || (got === "null" ? "Give a value." : "Correct the value.");
  const message = `must be ${typeText(type)}, got ${got}. ${remedy}`;
  issues.push({
    ...issueAt(node, formatPath(path.map(String)), message, "type"),
    expected: typeText(type),
    received: got,
  });
  return cloneNode(node);
}

function nearMember(node: ScalarNode, members: readonly string[]): string {
  return /^Did you mean "[^"]*"\?/u.exec(hint(String(node.value), members))?.[0] ?? "";
}

function describe(node: ConfigNode): string {
  if (node.kind !== "scalar") return node.kind === "list" ? "a list" : "a mapping";
  return typeof node.value === "bigint" ? String(node.value) : formatValue(node.value);
}
