// What the command line and `override` items choose in the groups of a defaults list.
import { nearest, suggestion } from "../../base/index.ts";
import { type ConfigNode, type Origin, valueOf } from "../node.ts";
import { formatValue } from "../value.ts";
import {
  type DefaultItem,
  type GroupItem,
  groupItem,
  groupOf,
  nameOf,
  overrideKeyOf,
} from "./default-item.ts";
import { pathProblem } from "./config-path.ts";
import { type Override, keyElement } from "./override.ts";
import { problemAt } from "./problem.ts";
import type { Repository } from "./repository.ts";

interface Choice {
  value: GroupItem["value"];
  origin: Origin;
  /** True for one of the command line. */
  isExternal: boolean;
  isUsed: boolean;
}

/** Collects the choices of one composition, and finds out which of them fit nowhere. */
export class Choices {
  /** Overrides that change values of the composed config instead. */
  readonly configOverrides: Override[] = [];
  /** Items for the end of the primary defaults list, `+group=option`. */
  readonly appended: GroupItem[] = [];
  /** The option of each group that was met, by its override key. */
  readonly known = new Map<string, string | null>();
  readonly #chosen = new Map<string, Choice>();
  readonly #deleted = new Map<string, Omit<Choice, "isExternal">>();
  readonly #origins = new Map<string, Origin>();
  readonly #knownByGroup = new Map<string, Set<string>>();

  constructor(repository: Repository, overrides: readonly Override[]) {
    for (const override of overrides) if (override.sweep === undefined) this.#add(override, repository);
  }

  /** Remembers an `override` item; what was chosen before it, further out or on the command line, stands. */
  addOverride(item: GroupItem): void {
    const key = overrideKeyOf(item);
    if (this.#chosen.has(key)) return;
    this.#chosen.set(key, { value: item.value, origin: item.origin, isExternal: false, isUsed: false });
  }

  /** Gives an item the option that was chosen for it. */
  applyTo(item: DefaultItem): void {
    const choice = item.kind === "group" ? this.#chosen.get(overrideKeyOf(item)) : undefined;
    if (item.kind !== "group" || choice === undefined) return;
    item.value = choice.value;
    item.origin = choice.origin;
    choice.isUsed = true;
  }

  /** Tells whether `~group` or `~group=option` takes an item out. */
  takesOut(item: DefaultItem): item is GroupItem {
    const deletion = item.kind === "group" ? this.#deleted.get(overrideKeyOf(item)) : undefined;
    if (deletion === undefined || (deletion.value !== null && deletion.value !== nameOf(item))) return false;
    deletion.isUsed = true;
    return true;
  }

  /** Remembers which option a group has; a second, other one is an error. */
  remember(item: DefaultItem): void {
    if (item.kind !== "group") return;
    const key = overrideKeyOf(item);
    const name = nameOf(item);
    const first = this.known.get(key);
    if (first !== undefined && first !== name) throw this.#chosenTwice(item, key, first);
    this.known.set(key, name);
    this.#origins.set(key, item.origin);
    const group = groupOf(item);
    this.#knownByGroup.set(group, (this.#knownByGroup.get(group) ?? new Set()).add(key));
  }

  /** Throws for a choice or deletion that no item of the defaults list took. */
  checkAllUsed(): void {
    for (const [key, { value, origin, isExternal, isUsed }] of this.#chosen) {
      if (isUsed) continue;
      const others = [...(this.#knownByGroup.get(key.split("@")[0]!) ?? [])].sort();
      const groups = this.#appGroups();
      const group = key.split("@")[0]!;
      const last = group.slice(group.lastIndexOf("/") + 1);
      const hint =
        others.length > 0
          ? `Did you mean ${others.map((other) => `"${other}"`).join(" or ")}?`
          : !isExternal && last !== group && groups.includes(last)
            ? `A group outside of "${group.slice(0, group.lastIndexOf("/"))}" begins with "/": override /${last}.`
            : groups.length > 0
              ? suggestion(nearest(key, groups) === undefined ? last : key, groups)
              : "It holds no group.";
      const way = isExternal ? ` To add it, write +${key}=${String(value)}.` : "";
      throw problemAt(
        origin,
        `"${key}" is not in the defaults list, so it cannot be overridden. ${hint}${way}`,
      );
    }
    for (const [key, { value, origin, isUsed }] of this.#deleted) {
      if (isUsed) continue;
      const chosen = this.known.get(key);
      if (chosen !== undefined)
        throw problemAt(
          origin,
          `"${key}" is "${chosen}", not "${String(value)}". Write ~${key} to take it out in any case.`,
        );
      const groups = this.#appGroups();
      const hint = groups.length > 0 ? suggestion(key, groups) : "It holds no group.";
      throw problemAt(origin, `"${key}" is not in the defaults list, so it cannot be deleted. ${hint}`);
    }
  }

  /** Lists the choices that were met, without those of the section `hydra`. */
  #appGroups(): string[] {
    return [...this.known.keys()].filter((name) => !name.startsWith("hydra/"));
  }

  /** Lists are gone through from their end, so what was met before stands later. */
  #chosenTwice({ value, origin }: GroupItem, key: string, later: string | null): Error {
    const place = this.#origins.get(key)!;
    const { source, line, column } = origin;
    const earlier = `"${String(value)}" (${line === undefined ? source : `${source}:${line}:${column}`})`;
    const way = place.line === undefined ? `${key}=${later}` : `"override ${key}: ${later}"`;
    return problemAt(place, `"${key}" is chosen already, as ${earlier}. Write ${way} to replace it.`);
  }

  #add(override: Override, repository: Repository): void {
    const { text, action, keyOrGroup, package: packageName, value } = override;
    const origin: Origin = { source: text };
    if (value?.kind === "map" || !isGroup(keyOrGroup, origin, repository)) {
      this.configOverrides.push(override);
      return;
    }
    if (action === "force")
      throw problemAt(origin, `a choice cannot be forced with "++". Write ${text.slice(1)}.`);
    if (action === "delete") {
      const isNull = value === undefined || (value.kind === "scalar" && value.value === null);
      const name = isNull ? null : readOption(value, keyOrGroup, origin);
      this.#deleted.set(keyElement(override).slice(1), { value: name, origin, isUsed: false });
      return;
    }
    if (action === "extend")
      throw problemAt(
        origin,
        `"${keyOrGroup}" is a config group, and its options cannot be extended. List them all: ${keyOrGroup}=[...].`,
      );
    const options =
      value?.kind === "list"
        ? value.items.map((item) => readOption(item, keyOrGroup, origin))
        : readOption(value, keyOrGroup, origin);
    if (action === "add")
      this.appended.push(groupItem(keyOrGroup, options, { package: packageName, isAppended: true, origin }));
    else this.#chosen.set(keyElement(override), { value: options, origin, isExternal: true, isUsed: false });
  }
}

function isGroup(key: string, origin: Origin, repository: Repository): boolean {
  const problem = pathProblem(key);
  if (problem !== undefined && key.includes("/")) throw problemAt(origin, `"${key}": ${problem}`);
  return problem === undefined && repository.hasGroup(key);
}

function readOption(value: ConfigNode | undefined, group: string, origin: Origin): string {
  const option = value?.kind === "scalar" ? value.value : undefined;
  if (typeof option !== "string")
    throw problemAt(
      origin,
      `"${group}" is a config group, so its option is a text, got ${formatValue(value && valueOf(value))}. Quote it, or take the group out with ~${group}.`,
    );
  const problem = pathProblem(option);
  if (problem !== undefined) throw problemAt(origin, `"${option}": ${problem}`);
  return option;
}
