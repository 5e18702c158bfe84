// Which model a config's base_model means: a folder on this machine, an id of the hub, or a tracked model. Nothing is
// fetched here.
import { existsSync, readdirSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { isModelUri, normalizeName, own } from "../base/index.ts";
import type { UseCaseLocation } from "./paths.ts";

/** Tells where a base model is, or where it would come from. */
export type BaseModelSource =
  | { kind: "folder"; path: string }
  /** `path` is the folder of `pretrained_models/` that it would be fetched into. */
  | { kind: "hub"; id: string; path: string }
  /** `models:/NAME@ALIAS`, `runs:/RUN_ID/model` and the like, to be looked up in the tracking store. */
  | { kind: "uri"; uri: string };

/** Maps names that stand for a model of the hub, case and `-`/`_` alike, to its id. */
export const baseModelAliases: Readonly<Record<string, string>> = {
  bert_base_uncased: "bert-base-uncased",
  minilm: "sentence-transformers/all-MiniLM-L6-v2",
};

/**
 * Resolves `base_model`: a folder of `pretrained_models/` (case and `-`/`_` alike), any folder with a `config.json`,
 * an alias, an id of the hub, or the URI of a tracked model. Returns a message where it can be none of these.
 */
export function resolveBaseModel(
  name: string,
  location: UseCaseLocation,
): BaseModelSource | { problem: string } {
  if (isModelUri(name)) return { kind: "uri", uri: name };
  const store = join(location.projectRoot, "pretrained_models");
  const candidates = [
    ...(existsSync(store) && !/[\\/]/u.test(name) ? sameName(store, name) : []),
    ...(isAbsolute(name)
      ? [name]
      : [resolve(location.useCaseFolder, name), resolve(location.projectRoot, name)]),
  ].filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  const path = candidates.find((folder) => existsSync(join(folder, "config.json")));
  if (path !== undefined) return { kind: "folder", path };
  const alias = own(baseModelAliases, normalizeName(name));
  if (alias !== undefined) return { kind: "hub", id: alias, path: join(store, name) };
  if (candidates[0] !== undefined) {
    return { problem: `${candidates[0]} holds no config.json. Name a folder that a model was saved to.` };
  }
  const words = name.split("/");
  if (words.length > 2 || words.some((word) => !/^[A-Za-z\d_][\w.-]*$/u.test(word))) {
    return {
      problem: `there is no folder "${name}", and it is no id of the hub (OWNER/NAME). Check the path.`,
    };
  }
  return { kind: "hub", id: name, path: join(store, ...words) };
}

function sameName(store: string, name: string): string[] {
  const folded = normalizeName(name);
  const entries = readdirSync(store).filter((entry) => normalizeName(entry) === folded);
  return entries.sort((a, b) => Number(b === name) - Number(a === name)).map((entry) => join(store, entry));
}
