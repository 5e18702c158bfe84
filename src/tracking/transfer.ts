// What a store must be able to do so that all of it can be moved to or from another store, ids and times included.
import type {
  Experiment,
  LifecycleStage,
  LoggedModel,
  Metric,
  ModelVersion,
  RegisteredModel,
  RegistryEvent,
  Run,
} from "./types.ts";
import type { Webhook } from "./webhooks/webhook.ts";

/** Is the largest id that PostgreSQL gives to an experiment. */
export const largestSerial = 2 ** 31 - 1;

/** Is about how many points are read at once. */
export const pointsRead = 20_000;

/** Is how many points are written at once: fewer would be slower, for each time much of the indexes is written anew. */
export const pointsWritten = 100_000;

/** Is a run with what its entity does not show. */
export interface RunRecord {
  run: Run;
  /** When it went into the trash, in milliseconds since 1970; absent for an active run, and where nobody noted it. */
  deletedTime?: number;
}

/** Is a run on its way into another store, with the first of its points. */
export interface RunImport {
  record: RunRecord;
  points: readonly Metric[];
}

/** Is a logged model, in use or in the trash, with all points that were measured on it. */
export interface LoggedModelRecord {
  model: Omit<LoggedModel, "metrics">;
  lifecycleStage: LifecycleStage;
  points: LoggedModel["metrics"];
}

/** Is a registered model with all that stands under its name. */
export interface RegisteredModelRecord {
  model: RegisteredModel;
  versions: ModelVersion[];
  /** The highest number ever given; that of a deleted version is not given again. */
  lastVersion: number;
  history: RegistryEvent[];
}

/** Shows what the other methods of a store leave out. */
export interface StoreExporter {
  /** Returns when the deleted runs of an experiment went into the trash, by run id. */
  deletionTimes(experimentId: string): Promise<Map<string, number>>;
  /**
   * Returns the points of the first of some runs, one list for each, by key, then step, time and value: as many runs as
   * have about `pointsRead` points together, and none where the first has far more.
   */
  exportPoints(runIds: readonly string[]): Promise<Metric[][]>;
  /** Returns some logged models of an experiment by id, those after `after`; an empty list ends them. */
  exportLoggedModels(experimentId: string, after?: string): Promise<LoggedModelRecord[]>;
  exportRegisteredModel(name: string): Promise<RegisteredModelRecord>;
}

/**
 * Takes entities as they were in another store. Each call is made whole or not at all; an id or name that is taken throws
 * `RESOURCE_ALREADY_EXISTS`, and what the store cannot hold throws `INVALID_PARAMETER_VALUE`.
 */
export interface StoreImporter {
  importExperiment(experiment: Experiment): Promise<void>;
  /**
   * Takes some runs, whose experiments must be there, with `pointsWritten` points at most. Each is made whole or not at
   * all; a failure may leave those before it.
   */
  importRuns(runs: readonly RunImport[]): Promise<void>;
  /** Adds points to a run, active or not; those that are there are skipped. */
  importPoints(runId: string, points: readonly Metric[]): Promise<void>;
  /** Takes a logged model; the runs of its points must be there. */
  importLoggedModel(record: LoggedModelRecord): Promise<void>;
  importRegisteredModel(record: RegisteredModelRecord): Promise<void>;
  /** Takes a webhook with its secret as it is encrypted; absent where none are kept. */
  importWebhook?(webhook: Webhook): Promise<void>;
  /** Takes all of another store at once, into this one that holds nothing; returns false where it cannot. */
  importAll?(from: object): Promise<boolean>;
}

/** Is a store that makes a copy of itself at one moment, while others write to it. */
export interface StoreSnapshot {
  /** Writes a SQLite file that is not there yet. */
  snapshot(file: string): Promise<void>;
}

/** Tells whether a store makes copies of itself. */
export function hasSnapshots<S extends object>(store: S): store is S & StoreSnapshot {
  return "snapshot" in store;
}

/** Tells whether all of a store can be read. */
export function isExporter<S extends object>(store: S): store is S & StoreExporter {
  return "exportRegisteredModel" in store;
}

/** Tells whether a store takes what was in another. */
export function isImporter<S extends object>(store: S): store is S & StoreImporter {
  return "importRegisteredModel" in store;
}
