// What may follow on the command line: config groups with their options, keys with their values, files.
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { SconceError, pythonFloat } from "../../base/index.ts";
import type { ConfigNode } from "../node.ts";
import { isMissing } from "../omega/kinds.ts";
import { select } from "../omega/resolve.ts";

/** Says what there is to complete. */
export interface CompletionSource {
  /** Lists the configs or the groups in a config group; the outermost one is "". */
  list: (group: string, kind: "configs" | "groups") => readonly string[];
  /** Composes the config with the overrides that stand before; where it throws, no keys are offered. */
  config: () => ConfigNode;
  /** Folder that relative files are looked for in. @default the current one */
  folder?: string;
}

/**
 * Lists what the last word of a command line may become, sorted, as Hydra's completion does: a group that has options
 * ends in `=`, one that has groups only in `/`, a key that holds others in `.` and any other in `=`. After `key=` come
 * the options of the group, or the value that the key has. A value that starts with `.` or `/` is a file.
 */
export function completeOverride(word: string, source: CompletionSource): string[] {
  const files = completeFile(word, source);
  if (files !== undefined) return distinct(files);
  const [mark, rest] = splitMark(word);
  const { groups, isOption } = completeGroup(rest, { source, isDeletion: mark === "~" });
  const isValue = mark === "~" && rest.includes("=");
  const keys = isOption || isValue || mark === "+" ? [] : completeKey(rest, source);
  return distinct(
    [...groups, ...(mark === "~" ? keys.map(withoutEquals) : keys)].map((candidate) => mark + candidate),
  );
}

function splitMark(word: string): [string, string] {
  const mark = /^(?:\+\+|\+|~)?/u.exec(word)![0];
  return [mark, word.slice(mark.length)];
}

function withoutEquals(key: string): string {
  return key.endsWith("=") ? key.slice(0, -1) : key;
}

/** Control characters could steer the terminal, or end the line that the shell reads. */
function distinct(candidates: readonly string[]): string[] {
  return [...new Set(candidates)].filter((candidate) => !/\p{Cc}/u.test(candidate)).sort();
}

function completeGroup(
  word: string,
  { source, isDeletion }: { source: CompletionSource; isDeletion: boolean },
): { groups: string[]; isOption: boolean } {
  const equals = word.lastIndexOf("=");
  if (equals !== -1) {
    const group = word.slice(0, equals).replace(/@.*$/su, "");
    const options = source.list(group, "configs").map((option) => `${word.slice(0, equals)}=${option}`);
    return { groups: options.filter((option) => option.startsWith(word)), isOption: options.length > 0 };
  }
  const parent = word.slice(0, Math.max(word.lastIndexOf("/"), 0));
  const names = source.list(parent, "groups").map((group) => (parent === "" ? group : `${parent}/${group}`));
  const groups = names
    .filter((name) => name.startsWith(word))
    .map((name) => {
      const hasOptions = source.list(name, "configs").length > 0;
      const hasGroups = source.list(name, "groups").length > 0;
      if (hasOptions && !hasGroups && !isDeletion) return `${name}=`;
      return hasGroups && !hasOptions ? `${name}/` : name;
    });
  return { groups, isOption: false };
}

function completeKey(word: string, { config: compose }: CompletionSource): string[] {
  try {
    const config = compose();
    if (word.endsWith("=")) return valueOf(config, word.slice(0, -1)).map((value) => word + value);
    const dot = word.lastIndexOf(".");
    if (dot === -1) return keysOf(config, word);
    const parent = select(config, word.slice(0, dot), { resolve: false });
    return parent === undefined
      ? []
      : keysOf(parent, word.slice(dot + 1)).map((key) => word.slice(0, dot + 1) + key);
  } catch (error) {
    if (SconceError.is(error)) return []; // a config that does not compose yet: there is nothing to offer
    throw error;
  }
}

function keysOf(node: ConfigNode, start: string): string[] {
  if (node.kind === "scalar") return [];
  const children: [string, ConfigNode][] =
    node.kind === "map"
      ? Array.from(node.entries, ([key, entry]) => [String(key), entry.node])
      : node.items.map((item, index) => [String(index), item]);
  return children
    .filter(([key]) => key.startsWith(start))
    .map(([key, child]) => `${key}${child.kind === "scalar" ? "=" : "."}`);
}

/** Offers the value that a key has, to be changed. */
function valueOf(config: ConfigNode, key: string): string[] {
  const node = select(config, key);
  if (node === undefined || node.kind !== "scalar" || node.value === null || isMissing(node)) return [];
  return [node.isFloat ? pythonFloat(Number(node.value)) : String(node.value)];
}

function completeFile(word: string, { folder: base = "." }: CompletionSource): string[] | undefined {
  const [, start, path] = /^(.*=)([./\\].*)$/su.exec(word) ?? [];
  if (start === undefined || path === undefined) return undefined;
  const isFolder = statSync(resolve(base, path), { throwIfNoEntry: false })?.isDirectory() === true;
  const [folder, prefix] = isFolder ? [path, ""] : [dirname(path), basename(path)];
  const names = namesIn(resolve(base, folder)).filter((name) => name.startsWith(prefix));
  return names.map((name) => `${start}${folder}${folder.endsWith("/") ? "" : "/"}${name}`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such folder, or none that may be read
  }
}
