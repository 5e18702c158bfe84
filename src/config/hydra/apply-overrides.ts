// Overrides of a composed config, with Hydra's rules: a=v needs the key, + adds one, ++ does either, ~ deletes.
import { ConfigError, suggestion } from "../../base/index.ts";
import {
  type ConfigNode,
  type ListNode,
  type MapNode,
  type ScalarNode,
  cloneNode,
  equalNodes,
  mapNode,
  valueOf,
} from "../node.ts";
import { isMissing } from "../omega/kinds.ts";
import { mergeInto } from "../omega/merge.ts";
import { update } from "../omega/update.ts";
import { formatPath, formatValue } from "../value.ts";
import { OverrideError } from "./override-error.ts";
import { type Override, keyElement } from "./override.ts";

/**
 * Applies overrides to a config in their order, in place. Mappings are merged key by key, lists are replaced;
 * what an override writes has its text as origin. One that does not fit throws an `OverrideError`.
 */
export function applyOverrides(config: MapNode, overrides: readonly Override[]): void {
  for (const override of overrides) {
    if (override.package !== undefined) {
      fail(
        override,
        `"${keyElement(override)}" names a package, but there is no config group ${formatValue(override.keyOrGroup)}.`,
      );
    }
    if (override.sweep !== undefined) fail(override, "its values are a sweep, which needs multirun (-m).");
    const target = locate(config, override);
    if (override.action === "delete") remove(target, override);
    else if (override.action === "extend") extend(target, override);
    else write(target, override);
  }
}

type Container = MapNode | ListNode;

/** Is the place that an override means: a key or index of a container, or where the path to it ends too early. */
interface Target {
  root: MapNode;
  parent: Container;
  /** Keys and indices that lead to `parent`. */
  path: readonly string[];
  key: string;
  /** Keys that must follow `key`: the config has no container there. */
  rest: readonly string[];
  present: ConfigNode | undefined;
}

/** Follows the path as far as the config has it. */
function locate(config: MapNode, override: Override): Target {
  let parent: Container = config;
  let rest: readonly string[] = override.keyOrGroup.split(".");
  const path: string[] = [];
  for (;;) {
    const taken = stepLength(parent, rest);
    const key = rest.slice(0, taken).join(".");
    rest = rest.slice(taken);
    const present = childOf(parent, key);
    if (rest.length === 0 || present === undefined || present.kind === "scalar")
      return { root: config, parent, path, key, rest, present };
    parent = present;
    path.push(key);
  }
}

/** A key that holds dots itself (`space: {optimizer.lr: ...}`) is taken whole where its first part is no key. */
function stepLength(parent: Container, rest: readonly string[]): number {
  if (parent.kind === "list" || parent.entries.has(rest[0]!)) return 1;
  for (let taken = rest.length; taken > 1; taken--) {
    if (parent.entries.has(rest.slice(0, taken).join("."))) return taken;
  }
  return 1;
}

function childOf(parent: Container, key: string): ConfigNode | undefined {
  if (parent.kind === "map") return parent.entries.get(key)?.node;
  return /^\d+$/u.test(key) ? parent.items[Number(key)] : undefined;
}

function write(target: Target, override: Override): void {
  const { parent, path, key, rest, present } = target;
  const { action, text, keyOrGroup } = override;
  const value = override.value!;
  if (parent.kind === "list") checkIndex(parent, target, override);
  const isAbsent = present === undefined || rest.length > 0;
  if (action === "set" && isAbsent) failAbsent(target, override);
  if (action === "add" && !isAbsent && value.kind === "scalar" && !isNull(present) && !isMissing(present)) {
    fail(
      override,
      `${keyOrGroup} is there already, as ${show(present)}. Write ${text.slice(1)} to change it, or +${text} to set it in any case.`,
    );
  }
  if (!isAbsent && value.kind !== "scalar" && present.kind !== "scalar") {
    if (value.kind !== present.kind) {
      const kinds = { map: "a mapping", list: "a list" };
      fail(
        override,
        `${keyOrGroup} must stay ${kinds[present.kind]}, got ${kinds[value.kind]}. Delete it first: ~${keyOrGroup}.`,
      );
    }
    if (action === "set") checkKeys(present, value, [...path, key], override);
  }
  const isAppended = parent.kind === "list" && Number(key) === parent.items.length;
  if (isAppended) parent.items.push(cloneNode(value));
  else if ([...path, key].some((step) => step.includes("."))) putWhole(target, value);
  else updateTyped(target.root, override);
}

/** Writes where the config may hold a part to a type; what the type refuses changes nothing. */
function updateTyped(root: MapNode, override: Override): void {
  const { action, keyOrGroup, value } = override;
  try {
    update(root, keyOrGroup, value!, { forceAdd: action !== "set", origin: value!.origin });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const reasons = error.issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
    throw new OverrideError(override.text, reasons.join(" "), { cause: error });
  }
}

