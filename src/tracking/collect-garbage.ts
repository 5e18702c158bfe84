// Empties the trash: artifacts first, then what the store holds of a run, logged model or experiment, so that what could
// not be removed is still known to the store.
import { rmdirSync } from "node:fs";
import { basename, dirname, sep } from "node:path";
import { TrackingError } from "../base/index.ts";
import { BlobPool } from "./artifacts/blob-pool.ts";
import { artifactRepository } from "./artifacts/open-repository.ts";
import type { ArtifactRepository } from "./artifacts/repository.ts";
import { isLocalPlace, localPath } from "./artifacts/uri.ts";
import type { Store } from "./open-store.ts";
import { eachPage } from "./paged-list.ts";
import { ArtifactFolders, isWithin, resolveLinks } from "./server/artifact-folders.ts";
import type { Experiment, LoggedModel, ModelVersion, Run } from "./types.ts";
import { invalid } from "./validation.ts";

/** Says what of the trash goes. */
export interface CollectGarbageOptions {
  /** Only what has been in the trash for this long. @default 0 */
  olderThanMs?: number;
  /** These runs; like the other lists, it leaves all that no list names. @default all in the trash */
  runIds?: readonly string[];
  /** These experiments, with their runs and logged models. @default all in the trash */
  experimentIds?: readonly string[];
  /** These logged models. @default all in the trash */
  loggedModelIds?: readonly string[];
  /** Only tells what would go. @default false */
  dryRun?: boolean;
  /** Folder or `s3://bucket/prefix` that `mlflow-artifacts:/` stands for. @default a server as the store knows it itself */
  artifactsDestination?: string;
  /** Is told of each thing as it is dealt with. */
  onDone?: (item: GarbageItem) => void;
}

/** Is something in the trash. */
export interface GarbageItem {
  kind: "run" | "logged model" | "experiment";
  id: string;
  /** `failed` for what should have gone and could not; `kept` for what something else needs. */
  outcome: "removed" | "kept" | "failed";
  /** Why it is still there. */
  reason?: string;
}

/**
 * Removes runs, logged models and experiments that are in the trash for ever, with their artifacts, and returns what
 * became of each.
 *
 * Artifacts go only from a place within the location of the experiment whose path names the run or model. What a
 * version in the registry stands on is kept.
 *
 * @throws TrackingError (INVALID_PARAMETER_VALUE) for an id that is not in the trash, or not for long enough
 */
export async function collectGarbage(
  store: Store,
  options: CollectGarbageOptions = {},
): Promise<GarbageItem[]> {
  const found = await findGarbage(store, options);
  return new Collector(store, options, await versionsOf(store)).collect(found);
}

interface Garbage {
  runs: Run[];
  models: LoggedModel[];
  experiments: Experiment[];
}

/** Finds what is to go, and refuses ids that are not in the trash for long enough before anything goes. */
async function findGarbage(
  store: Store,
  { olderThanMs = 0, runIds, experimentIds, loggedModelIds }: CollectGarbageOptions,
): Promise<Garbage> {
  const before = Date.now() - olderThanMs;
  const names = [runIds, experimentIds, loggedModelIds].some((ids) => ids !== undefined);
  const deletedRuns = new Set(await store.deletedRunIds(before));
  const deletedModels = await store.deletedLoggedModels(before);
  const experiments: Experiment[] = [];
  for await (const experiment of eachPage((pageToken) =>
    store.searchExperiments({ viewType: "DELETED_ONLY", ...(pageToken !== undefined && { pageToken }) }),
  )) {
    if (experiment.lastUpdateTime <= before) experiments.push(experiment);
  }
  const chosen = chooseFrom(
    experiments,
    "experiment",
    ({ experimentId }) => experimentId,
    experimentIds,
    names,
  );
  const ofChosen = new Set(chosen.map(({ experimentId }) => experimentId));
  for (const runId of runIds ?? []) {
    if (deletedRuns.has(runId)) continue;
    await store.getRun(runId);
    throw notInTrash("run", runId);
  }
  const candidates = names && ofChosen.size === 0 ? (runIds ?? []) : [...deletedRuns];
  const runs: Run[] = [];
  for (const runId of candidates) {
    const run = await store.getRun(runId);
    if (!names || runIds?.includes(runId) === true || ofChosen.has(run.info.experimentId)) runs.push(run);
  }
  const byId = chooseFrom(deletedModels, "logged model", ({ modelId }) => modelId, loggedModelIds, names);
  const models = new Map(byId.map((model) => [model.modelId, model]));
  for (const model of deletedModels) if (ofChosen.has(model.experimentId)) models.set(model.modelId, model);
  // an experiment takes its logged models along, those that nobody deleted too
  for (const experimentId of ofChosen) {
    for await (const model of eachPage((pageToken) =>
      store.searchLoggedModels({
        experimentIds: [experimentId],
        ...(pageToken !== undefined && { pageToken }),
      }),
    )) {
      models.set(model.modelId, model);
    }
  }
  return { runs, models: [...models.values()], experiments: chosen };
}

