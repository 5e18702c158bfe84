// What the collections hold. Keys that users choose are data, never names of fields: tags and params are lists of
// `{ k, v }`. Each document has a `rev`, and a change replaces the document only while its `rev` is the one that was read.
import { setTimeout as delay } from "node:timers/promises";
import type { Collection, Db } from "mongodb";
import { TrackingError } from "../../../base/index.ts";
import type {
  DatasetInput,
  Experiment,
  LoggedModel,
  Metric,
  ModelInput,
  ModelOutput,
  ModelVersion,
  RegisteredModel,
  RegistryEvent,
  RunInfo,
} from "../../types.ts";
import type { WebhookDocument } from "./webhooks.ts";

/** Is one tag or param. */
export interface Pair {
  k: string;
  v: string;
}

/** Is what every changeable document has. */
export interface Versioned {
  _id: string;
  rev: number;
}

/** Says whether a document is in use, in the trash, or about to go for ever. */
export type Stage = "active" | "deleted" | "purging";

/** Is an experiment. */
export interface ExperimentDocument
  extends Versioned, Omit<Experiment, "experimentId" | "tags" | "lifecycleStage"> {
  lifecycleStage: Stage;
  tags: Pair[];
  /** The runs deleted at or after this time are still to be restored. */
  restoreFrom?: number;
}

/** Is a run with the latest points of its metrics and the points that no bucket holds yet. */
export interface RunDocument extends Versioned, Omit<RunInfo, "runId" | "lifecycleStage"> {
  lifecycleStage: Stage;
  deletedTime?: number;
  tags: Pair[];
  params: Pair[];
  metrics: Metric[];
  journal: Metric[];
  /** The revisions whose buckets count. */
  buckets: number[];
  /** The points that logged models have still to get. */
  modelPoints: Metric[];
  datasetInputs: { dataset: DatasetInput["dataset"]; tags: Pair[] }[];
  modelInputs: ModelInput[];
  modelOutputs: ModelOutput[];
}

/** Holds points of one metric of a run that left the run's journal together; it never changes. */
export interface BucketDocument {
  _id: string;
  runId: string;
  rev: number;
  key: string;
  points: Metric[];
}

/** Is a logged model with all its points. */
export interface LoggedModelDocument
  extends Versioned, Omit<LoggedModel, "modelId" | "tags" | "params" | "metrics"> {
  lifecycleStage: "active" | "deleted";
  tags: Pair[];
  params: Pair[];
  points: LoggedModel["metrics"];
}

/** Is a version within its model. */
export interface VersionRecord extends Omit<ModelVersion, "name" | "tags" | "aliases"> {
  tags: Pair[];
}

/** Is a registered model with its versions, aliases and history, so that each change of them is atomic. */
export interface ModelDocument extends Versioned, Omit<RegisteredModel, "tags" | "aliases"> {
  tags: Pair[];
  aliases: { alias: string; version: number }[];
  lastVersion: number;
  versions: VersionRecord[];
  history: EventRecord[];
}

/** Is an entry of the history. */
export interface EventRecord extends Omit<RegistryEvent, "evidence"> {
  evidence: { k: string; v: string | number }[];
}

/** Are the collections of one database. */
export interface Collections {
  counters: Collection<{ _id: string; value: number }>;
  experiments: Collection<ExperimentDocument>;
  runs: Collection<RunDocument>;
  buckets: Collection<BucketDocument>;
  loggedModels: Collection<LoggedModelDocument>;
  models: Collection<ModelDocument>;
  webhooks: Collection<WebhookDocument>;
}

