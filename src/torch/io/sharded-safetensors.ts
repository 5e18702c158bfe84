// Safetensors files of a limited size, with an index, in the layout of Hugging Face's save_torch_state_dict.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UsageError, writeFileAtomic } from "../../base/index.ts";
import type { Tensor } from "../tensor.ts";
import { loadSafetensors } from "./load-safetensors.ts";
import { refuseShared, saveSafetensors } from "./save-safetensors.ts";
import type { SelectOptions } from "./select-names.ts";
import { loadShards } from "./shard-index.ts";

/** Loads the tensors that a `model.safetensors.index.json` names, from the files beside it. */
export function loadShardedSafetensors(
  indexPath: string,
  selection: SelectOptions = {},
): Map<string, Tensor> {
  return loadShards(indexPath, selection, (path, keys) => loadSafetensors(path, { keys }));
}

/** Options of `saveShardedSafetensors`. */
export interface SaveShardedOptions {
  /** Bytes of tensors in a file at most, as a number or `"5GB"`; a larger tensor gets a file of its own. @default "5GB" */
  maxShardSize?: number | string;
  /** Text that every file carries; transformers wants to know the framework. @default { format: "pt" } */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes tensors to `model.safetensors`, or to `model-00001-of-00002.safetensors` and so on with an index where
 * they take more than `maxShardSize`, and returns the names of the files. Those of an earlier save go.
 *
 * @example
 * const weights = new Map([["a", torch.ones([2])], ["b", torch.ones([3])]]);
 * torch.saveShardedSafetensors(weights, "/tmp/sharded", { maxShardSize: 12 });
 * // => ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
 */
export function saveShardedSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  folder: string,
  { maxShardSize = "5GB", metadata = { format: "pt" } }: SaveShardedOptions = {},
): string[] {
  refuseShared("saveShardedSafetensors", tensors);
  const shards = split(tensors, parseSize(maxShardSize));
  const isSharded = shards.length > 1;
  const files = shards.map(
    (shard, i) => [isSharded ? shardName(i + 1, shards.length) : whole, shard] as const,
  );
  // an old index beside new shards would mix two models, should we be interrupted
  if (isSharded) rmSync(join(folder, index), { force: true });
  for (const [file, shard] of files) saveSafetensors(shard, join(folder, file), metadata);
  const written = files.map(([file]) => file);
  if (isSharded) {
    const weightMap = files.flatMap(([file, shard]) =>
      [...shard.keys()].map((name) => [name, file] as const),
    );
    const totalSize = [...tensors.values()].reduce((sum, { nbytes }) => sum + nbytes, 0);
    writeFileAtomic(join(folder, index), encodeIndex(weightMap, totalSize));
    written.push(index);
  }
  for (const file of readdirSync(folder)) {
    if (ours.test(file) && !written.includes(file)) rmSync(join(folder, file), { force: true });
  }
  return written;
}

const whole = "model.safetensors";
const index = "model.safetensors.index.json";
const ours = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;
const units = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

function shardName(number: number, of: number): string {
  const digits = (n: number) => String(n).padStart(5, "0");
  return `model-${digits(number)}-of-${digits(of)}.safetensors`;
}

/** Fills files in the order of the tensors, as Hugging Face does; there is always one. */
function split(tensors: ReadonlyMap<string, Tensor>, limit: number): Map<string, Tensor>[] {
  const shards: Map<string, Tensor>[] = [];
  let open = new Map<string, Tensor>();
  let size = 0;
  for (const [name, tensor] of tensors) {
    if (tensor.nbytes > limit) {
      shards.push(new Map([[name, tensor]]));
      continue;
    }
    if (size + tensor.nbytes > limit) {
      shards.push(open);
      open = new Map();
      size = 0;
    }
    open.set(name, tensor);
    size += tensor.nbytes;
  }
  return open.size > 0 || shards.length === 0 ? [...shards, open] : shards;
}

function parseSize(size: number | string): number {
  if (typeof size === "number" && size > 0) return size;
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]B)\s*$/i.exec(String(size));
  const bytes = match === null ? 0 : Number(match[1]) * units[match[2]!.toUpperCase() as keyof typeof units];
  if (bytes > 0) return bytes;
  throw new UsageError(
    `saveShardedSafetensors: maxShardSize must be bytes or a size in KB, MB, GB or TB, got ${JSON.stringify(size)}. Write "5GB".`,
  );
}

function encodeIndex(weightMap: readonly (readonly [string, string])[], totalSize: number): string {
  const lines = [...weightMap]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([name, file]) => `    ${JSON.stringify(name)}: ${JSON.stringify(file)}`);
  return `{\n  "metadata": {\n    "total_size": ${totalSize}\n  },\n  "weight_map": {\n${lines.join(",\n")}\n  }\n}\n`;
}