function chooseFrom<T>(
  all: readonly T[],
  kind: string,
  idOf: (item: T) => string,
  ids: readonly string[] | undefined,
  names: boolean,
): T[] {
  if (!names) return [...all];
  return (ids ?? []).map((id) => {
    const item = all.find((each) => idOf(each) === id);
    if (item === undefined) throw notInTrash(kind, id);
    return item;
  });
}

class Collector {
  readonly #store: Store;
  readonly #options: CollectGarbageOptions;
  readonly #versions: readonly ModelVersion[];
  readonly #items: GarbageItem[] = [];
  /** Experiments in which something stays. */
  readonly #held = new Map<string, string>();

  constructor(store: Store, options: CollectGarbageOptions, versions: readonly ModelVersion[]) {
    this.#store = store;
    this.#options = options;
    this.#versions = versions;
  }

  async collect({ runs, models, experiments }: Garbage): Promise<GarbageItem[]> {
    const locations = new Map<string, string>();
    for (const { info } of runs) {
      const { runId, experimentId, artifactUri } = info;
      const ofRun = (version: ModelVersion) => standsOn(version, `runs:/${runId}`, artifactUri);
      await this.#remove("run", runId, experimentId, ofRun, async () => {
        const { lifecycleStage } = (await this.#store.getRun(runId)).info;
        if (lifecycleStage === "active") throw invalid("it was restored meanwhile.");
        await this.#removeArtifacts(artifactUri, runId, await this.#locationOf(experimentId, locations));
        if (this.#options.dryRun !== true) await this.#store.purgeRun(runId);
      });
    }
    for (const { modelId, experimentId, artifactLocation } of models) {
      const ofModel = (version: ModelVersion) =>
        version.modelId === modelId || standsOn(version, `models:/${modelId}`, artifactLocation);
      await this.#remove("logged model", modelId, experimentId, ofModel, async () => {
        const location = await this.#locationOf(experimentId, locations);
        await this.#removeArtifacts(artifactLocation, modelId, location);
        if (this.#options.dryRun !== true) await this.#purgeModel(modelId);
      });
    }
    if (this.#options.dryRun !== true) sweepPools(locations.values());
    for (const { experimentId } of experiments) await this.#removeExperiment(experimentId, runs);
    return this.#items;
  }