/** Writes below a key that holds dots, which no path can name. */
function putWhole({ parent, key, rest, present }: Target, value: ConfigNode): void {
  if (rest.length === 0 && present !== undefined && present.kind === value.kind && value.kind !== "scalar") {
    mergeInto(present, value);
    return;
  }
  const node = nest(rest, cloneNode(value));
  if (parent.kind === "list") parent.items[Number(key)] = node;
  else parent.entries.set(key, { origin: node.origin, node });
}

/** Wraps a value into new mappings, one for each key. */
function nest(keys: readonly string[], value: ConfigNode): ConfigNode {
  return keys.reduceRight<ConfigNode>(
    (node, key) => mapNode(value.origin, [[key, { origin: value.origin, node }]]),
    value,
  );
}

/** Checks that a mapping to be merged brings no new keys. */
function checkKeys(
  present: ConfigNode,
  value: ConfigNode,
  path: readonly string[],
  override: Override,
): void {
  if (present.kind !== "map" || value.kind !== "map") return;
  for (const [key, { node }] of value.entries) {
    const child = present.entries.get(key)?.node;
    if (child === undefined) {
      fail(
        override,
        `there is no ${formatPath([...path, String(key)])} to set. ${known(present, String(key))}Write +${override.text} to add it.`,
      );
    }
    checkKeys(child, node, [...path, String(key)], override);
  }
}

function remove(target: Target, override: Override): void {
  const { parent, path, key, rest, present } = target;
  if (present === undefined || rest.length > 0) failAbsent(target, override);
  if (parent.kind === "list") {
    fail(override, `an item of a list cannot be deleted alone. Set the list: ${formatPath(path)}=[...].`);
  }
  const { value, keyOrGroup } = override;
  if (value !== undefined && !isNull(value) && !equalNodes(value, present, isSame)) {
    fail(
      override,
      `the value of ${keyOrGroup} is ${show(present)}, not ${show(value)}. Write ~${keyOrGroup} to delete it in any case.`,
    );
  }
  parent.entries.delete(key);
}

function extend(target: Target, override: Override): void {
  const { rest, present } = target;
  if (present === undefined || rest.length > 0) failAbsent(target, override);
  if (present.kind !== "list")
    fail(override, `${override.keyOrGroup} must be a list to be extended, got ${show(present)}.`);
  present.items.push(...(override.value as ListNode).items.map(cloneNode));
}

function checkIndex(list: ListNode, { path, key, rest }: Target, override: Override): void {
  const name = formatPath(path);
  if (!/^\d+$/u.test(key))
    fail(override, `${name} is a list, so a number must follow it, got "${key}". Write ${name}.0=VALUE.`);
  const { length } = list.items;
  const isNext = Number(key) === length && override.action !== "set" && rest.length === 0;
  if (Number(key) < length || isNext) return;
  const count = `${length} item${length === 1 ? "" : "s"}`;
  fail(
    override,
    `${name} has ${count}, got index ${key}. Add one with +${name}.${length}=... or ${name}=extend_list(...).`,
  );
}

function failAbsent(target: Target, override: Override): never {
  const { parent, path, key, rest, present } = target;
  const verb = { set: "set", add: "add", force: "set", delete: "delete", extend: "extend" }[override.action];
  const name = override.keyOrGroup;
  const remedy = override.action === "set" ? `Write +${override.text} to add it.` : "";
  if (present !== undefined) {
    const around = formatPath([...path, key]);
    fail(
      override,
      `there is no ${name} to ${verb}: ${around} is ${show(present)}, which has no "${rest[0]}". ${remedy}`.trimEnd(),
    );
  }
  if (parent.kind === "list") checkIndex(parent, target, override);
  fail(override, `there is no ${name} to ${verb}. ${known(parent, key)}${remedy}`.trimEnd());
}

function known(parent: Container, key: string): string {
  if (parent.kind === "list" || parent.entries.size === 0) return "";
  return `${suggestion(key, Array.from(parent.entries.keys(), String))} `;
}

function isNull(node: ConfigNode): boolean {
  return node.kind === "scalar" && node.value === null;
}

/** Compares as Python does: 1, 1.0 and true are the same. */
function isSame(left: ScalarNode["value"], right: ScalarNode["value"]): boolean {
  if (left === null || right === null) return left === right;
  if (typeof left === "string" || typeof right === "string") return left === right;
  return typeof left === typeof right ? left === right : Number(left) === Number(right);
}

function show(node: ConfigNode): string {
  return formatValue(valueOf(node));
}

function fail({ text }: Override, reason: string): never {
  throw new OverrideError(text, reason);
}