/** Opens the collections and makes their indexes; any number of processes may do so at once. */
export async function openCollections(db: Db): Promise<Collections> {
  const collections: Collections = {
    counters: db.collection("counters"),
    experiments: db.collection("experiments"),
    runs: db.collection("runs"),
    buckets: db.collection("metric_buckets"),
    loggedModels: db.collection("logged_models"),
    models: db.collection("registered_models"),
    webhooks: db.collection("webhooks"),
  };
  const { experiments, runs, buckets, loggedModels, models } = collections;
  // a server makes each index once, whoever asks for it and how often
  await Promise.all([
    experiments.createIndexes([{ key: { name: 1 }, unique: true }]),
    runs.createIndexes([
      { key: { experimentId: 1, lifecycleStage: 1, startTime: -1, _id: 1 } },
      { key: { lifecycleStage: 1, startTime: -1, _id: 1 } },
      { key: { "tags.k": 1, "tags.v": 1 } },
      { key: { "params.k": 1, "params.v": 1 } },
      { key: { "metrics.key": 1, "metrics.value": 1 } },
      { key: { "modelPoints.modelId": 1 }, sparse: true },
    ]),
    buckets.createIndexes([{ key: { runId: 1, key: 1 } }]),
    loggedModels.createIndexes([
      { key: { experimentId: 1, lifecycleStage: 1, creationTimestamp: -1, _id: 1 } },
    ]),
    models.createIndexes([{ key: { name: 1 }, unique: true }, { key: { "versions.runId": 1 } }]),
  ]);
  return collections;
}

/** Changes one document in one step: `body` changes what it gets, and is called again where another was faster. */
export async function change<T extends Versioned, R>(
  collection: Collection<T>,
  find: () => Promise<T>,
  body: (document: T) => R | Promise<R>,
): Promise<R> {
  for (let attempt = 0; ; attempt++) {
    const document = await find();
    const { _id, rev } = document;
    const result = await body(document);
    const filter = { _id, rev } as Parameters<typeof collection.replaceOne>[0];
    const replacement = { ...document, rev: rev + 1 } as unknown as Parameters<
      typeof collection.replaceOne
    >[1];
    const { matchedCount } = await collection.replaceOne(filter, replacement);
    if (matchedCount === 1) return result;
    await delay(Math.random() * Math.min(100, 2 ** attempt)); // apart, so that one of the writers gets ahead
  }
}

/** Makes a list of what a record holds. */
export function toPairs(record: Readonly<Record<string, string>>): Pair[] {
  return Object.entries(record).map(([k, v]) => ({ k, v }));
}

/** Makes a record of a list. */
export function toRecord(pairs: readonly Pair[]): Record<string, string> {
  return Object.fromEntries(pairs.map(({ k, v }) => [k, v]));
}

/** Returns the list with `added` over what has the same keys. */
export function withPairs(pairs: readonly Pair[], added: readonly Pair[]): Pair[] {
  const merged = new Map([...pairs, ...added].map((pair) => [pair.k, pair]));
  return [...merged.values()];
}

/** Returns the list with new params; one that is there with another value throws. */
export function withParams(where: string, pairs: readonly Pair[], added: readonly Pair[]): Pair[] {
  const known = new Map(pairs.map(({ k, v }) => [k, v]));
  for (const { k, v } of added) {
    const value = known.get(k);
    if (value === undefined || value === v) continue;
    throw new TrackingError(
      `${where}: the param "${k}" never changes: it is "${value}", got "${v}". Choose another name.`,
      { code: "INVALID_PARAMETER_VALUE" },
    );
  }
  return withPairs(pairs, added);
}

/** Gathers points by a name of theirs, in the order of the first of each. */
export function groupPoints(
  points: readonly Metric[],
  nameOf: (point: Metric) => string,
): Map<string, Metric[]> {
  const groups = new Map<string, Metric[]>();
  for (const point of points) {
    const group = groups.get(nameOf(point));
    if (group === undefined) groups.set(nameOf(point), [point]);
    else group.push(point);
  }
  return groups;
}

/** Makes the error for what is not in the store. */
export function missing(message: string): TrackingError {
  return new TrackingError(message, { code: "RESOURCE_DOES_NOT_EXIST" });
}

/** Runs an insert or change whose unique name may be taken. */
export async function withFreeName<T>(message: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if ((error as { code?: unknown }).code !== 11000) throw error; // the server's number for a unique index
    throw new TrackingError(message, { code: "RESOURCE_ALREADY_EXISTS", cause: error });
  }
}
