// Where a model version may come from: only from the run or logged model that the request names.
// MLflow 3.17 checks the same in `_validate_source_run` and `_validate_source_model` (server/handlers.py).
import { SconceError } from "../../base/index.ts";
import { isLocalPlace, localPath, schemeOf } from "../artifacts/uri.ts";
import type { TrackingStore } from "../store.ts";
import { invalid } from "../validation.ts";
import { isWithin } from "./artifact-folders.ts";
import { checkNoEscape, checkNoHost, decodeFully } from "./locations.ts";

/** Names a source, and the run or logged model that it must belong to. */
export interface VersionSource {
  source: string;
  runId?: string;
  modelId?: string;
}

/** What MLflow's client gives as the source of a prompt's version, whose text is a tag. */
const promptSources = ["dummy-source", "prompt-template"];

/** Throws unless the source is one that a prompt's version may have: a placeholder. */
export function checkPromptSource(source: string): void {
  if (!promptSources.includes(source))
    throw refused(source, "a prompt's must be one of MLflow's placeholders");
}

/** Throws unless the source is one that this run or logged model may give. */
export async function checkVersionSource(store: TrackingStore, origin: VersionSource): Promise<void> {
  const { source, runId, modelId } = origin;
  checkNoEscape("source", source);
  const scheme = schemeOf(source);
  if (scheme === "runs") {
    const [, id] = /^runs:\/([^/]+)\/./i.exec(source) ?? [];
    if (id === undefined || id !== runId)
      throw refused(source, "runs:/RUN_ID/path needs run_id to be the same run");
    await ownerRoot(store, origin);
    return;
  }
  if (scheme === "models") return checkModelSource(source, modelId);
  checkNoHost("source", source);
  if (scheme !== undefined && scheme !== "file" && scheme !== "mlflow-artifacts") return; // object storage

  const root = await ownerRoot(store, origin);
  if (root === undefined) {
    throw refused(
      source,
      "a path needs run_id or model_id, and must lie in the artifacts of that run or model",
    );
  }
  const inside =
    scheme === "mlflow-artifacts"
      ? isWithinUri(source, root)
      : isLocalPlace(root) && isWithin(localPath(source), localPath(root));
  if (!inside)
    throw refused(source, "it must lie in the artifacts of the run or model that the request names");
}

function checkModelSource(source: string, modelId: string | undefined): void {
  const [, name] = /^models:\/([^/@]+)([/@][^/]+)?$/i.exec(source) ?? [];
  if (name === undefined)
    throw refused(source, "models:/ needs a logged model's id, or a name and a version");
  const isLoggedModel = /^m-[0-9a-f]{32}$/.test(name);
  if (isLoggedModel && name !== modelId)
    throw refused(source, "models:/MODEL_ID needs model_id to be the same model");
}

/** Returns where the artifacts of the named run or model are; one that does not exist is refused. */
async function ownerRoot(
  store: TrackingStore,
  { source, runId, modelId }: VersionSource,
): Promise<string | undefined> {
  try {
    if (modelId !== undefined) return (await store.getLoggedModel(modelId)).artifactLocation;
    if (runId !== undefined) return (await store.getRun(runId)).info.artifactUri;
    return undefined;
  } catch (error) {
    if (!SconceError.is(error) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
    throw refused(source, "the run or model that the request names does not exist");
  }
}

function isWithinUri(uri: string, root: string): boolean {
  const trim = (text: string) => decodeFully(text).replace(/\/+/g, "/").replace(/\/$/, "");
  return `${trim(uri)}/`.startsWith(`${trim(root)}/`);
}

function refused(source: string, rule: string) {
  return invalid(`model version source "${source.slice(0, 200)}": ${rule}.`);
}
