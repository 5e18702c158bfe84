// Makes sure that a base model is on this machine.
import type { BaseModelSource } from "../config/index.ts";
import { fetchModel } from "../hub/index.ts";
import type { ProgressListener } from "./progress.ts";

/**
 * Returns the folder of a base model; one of the hub is fetched into `pretrained_models/` first.
 *
 * @throws HubError where it cannot be had.
 */
export async function fetchBaseModel(source: BaseModelSource, progress: ProgressListener): Promise<string> {
  if (source.kind === "folder") return source.path;
  const { id, path } = source;
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
  return path;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
