// Builds the tree of configs that a primary config pulls in by its defaults lists, and theirs.
import { suggestion } from "../../base/index.ts";
import { type ConfigNode, type MapNode, type Origin, listNode, mapNode, scalarNode } from "../node.ts";
import { select } from "../omega/resolve.ts";
import type { Choices } from "./choices.ts";
import { pathProblem, shownPath } from "./config-path.ts";
import {
  type DefaultItem,
  configItem,
  configPathOf,
  groupOf,
  hasInterpolation,
  isSelf,
  nameOf,
  overrideKeyOf,
  packageOf,
  placeBelow,
  setHeader,
} from "./default-item.ts";
import { problemAt } from "./problem.ts";
import type { FoundConfig, Repository } from "./repository.ts";

/** Is a config of the tree with what it pulls in, in the order of merging; undefined for one that has no list. */
export interface DefaultsNode {
  item: DefaultItem;
  children: DefaultsNode[] | undefined;
  parent: DefaultsNode | undefined;
}

/** Says where configs are found, and which choices are made among them. */
export interface TreeOptions {
  repository: Repository;
  choices: Choices;
  /** True to compose as Hydra 1.1 did. */
  isLegacy: boolean;
  /** True to pass over a group that must still be chosen, as before a sweep. */
  skipMissing: boolean;
}

const maxDepth = 64;
const maxNodes = 20_000;

/** Builds the tree below the primary config and Hydra's own; without a name, the primary config is empty. */
export function buildDefaultsTree(configName: string | undefined, options: TreeOptions): DefaultsNode[] {
  const origin: Origin = { source: configName ?? "(no config)" };
  const { isLegacy } = options;
  const hydra = {
    item: configItem("hydra/config", { origin, isLegacy }),
    children: undefined,
    parent: undefined,
  };
  const primary: DefaultsNode = {
    item: configItem(configName ?? emptyConfig, { origin, isLegacy, isPrimary: true }),
    children: undefined,
    parent: undefined,
  };
  const builder = new TreeBuilder(options);
  builder.expand(primary, false); // first, since its `override hydra/...` items choose in Hydra's own list
  builder.expand(hydra, false);
  return [hydra, primary];
}

/** Is the config that stands in for a primary one. */
export const emptyConfig = "_dummy_empty_config_";

class TreeBuilder {
  readonly #options: TreeOptions;
  #nodes = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  /** Reads an item's config and expands its defaults list. `isDeferred`: its path held an interpolation. */
  expand(node: DefaultsNode, isDeferred: boolean): void {
    const { repository, choices, skipMissing } = this.#options;
    const { item } = node;
    this.#checkSize(node);
    if (choices.takesOut(item)) {
      item.isDeleted = true;
      return;
    }
    choices.remember(item);
    if (nameOf(item) === null) return;
    if (configPathOf(item).endsWith("???")) {
      if (skipMissing) return;
      throw this.#missingChoice(item);
    }
    const found = repository.find(configPathOf(item));
    if (found === undefined) {
      if (!item.optional) throw this.#notFound(node);
      item.isDeleted = true;
      return;
    }
    setHeader(item, found.package);
    this.#expandList(node, found, isDeferred);
  }

  #expandList(node: DefaultsNode, found: FoundConfig, isDeferred: boolean): void {
    const { choices } = this.#options;
    const { item } = node;
    const list = (found.defaults ?? []).map((each) => ({ ...each, isLegacy: item.isLegacy }));
    const isExtended = item.isPrimary && choices.appended.length > 0;
    let isSelfAdded = false;
    if (list.length > 0 || isExtended) isSelfAdded = addSelf(list, item);
    if (item.isPrimary) list.push(...choices.appended.map((each) => ({ ...each, isLegacy: item.isLegacy })));
    this.#takeOverrides(list, item, isDeferred);