  async #removeExperiment(experimentId: string, runs: readonly Run[]): Promise<void> {
    const going = new Set(runs.map(({ info }) => info.runId));
    let reason = this.#held.get(experimentId);
    for await (const { info } of eachPage((pageToken) =>
      this.#store.searchRuns({
        experimentIds: [experimentId],
        viewType: "ALL",
        ...(pageToken !== undefined && { pageToken }),
      }),
    )) {
      // with a dry run those that would go are still there
      if (going.has(info.runId) && this.#options.dryRun === true) continue;
      const state = info.lifecycleStage === "active" ? "is active" : "stays";
      reason ??= `run ${info.runId} in it ${state}`;
    }
    if (reason !== undefined) {
      this.#done({ kind: "experiment", id: experimentId, outcome: "kept", reason });
      return;
    }
    await this.#attempt("experiment", experimentId, async () => {
      if (this.#options.dryRun !== true) await this.#store.purgeExperiment(experimentId);
    });
  }

  async #remove(
    kind: GarbageItem["kind"],
    id: string,
    experimentId: string,
    isNeeded: (version: ModelVersion) => boolean,
    remove: () => Promise<void>,
  ): Promise<void> {
    const version = this.#versions.find(isNeeded);
    if (version === undefined) {
      if (!(await this.#attempt(kind, id, remove))) this.#held.set(experimentId, `${kind} ${id} in it stays`);
      return;
    }
    const reason = `version ${version.version} of the registered model "${version.name}" stands on it`;
    this.#held.set(experimentId, `${kind} ${id} in it stays`);
    this.#done({ kind, id, outcome: "kept", reason });
  }

  /** Removes something, and tells whether it is gone. */
  async #attempt(kind: GarbageItem["kind"], id: string, remove: () => Promise<void>): Promise<boolean> {
    try {
      await remove();
      this.#done({ kind, id, outcome: "removed" });
      return true;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#done({ kind, id, outcome: "failed", reason: error.message });
      return false;
    }
  }

  #done(item: GarbageItem): void {
    this.#items.push(item);
    this.#options.onDone?.(item);
  }

  async #removeArtifacts(uri: string, id: string, location: string): Promise<void> {
    checkIsOwnPlace(uri, id, location);
    const repository = this.#repository(uri);
    if (this.#options.dryRun === true) return;
    await repository.delete();
    if (isLocalPlace(uri)) removeIfEmpty(dirname(localPath(uri)), id);
  }

  #repository(uri: string): ArtifactRepository {
    const { artifactsDestination: destination } = this.#options;
    if (uri.startsWith("mlflow-artifacts:") && destination !== undefined) {
      return new ArtifactFolders({ destination }).repository(uri);
    }
    return artifactRepository(uri, this.#store);
  }

  async #locationOf(experimentId: string, known: Map<string, string>): Promise<string> {
    const location =
      known.get(experimentId) ?? (await this.#store.getExperiment(experimentId)).artifactLocation;
    known.set(experimentId, location);
    return location;
  }

  async #purgeModel(modelId: string): Promise<void> {
    try {
      await this.#store.deleteLoggedModel(modelId); // one of an experiment in the trash need not be there itself
    } catch (error) {
      if (!(error instanceof TrackingError) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
    }
    await this.#store.purgeLoggedModel(modelId);
  }
}

/** Throws unless a place lies in the experiment's, wherever links lead, and is one run's or model's alone. */
function checkIsOwnPlace(uri: string, id: string, location: string): void {
  if (!uri.split(/[/?#]/).includes(id)) {
    throw invalid(`its artifacts are at "${uri}", which does not name it: others may keep theirs there too.`);
  }
  const isInside =
    isLocalPlace(uri) && isLocalPlace(location)
      ? isWithin(localPath(uri), localPath(location)) && resolveLinks(localPath(uri)).split(sep).includes(id) // a link may lead to another's within
      : uri.startsWith(`${location.replace(/\/+$/, "")}/`) && !uri.split("/").includes("..");
  if (isInside) return;
  throw invalid(
    `its artifacts are at "${uri}", which is outside of "${location}", the location of its experiment.`,
  );
}

/** Removes what runs and models of these places shared, and none of them holds any more. */
function sweepPools(locations: Iterable<string>): void {
  for (const location of locations) {
    if (isLocalPlace(location)) new BlobPool(localPath(location)).sweep();
  }
}

/** Removes the folder of a run or model around its artifacts when nothing else is in it. */
function removeIfEmpty(folder: string, id: string): void {
  if (basename(folder) !== id) return;
  try {
    rmdirSync(folder);
  } catch {
    // a folder store keeps the run itself there, and removes both
  }
}

/** Tells whether a version takes its files from a place, which its URI names by an id or by where it is. */
function standsOn({ source, storageLocation }: ModelVersion, idUri: string, place: string): boolean {
  return [source, storageLocation].some((from) =>
    [idUri, plain(place)].some((base) => plain(from) === base || plain(from).startsWith(`${base}/`)),
  );
}

/** Spells a folder of this machine in one way. */
function plain(uri: string): string {
  return isLocalPlace(uri) ? localPath(uri) : uri;
}

async function versionsOf(store: Store): Promise<ModelVersion[]> {
  const versions: ModelVersion[] = [];
  for await (const version of eachPage((pageToken) =>
    store.searchModelVersions(pageToken === undefined ? {} : { pageToken }),
  )) {
    versions.push(version);
  }
  return versions;
}

function notInTrash(kind: string, id: string): TrackingError {
  return invalid(
    `gc: ${kind} ${id} must be in the trash, for as long as is asked for. Delete it first, or leave it out.`,
  );
}
