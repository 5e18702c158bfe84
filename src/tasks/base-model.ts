// Makes sure that a base model is on this machine.
import type { ProgressListener } from "../base/index.ts";
import type { BaseModelSource } from "../config/index.ts";
import { fetchModel } from "../hub/index.ts";
import type { ModelFolders } from "../tracking/index.ts";
import { findModel } from "./find-model.ts";
import type { FindModelOptions } from "./find-model.ts";

/**
 * Returns the folders of a base model; one of the hub is fetched into `pretrained_models/` first, a tracked one from
 * where its files are.
 *
 * @throws HubError, UsageError or TrackingError where it cannot be had.
 */
export async function fetchBaseModel(
  source: BaseModelSource,
  lookUp: FindModelOptions,
  progress: ProgressListener,
): Promise<ModelFolders> {
  if (source.kind === "uri") return findModel(source.uri, lookUp);
  if (source.kind === "hub") await fetchFromHub(source, progress);
  return { model: source.path, tokenizer: source.path };
}

async function fetchFromHub(
  { id, path }: BaseModelSource & { kind: "hub" },
  progress: ProgressListener,
): Promise<void> {
  progress.start(`fetching ${id}`);
  let current = "";
  await fetchModel({
    id,
    into: path,
    onProgress: ({ file, bytes, totalBytes }) => {
      if (totalBytes < 1e6) return; // config and vocabulary come in no time
      if (file !== current) {
        progress.end();
        progress.start(`fetching ${id}: ${file}, MB`, megabytes(totalBytes));
        current = file;
      }
      progress.update(megabytes(bytes));
    },
  });
  progress.end();
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
