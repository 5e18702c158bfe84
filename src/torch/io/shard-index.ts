// Weights in several files, with an index beside them that says which file holds which tensor.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileError } from "../../base/index.ts";
import type { Tensor } from "../tensor.ts";
import { selectNames } from "./select-names.ts";
import type { SelectOptions } from "./select-names.ts";

/** Loads the tensors that an index names, each file once; `loadFile` returns those of one file by name. */
export function loadShards(
  indexPath: string,
  selection: SelectOptions,
  loadFile: (path: string, names: readonly string[]) => Map<string, Tensor>,
): Map<string, Tensor> {
  const weightMap = readIndex(indexPath);
  const names = selectNames(indexPath, weightMap.keys(), selection);
  const byFile = new Map<string, string[]>();
  for (const name of names) {
    const file = weightMap.get(name)!;
    const group = byFile.get(file);
    if (group === undefined) byFile.set(file, [name]);
    else group.push(name);
  }
  const loaded = new Map<string, Tensor>();
  for (const [file, group] of byFile) {
    for (const [name, tensor] of loadFile(join(dirname(indexPath), file), group)) loaded.set(name, tensor);
  }
  return new Map(names.map((name) => [name, loaded.get(name)!]));
}

function readIndex(path: string): Map<string, string> {
  const index = parse(path);
  const weightMap = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof weightMap !== "object" || weightMap === null || Array.isArray(weightMap)) {
    throw new FileError(
      `${path}: the index must have weight_map, an object from tensor to file. Download it again.`,
    );
  }
  const entries = Object.entries(weightMap as Record<string, unknown>);
  for (const [name, file] of entries) {
    // a path could lead out of the model's folder
    if (typeof file !== "string" || file === "" || basename(file) !== file || file === "..") {
      throw new FileError(
        `${path}: weight_map["${name}"] must be a file beside the index, got ${JSON.stringify(file)}.`,
      );
    }
  }
  return new Map(entries as [string, string][]);
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
