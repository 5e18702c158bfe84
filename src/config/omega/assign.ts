// Sets keys of mappings and items of lists, within what their types and locks allow.
import {
  type ConfigKey,
  type ConfigNode,
  type ListNode,
  type MapEntry,
  type MapNode,
  cloneNode,
} from "../node.ts";
import { formatPath, formatValue } from "../value.ts";
import { type Conforming, conform, refuseKey } from "./conform.ts";
import { issueAt } from "./failure.ts";
import { type ConfigType, takesKey } from "./types.ts";

/** Says whether changes are locked where a part stands. */
export interface Locks {
  struct: boolean;
  readonly: boolean;
}

export const unlocked: Locks = { struct: false, readonly: false };

/** Gives the locks within a part: its own, else those around it. */
export function locksWithin(node: ConfigNode, around: Locks): Locks {
  return node.kind === "scalar" ? around : { ...around, ...node.flags };
}

/** Sets a key to a copy of a value, converted to its type. Problems are added to the issues, and nothing is set then. */
export function assign(
  parent: MapNode,
  key: ConfigKey,
  { origin, node }: MapEntry,
  { locks, ...at }: Conforming & { locks: Locks },
): void {
  const inner = { path: [...at.path, key], issues: at.issues };
  const before = at.issues.length;
  const present = parent.entries.get(key)?.node;
  if (locks.readonly) refuseChange(node, inner);
  if (present === undefined) checkKey(parent, key, { origin, node }, { ...at, locks });
  const type = present?.type ?? typeOfKey(parent, key);
  const value = type === undefined ? cloneNode(node) : conform(node, type, inner);
  if (at.issues.length === before) parent.entries.set(key, { origin, node: value });
}

/** Makes an item of a list from a value, converted to the type of its items. */
export function listItem(
  list: ListNode,
  index: number,
  item: ConfigNode,
  { path, issues }: Conforming,
): ConfigNode {
  if (list.type?.kind !== "list") return cloneNode(item);
  return conform(item, list.type.item, { path: [...path, index], issues });
}

/** Reports a change of a part that is read-only. */
export function refuseChange({ origin }: Pick<ConfigNode, "origin">, { path, issues }: Conforming): void {
  const message = "this part of the config is read-only. Change a copy, or call setReadonly(node, false).";
  issues.push(issueAt({ origin }, formatPath(path.map(String)), message, "value"));
}

/** Gives the type that a key of a mapping is held to. */
function typeOfKey({ type }: MapNode, key: ConfigKey): ConfigType | undefined {
  if (type?.kind === "dict") return type.value.kind === "any" ? undefined : type.value;
  if (type?.kind !== "object" || typeof key !== "string" || !Object.hasOwn(type.fields, key))
    return undefined;
  return type.fields[key]!.type;
}

function checkKey(
  parent: MapNode,
  key: ConfigKey,
  { origin }: MapEntry,
  at: Conforming & { locks: Locks },
): void {
  const { type, flags } = parent;
  const isClosed = type?.kind === "object" ? flags?.struct !== false : at.locks.struct;
  if (isClosed && typeOfKey(parent, key) === undefined) return refuseKey({ origin }, key, parent, at);
  if (type?.kind === "dict" && !takesKey(type, key)) {
    const message = `the keys of this mapping are of type ${type.key}, got ${formatValue(key)}.`;
    at.issues.push(issueAt({ origin }, formatPath([...at.path, key].map(String)), message, "type"));
  }
}
