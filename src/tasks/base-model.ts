// Makes sure that a base model is on this machine.
import type { BaseModelSource } from "../config/index.ts";
import type { ProgressListener } from "./progress.ts";

/** Returns the folder of a base model; one of the hub is fetched into `pretrained_models/` first. */
export async function fetchBaseModel(source: BaseModelSource, _progress: ProgressListener): Promise<string> {
  if (source.kind === "folder") return source.path;
  throw new Error("hub");
}
