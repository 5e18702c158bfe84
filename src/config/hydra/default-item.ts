// One item of a defaults list, and which config, group and package it stands for. How lists become a tree: defaults-tree.ts.
import type { Origin } from "../node.ts";
import { absolutePackage, inParentPackage } from "./packages.ts";
import type { PackageHeader } from "./read-defaults.ts";

/** Is one item of a defaults list, as it is read; it gets its place in the tree when the tree is built. */
export type DefaultItem = ConfigItem | GroupItem;

interface CommonItem {
  /** What follows `@`. */
  package: string | undefined;
  optional: boolean;
  /** Where the item was written. */
  origin: Origin;
  /** The `@package` line of the config, absolute; known once the config is found. */
  header: string | undefined;
  /** Where that line stands. */
  headerOrigin: Origin | undefined;
  /** Group of the config that holds the item; a relative path starts there. */
  baseGroup: string;
  /** Package of the config that holds the item. */
  parentPackage: string;
  /** True for the config that was asked for by name. */
  isPrimary: boolean;
  /** True to read it as Hydra 1.1 did: `_name_` stands for its name. */
  isLegacy: boolean;
  /** True where `~group` took it out, or where an optional config is not there. */
  isDeleted: boolean;
}

/** Is a config named by its path, `db/mysql`, or `_self_`. */
export interface ConfigItem extends CommonItem {
  kind: "config";
  path: string;
}

/** Is a choice in a group, `db: mysql`. */
export interface GroupItem extends CommonItem {
  kind: "group";
  group: string;
  value: string | null | readonly string[];
  isOverride: boolean;
  /** True for `+group=option` of the command line. */
  isAppended: boolean;
}

/** What of an item has a default. */
type Options = Partial<Omit<CommonItem, "origin">> & { origin: Origin };

/** Makes an item that names a config. */
export function configItem(path: string, options: Options): ConfigItem {
  return { kind: "config", path, ...common(options) };
}

/** Makes an item that chooses in a group. */
export function groupItem(
  group: string,
  value: GroupItem["value"],
  options: Options & { isOverride?: boolean; isAppended?: boolean },
): GroupItem {
  const { isOverride = false, isAppended = false } = options;
  return { kind: "group", group, value, isOverride, isAppended, ...common(options) };
}

function common(options: Options): CommonItem {
  return {
    package: options.package === "_here_" ? "" : options.package,
    optional: options.optional ?? false,
    origin: options.origin,
    header: options.header,
    headerOrigin: options.headerOrigin,
    baseGroup: options.baseGroup ?? "",
    parentPackage: options.parentPackage ?? "",
    isPrimary: options.isPrimary ?? false,
    isLegacy: options.isLegacy ?? false,
    isDeleted: options.isDeleted ?? false,
  };
}

/** Tells whether an item is `_self_`, the content of the config that holds the list. */
export function isSelf(item: DefaultItem): boolean {
  return item.kind === "config" && item.path === "_self_";
}

/** Returns the last part of a config's path, null for `group: null`. */
export function nameOf(item: DefaultItem): string | null {
  if (item.kind === "group") return item.value as string | null;
  return item.path.slice(item.path.lastIndexOf("/") + 1);
}

/** Returns the group from the root of the search path, `db/backup`; empty at the root. */
export function groupOf(item: DefaultItem): string {
  const written = writtenGroup(item);
  if (isAbsolute(item) || item.baseGroup === "") return written;
  return written === "" ? item.baseGroup : `${item.baseGroup}/${written}`;
}

/** Returns the path of the config from the root of the search path, without an ending. */
export function configPathOf(item: DefaultItem): string {
  const group = groupOf(item);
  return group === "" ? String(nameOf(item)) : `${group}/${nameOf(item)}`;
}

/** Returns where in the whole config the item's content goes, `db.backup`; empty for the root. */
export function packageOf(item: DefaultItem, { useHeader = true } = {}): string {
  const given = item.package ?? (useHeader ? item.header : undefined);
  const own = given ?? writtenGroup(item).replaceAll("/", ".");
  const isNamed = item.isLegacy && typeof (item.kind === "group" ? item.value : item.path) === "string";
  return inParentPackage(item.parentPackage, isNamed ? own.replaceAll("_name_", nameOf(item)!) : own);
}

/** Returns the name by which overrides address a choice: `db`, or `db@backup` where it is not in its usual package. */
export function overrideKeyOf(item: GroupItem): string {
  const group = groupOf(item);
  const target = packageOf(item, { useHeader: false });
  if (target === group.replaceAll("/", ".")) return group;
  return `${group}@${target === "" ? "_global_" : target}`;
}

/** Tells whether the choice of an item depends on other choices, `${db}_server`. */
export function hasInterpolation(item: DefaultItem): boolean {
  const text = item.kind === "config" ? item.path : item.value;
  return typeof text === "string" && text.includes("${");
}

/** Tells whether an item must still be chosen, `???`. */
export function isMissing(item: DefaultItem): boolean {
  return !Array.isArray(item.kind === "group" ? item.value : null) && nameOf(item) === "???";
}

/** Notes what the first lines of an item's config say of its package, which counts from the root. */
export function setHeader(item: DefaultItem, header: PackageHeader | undefined): void {
  if (header === undefined || (item.isLegacy && header.name === "_group_")) return; // the group is the default
  const absolute = absolutePackage(header.name);
  item.headerOrigin = header.origin;
  item.header = item.isLegacy ? absolute.replaceAll("_group_", groupOf(item).replaceAll("/", ".")) : absolute;
}

/** Puts an item below the config that holds it. */
export function placeBelow(item: DefaultItem, baseGroup: string, parentPackage: string): void {
  item.baseGroup = baseGroup;
  item.parentPackage = parentPackage;
  if (item.package?.includes("_group_") === true)
    item.package = `_global_.${item.package.replaceAll("_group_", groupOf(item).replaceAll("/", "."))}`;
}

function writtenGroup(item: DefaultItem): string {
  const text = isAbsolute(item) ? textOf(item).slice(1) : textOf(item);
  return item.kind === "group" ? text : text.slice(0, Math.max(0, text.lastIndexOf("/")));
}

function isAbsolute(item: DefaultItem): boolean {
  return textOf(item).startsWith("/");
}

function textOf(item: DefaultItem): string {
  return item.kind === "group" ? item.group : item.path;
}
