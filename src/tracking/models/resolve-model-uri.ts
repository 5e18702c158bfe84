// From MLflow's URI of a model to the folder that holds its MLmodel file, by the rules of MLflow 3.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { FileError, SconceError, UsageError, suggestion } from "../../base/index.ts";
import { checkArtifactPath } from "../artifacts/artifact-path.ts";
import { downloadArtifacts } from "../artifacts/download.ts";
import { LocalArtifactRepository } from "../artifacts/local.ts";
import { artifactRepository } from "../artifacts/open-repository.ts";
import { isLocalPlace, localPath, localUri } from "../artifacts/uri.ts";
import { found } from "../found.ts";
import { modelVersionsOf } from "../client/register.ts";
import type { RegistryStore, TrackingStore } from "../store.ts";
import type { ModelVersion, Run } from "../types.ts";

/** What a store must answer for models to be found in it. */
export type ModelStore = Pick<TrackingStore, "uri" | "getRun" | "searchRuns" | "getLoggedModel"> &
  Pick<
    RegistryStore,
    "getRegisteredModel" | "searchRegisteredModels" | "getModelVersion" | "searchModelVersions"
  >;

/** Says where models that are not on this machine go. */
export interface ResolveModelOptions {
  /** Folder that keeps what was downloaded. @default `SCONCE_CACHE`, else `sconce` in the user's cache folder */
  cacheFolder?: string;
}

/**
 * Returns the local folder of a model, downloaded where it is elsewhere (and again where it changed): `runs:/RUN_ID/PATH`, `models:/m-ID`, `models:/NAME/VERSION`,
 * `models:/NAME/STAGE`, `models:/NAME/latest` or `models:/NAME@ALIAS`.
 *
 * @throws UsageError for a URI that leads nowhere, with what there is; FileError where the files are gone.
 */
export async function resolveModelUri(
  uri: string,
  store: ModelStore,
  { cacheFolder = defaultCacheFolder() }: ResolveModelOptions = {},
): Promise<string> {
  const place = await locateModel(uri, store);
  const folder = isLocalPlace(place) ? localPath(place) : await downloaded(uri, place, store, cacheFolder);
  if (existsSync(join(folder, "MLmodel"))) return folder;
  const what = existsSync(folder) ? "that folder has no file MLmodel" : "that folder is gone";
  throw new FileError(
    `${uri}: the model's files must be in ${folder}, but ${what}. Restore it, or name another model.`,
  );
}

/** Brings the files of a model to this machine; two places never share a folder. */
async function downloaded(
  uri: string,
  place: string,
  store: ModelStore,
  cacheFolder: string,
): Promise<string> {
  const key = createHash("sha256").update(`${store.uri}\n${place}`).digest("hex").slice(0, 32);
  const folder = join(cacheFolder, "models", key);
  try {
    await downloadArtifacts(artifactRepository(place, store), "", folder);
  } catch (error) {
    if (!SconceError.is(error) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
    throw new FileError(
      `${uri}: the model's files must be in ${place}, which holds none. Restore them, or name another model.`,
      { cause: error },
    );
  }
  return folder;
}

function defaultCacheFolder(): string {
  const { SCONCE_CACHE, XDG_CACHE_HOME } = process.env;
  return SCONCE_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "sconce");
}

const forms =
  "runs:/RUN_ID/model, models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME/latest, models:/NAME@ALIAS, models:/m-ID";

/**
 * Returns where the files of a model are, which may be elsewhere than on this machine.
 *
 * @throws UsageError for a URI that leads nowhere, with what there is
 */
