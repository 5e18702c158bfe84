// Weights in several files, with an index that says which file holds which tensor.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileError } from "../../base/index.ts";
import type { Tensor } from "../tensor.ts";
import { loadSafetensors } from "./load-safetensors.ts";
import type { LoadSafetensorsOptions } from "./load-safetensors.ts";
import { notFound } from "./safetensors-header.ts";

/** Loads the tensors that a `model.safetensors.index.json` names, from the files beside it. */
export function loadShardedSafetensors(
  indexPath: string,
  { keys }: LoadSafetensorsOptions = {},
): Map<string, Tensor> {
  const weightMap = readIndex(indexPath);
  const names = keys === undefined ? Object.keys(weightMap) : [...new Set(keys)];
  const byFile = new Map<string, string[]>();
  for (const name of names) {
    const file = Object.hasOwn(weightMap, name) ? weightMap[name] : undefined;
    if (file === undefined) throw notFound(indexPath, name, Object.keys(weightMap));
    const group = byFile.get(file);
    if (group === undefined) byFile.set(file, [name]);
    else group.push(name);
  }
  const loaded = new Map<string, Tensor>();
  for (const [file, group] of byFile) {
    for (const [name, tensor] of loadSafetensors(join(dirname(indexPath), file), { keys: group }))
      loaded.set(name, tensor);
  }
  return new Map(names.map((name) => [name, loaded.get(name)!]));
}

function readIndex(path: string): Record<string, string> {
  const index = parse(path);
  const weightMap = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof weightMap !== "object" || weightMap === null || Array.isArray(weightMap)) {
    throw new FileError(
      `${path}: the index must have weight_map, an object from tensor to file. Download it again.`,
    );
  }
  for (const [name, file] of Object.entries(weightMap)) {
    // a path could lead out of the model's folder
    if (typeof file !== "string" || file === "" || basename(file) !== file || file === "..") {
      throw new FileError(
        `${path}: weight_map["${name}"] must be a file beside the index, got ${JSON.stringify(file)}.`,
      );
    }
  }
  return weightMap as Record<string, string>;
}

function parse(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new FileError(`${path}: the index cannot be read: ${(error as Error).message}. Check the path.`, {
      cause: error,
    });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FileError(`${path}: the index must be JSON, got other text. Download it again.`, {
      cause: error,
    });
  }
}