    const children: DefaultsNode[] = [];
    const deferred: DefaultsNode[] = [];
    const add = (child: DefaultItem): DefaultsNode => {
      const childNode = { item: child, children: undefined, parent: node };
      children.push(childNode);
      return childNode;
    };
    // from the end: what stands later is merged later, and its overrides reach what stands before it
    for (const each of list.toReversed()) {
      if (isSelf(each)) {
        each.baseGroup = item.baseGroup;
        add(each);
        continue;
      }
      if (each.kind === "group" && each.isOverride) continue;
      choices.applyTo(each);
      if (each.kind === "group" && Array.isArray(each.value)) {
        for (const option of each.value.toReversed())
          this.expand(add(optionItem(each, option, item)), isDeferred);
      } else if (hasInterpolation(each)) deferred.push(add(each));
      else this.expand(add(each), isDeferred);
    }
    const known = deferred.length > 0 ? knownChoices(choices, list, isSelfAdded) : undefined;
    for (const child of deferred) {
      resolveItem(child.item, known!);
      this.expand(child, true);
    }
    if (children.length > 0) node.children = children.reverse();
  }

  /** Puts the items in their places and collects the `override` items, which must stand at the end. */
  #takeOverrides(list: readonly DefaultItem[], parent: DefaultItem, isDeferred: boolean): void {
    let last: DefaultItem | undefined;
    for (const item of list) {
      if (isSelf(item)) continue;
      placeBelow(item, groupOf(parent), packageOf(parent));
      const isLegacyOverride =
        item.isLegacy && item.kind === "group" && !item.isOverride && item.group.startsWith("hydra/");
      if (isLegacyOverride) item.isOverride = true;
      const isOverride = item.kind === "group" && item.isOverride;
      const isAppended = item.kind === "group" && item.isAppended;
      if (last !== undefined && !isOverride && !isAppended)
        throw problemAt(
          item.origin,
          `"override" items stand at the end of a defaults list, but this one follows one. Move it up.`,
        );
      if (!isOverride) continue;
      if (!isLegacyOverride) last = item;
      if (isDeferred)
        throw problemAt(
          item.origin,
          `"override ${overrideKeyOf(item)}" comes too late: which config it stands in follows from other choices (\${...}). Move it to the primary config.`,
        );
      this.#options.choices.addOverride(item);
    }
  }

  #missingChoice(item: DefaultItem): Error {
    if (item.kind === "config")
      return problemAt(item.origin, `"${item.path}": only a choice in a group may be ???. Name a config.`);
    const key = overrideKeyOf(item);
    const options = this.#options.repository.list(groupOf(item), "configs");
    return problemAt(
      item.origin,
      `an option of "${key}" must be chosen: ${key}=OPTION. Available: ${options.join(", ") || "none"}.`,
      "missing",
    );
  }

  #notFound(node: DefaultsNode): Error {
    const { repository } = this.#options;
    const { item } = node;
    const group = groupOf(item);
    const name = String(nameOf(item));
    const searched = `Searched: ${placesOf(repository)}.`;
    if (group !== "" && !repository.hasGroup(group)) {
      const known = groupsBeside(group, repository);
      const hint = known.length === 0 ? "" : ` ${suggestion(group, known)}`;
      return problemAt(
        item.origin,
        `there is no group "${group}", so no config "${name}" in it.${hint} ${searched}`,
        "file",
      );
    }
    const options = repository.list(group, "configs").filter((option) => option !== emptyConfig);
    const hint = options.length === 0 ? "" : ` ${suggestion(name, options)}`;
    const where = group === "" ? "" : ` in the group "${group}"`;
    const what = item.isPrimary ? "primary config" : "config";
    return problemAt(item.origin, `there is no ${what} "${name}"${where}.${hint} ${searched}`, "file");
  }

  #checkSize(node: DefaultsNode): void {
    const chain: string[] = [];
    for (let at: DefaultsNode | undefined = node; at !== undefined; at = at.parent)
      chain.unshift(configPathOf(at.item));
    if (chain.length > maxDepth) {
      const first = chain.indexOf(chain.at(-1)!);
      const loop =
        first === chain.length - 1
          ? chain.slice(-3)
          : chain.slice(first, chain.indexOf(chain[first]!, first + 1) + 1);
      throw problemAt(
        node.item.origin,
        `defaults lists pull in one another more than ${maxDepth} deep: ${loop.join(" -> ")}. Take one of them out.`,
      );
    }
    if (++this.#nodes > maxNodes)
      throw problemAt(
        node.item.origin,
        `defaults lists pull in more than ${maxNodes} configs. Take some of them out.`,
      );
  }
}