export async function locateModel(uri: string, store: ModelStore): Promise<string> {
  const [, scheme, rest = ""] = /^(runs|models):\/+(.*?)\/*$/.exec(uri) ?? [];
  const [first = "", ...others] = rest.split("/");
  if (scheme === "runs" && first !== "" && others.length > 0) return ofRun(uri, first, others, store);
  if (scheme === "models" && first !== "") {
    const [, named = "", alias] = /^(.+)@([^@]+)$/.exec(first) ?? [];
    if (others.length === 0 && alias !== undefined) return ofAlias(uri, named, alias, store);
    if (others.length === 0 && first.startsWith("m-")) return ofLoggedModel(uri, first, store);
    if (others.length === 1) return ofVersionOrStage(uri, first, others[0]!, store);
  }
  throw new UsageError(`${uri}: the model must be named in one of the forms ${forms}. Correct it.`);
}

async function ofRun(
  uri: string,
  runId: string,
  path: readonly string[],
  store: ModelStore,
): Promise<string> {
  const run = await found(store.getRun(runId));
  if (run === undefined) {
    const newest = (await store.searchRuns({ maxResults: 3 })).map(({ info }) => info.runId);
    const hint = newest.length === 0 ? "The store holds no run." : `The newest runs: ${newest.join(", ")}.`;
    throw new UsageError(`${uri}: the run must be in the store, but there is no "${runId}". ${hint}`);
  }
  // MLflow 3 logs models beside the run that made them, and lets them go before the run's own files
  const models = await loggedModels(run, store);
  const [name, ...below] = path;
  const logged = models.findLast((model) => model.name === name);
  if (logged !== undefined) return placeBelow(logged.artifactLocation, below, store);
  const place = placeBelow(run.info.artifactUri, path, store);
  if (await isThere(place, store)) return place;
  const lost = models.find((model) => isSamePlace(model.artifactLocation, place));
  if (lost !== undefined) return lost.artifactLocation; // it was there: whoever asked is told that it is gone
  const within = await modelsIn(run.info.artifactUri, store);
  const beside = models.filter((model) => !model.artifactLocation.startsWith(run.info.artifactUri));
  const there = [...within, ...beside.map((model) => model.name)];
  throw new UsageError(
    `${uri}: the run must have logged a model as "${path.join("/")}", but ${
      there.length === 0
        ? `run ${run.info.runName} logged none and is ${run.info.status}. Name another run.`
        : `it logged ${there.join(", ")}. Name one of these.`
    }`,
  );
}

/** Returns a place in another one; a path that would leave it throws. */
function placeBelow(place: string, path: readonly string[], store: ModelStore): string {
  if (path.length === 0) return place;
  const below = path.join("/");
  if (isLocalPlace(place)) return localUri(new LocalArtifactRepository(place).resolve(below));
  return artifactRepository(`${place.replace(/\/+$/, "")}/${checkArtifactPath(below)}`, store).uri;
}

async function isThere(place: string, store: ModelStore): Promise<boolean> {
  return (await artifactRepository(place, store).list()).length > 0;
}

function isSamePlace(one: string, other: string): boolean {
  return isLocalPlace(one) && isLocalPlace(other) ? localPath(one) === localPath(other) : one === other;
}

/** Returns the folders of a run's artifacts that hold a model. */
async function modelsIn(place: string, store: ModelStore): Promise<string[]> {
  const artifacts = artifactRepository(place, store);
  const names: string[] = [];
  for (const { path, isDirectory } of await artifacts.list()) {
    if (isDirectory && (await artifacts.stat(`${path}/MLmodel`)) !== undefined) names.push(path);
  }
  return names;
}

async function loggedModels({ info, outputs }: Run, store: ModelStore) {
  const models = await Promise.all(
    outputs.modelOutputs.map(({ modelId }) => found(store.getLoggedModel(modelId))),
  );
  return models.filter((model) => model?.sourceRunId === info.runId).filter((model) => model !== undefined);
}

async function ofLoggedModel(uri: string, modelId: string, store: ModelStore): Promise<string> {
  const model = await found(store.getLoggedModel(modelId));
  if (model !== undefined) return model.artifactLocation;
  throw new UsageError(
    `${uri}: the logged model must be in the store, but there is no "${modelId}". Name its run, runs:/RUN_ID/model.`,
  );
}

async function ofAlias(uri: string, name: string, alias: string, store: ModelStore): Promise<string> {
  const versions = await versionsOf(uri, name, store);
  const { aliases } = await store.getRegisteredModel(name);
  const wanted = aliases[alias];
  if (wanted !== undefined) return ofVersion(uri, name, wanted, versions, store);
  if (isLatest(alias)) return newestOf(uri, name, versions, store);
  const known = Object.keys(aliases);
  throw new UsageError(
    `${uri}: "${name}" must have the alias "${alias}". ${known.length === 0 ? "It has none." : suggestion(alias, known)}`,
  );
}

async function ofVersionOrStage(
  uri: string,
  name: string,
  suffix: string,
  store: ModelStore,
): Promise<string> {
  const versions = await versionsOf(uri, name, store);
  if (/^\d+$/.test(suffix)) return ofVersion(uri, name, Number(suffix), versions, store);
  if (isLatest(suffix)) return newestOf(uri, name, versions, store);
  const inStage = versions.find((version) => version.currentStage.toLowerCase() === suffix.toLowerCase());
  if (inStage !== undefined) return placeOf(inStage, store);
  const stages = new Set(versions.map((version) => version.currentStage));
  throw new UsageError(
    `${uri}: a version of "${name}" must be in stage "${suffix}". ${
      versions.length === 0 ? "It has no versions." : suggestion(suffix, stages)
    }`,
  );
}

function ofVersion(
  uri: string,
  name: string,
  wanted: number,
  versions: readonly ModelVersion[],
  store: ModelStore,
): Promise<string> {
  const version = versions.find((each) => each.version === wanted);
  if (version !== undefined) return placeOf(version, store);
  const known = versions.map((each) => each.version).reverse();
  throw new UsageError(
    `${uri}: "${name}" must have version ${wanted}. ${known.length === 0 ? "It has none." : `Valid: ${known.join(", ")}.`}`,
  );
}

function newestOf(
  uri: string,
  name: string,
  [newest]: readonly ModelVersion[],
  store: ModelStore,
): Promise<string> {
  if (newest !== undefined) return placeOf(newest, store);
  throw new UsageError(`${uri}: "${name}" must have a version, but it has none. Register one.`);
}

/** A version stands where it was logged, which may be named by its run or, in a server's list, by its logged model. */
async function placeOf(version: ModelVersion, store: ModelStore): Promise<string> {
  const { name, version: number, storageLocation: listed } = version;
  const place = listed.startsWith("models:")
    ? (await store.getModelVersion(name, number)).storageLocation
    : listed;
  return place.startsWith("runs:") ? locateModel(place, store) : place;
}

/** Returns the versions of a name, the newest first. */
async function versionsOf(uri: string, name: string, store: ModelStore): Promise<ModelVersion[]> {
  if ((await found(store.getRegisteredModel(name))) !== undefined) return modelVersionsOf(store, name);
  const names = (await store.searchRegisteredModels()).map((model) => model.name);
  const hint = names.length === 0 ? "The registry is empty." : suggestion(name, names);
  throw new UsageError(`${uri}: the model must be registered, but there is no "${name}". ${hint}`);
}

function isLatest(word: string): boolean {
  return word.toLowerCase() === "latest";
}