function placesOf({ sources }: Repository): string {
  const places = sources.filter(({ provider }) => provider !== "hydra" && provider !== "schema");
  if (places.length === 0) return "Hydra's own configs and the store";
  return places
    .map((source) => {
      const { scheme, path } = source;
      const place = scheme === "file" ? shownPath(path) : `${scheme}://${path}`;
      return source.isAvailable() ? place : `${place} (which is not there)`;
    })
    .join(", ");
}

function groupsBeside(group: string, repository: Repository): string[] {
  const at = group.lastIndexOf("/");
  const parent = group.slice(0, Math.max(0, at));
  if (!repository.hasGroup(parent)) return [];
  const prefix = parent === "" ? "" : `${parent}/`;
  const names = repository.list(parent, "groups").map((name) => `${prefix}${name}`);
  return names.filter((name) => name !== "hydra");
}

/** Adds `_self_` at the end of a list without it; returns whether it did. */
function addSelf(list: DefaultItem[], holder: DefaultItem): boolean {
  const selves = list.filter(isSelf);
  if (selves.length > 1)
    throw problemAt(selves[1]!.origin, "_self_ stands in the defaults list a second time. Delete one.");
  const isEmpty = list.every((item) => item.kind === "group" && item.isOverride);
  if (selves.length === 0 && (!isEmpty || list.length === 0))
    list.push(configItem("_self_", { origin: holder.origin }));
  return selves.length === 0;
}

function optionItem(
  group: DefaultItem & { kind: "group" },
  option: string,
  parent: DefaultItem,
): DefaultItem {
  if (option.includes("${"))
    throw problemAt(
      group.origin,
      `"${option}": an option of a list cannot hold an interpolation. Write it as a choice of its own.`,
    );
  const item = configItem(`${group.group}/${option}`, {
    package: group.package,
    optional: group.optional,
    isLegacy: group.isLegacy,
    origin: group.origin,
  });
  placeBelow(item, groupOf(parent), packageOf(parent));
  return item;
}

/** Makes the tree in which interpolations of a defaults list are looked up: choices by their key, and `defaults`. */
function knownChoices(choices: Choices, list: readonly DefaultItem[], isSelfAdded: boolean): MapNode {
  const origin: Origin = { source: "defaults" };
  const known = mapNode(origin);
  for (const [key, option] of choices.known)
    known.entries.set(key, { origin, node: scalarNode(origin, option) });
  const items = list
    .filter((item) => !(isSelfAdded && isSelf(item)))
    .map((item): ConfigNode => {
      if (item.kind === "config") return scalarNode(origin, isSelf(item) ? "_self_" : configPathOf(item));
      const value = Array.isArray(item.value)
        ? listNode(
            origin,
            item.value.map((option: string) => scalarNode(origin, option)),
          )
        : scalarNode(origin, item.value as string | null);
      return mapNode(origin, [[overrideKeyOf(item), { origin, node: value }]]);
    });
  known.entries.set("defaults", { origin, node: listNode(origin, items) });
  return known;
}

function resolveItem(item: DefaultItem, known: MapNode): void {
  const text = item.kind === "config" ? configPathOf(item) : String(item.value);
  const resolved = resolveText(text, known, item);
  const problem = pathProblem(resolved);
  if (problem !== undefined) throw problemAt(item.origin, `"${resolved}", from "${text}": ${problem}`);
  if (item.kind === "config") item.path = resolved;
  else item.value = resolved;
}

function resolveText(text: string, known: MapNode, { origin, isLegacy }: DefaultItem): string {
  if (!isLegacy && text.includes("${defaults."))
    throw problemAt(origin, `"${text}": choices are named by their group, as \${db}. Write that instead.`);
  const key = "_text_";
  const root = mapNode(known.origin, [...known.entries, [key, { origin, node: scalarNode(origin, text) }]]);
  const names = [...known.entries.keys()].filter((name) => name !== "defaults");
  try {
    const node = select(root, key);
    if (node?.kind === "scalar" && typeof node.value === "string") return node.value;
  } catch (error) {
    throw problemAt(
      origin,
      `"${text}" cannot be resolved. ${names.length === 0 ? "No choice was made before it." : `Choices: ${names.join(", ")}.`}`,
      "value",
      "",
      error,
    );
  }
  throw problemAt(origin, `"${text}" must lead to a text.`);
}
