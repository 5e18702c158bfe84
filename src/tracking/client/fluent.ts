// MLflow's fluent API in camelCase: the run of the moment, without handing it around.
// The run belongs to the asynchronous context that started it, so that trials side by side in one process never log
// into each other's runs (MLflow's own fluent API is not safe in threads).
import { AsyncLocalStorage } from "node:async_hooks";
import { TrackingError } from "../../base/index.ts";
import { checkArtifactPath } from "../artifacts/artifact-path.ts";
import { childUri } from "../artifacts/uri.ts";
import { openStore } from "../open-store.ts";
import type { Store } from "../open-store.ts";
import type { PagedList } from "../paged-list.ts";
import type { LogBatchInput, SearchExperimentsInput, SearchRunsInput } from "../store.ts";
import type { DatasetInput, Experiment, Run, RunStatus } from "../types.ts";
import { present } from "../wire.ts";
import { ActiveRun, getOrCreateExperiment } from "./run.ts";
import type { ActiveRunOptions, EndReport } from "./run.ts";

/** Says as what a run is recorded. */
export interface RunOptions extends ActiveRunOptions {
  /** @default a random name */
  runName?: string;
  /** Goes on with this run instead of starting one. */
  runId?: string;
  /** @default the experiment of `setExperiment`, else `MLFLOW_EXPERIMENT_NAME`, else `Default` */
  experimentName?: string;
  /** Makes it a child of the run of the moment. @default false */
  nested?: boolean;
  tags?: Record<string, string>;
  description?: string;
}

/** Tags of MLflow that this file writes. */
const systemTags = { parent: "mlflow.parentRunId", note: "mlflow.note.content" } as const;
const defaultExperiment = "Default";

interface Context {
  /** The runs that are open, the innermost last. */
  runs: readonly ActiveRun[];
}

const contexts = new AsyncLocalStorage<Context>();
/** What applies outside of any context that `startRun` made: a program with one run at a time. */
const globalContext: Context = { runs: [] };
let trackingUri: string | undefined;
let experimentName: string | undefined;
let opened: { uri: string; store: Promise<Store> } | undefined;

/** Chooses the store of all that follows: a server, `databricks`, `sqlite:///...`, `mongodb://...`, a folder. */
export function setTrackingUri(uri: string): void {
  trackingUri = uri;
}

/** Returns the URI of the store. @default `MLFLOW_TRACKING_URI`, else `sqlite:///outputs/mlflow/mlflow.db` */
export function getTrackingUri(): string {
  return trackingUri ?? (process.env["MLFLOW_TRACKING_URI"] || "sqlite:///outputs/mlflow/mlflow.db");
}

/** Returns the store that the fluent functions use. */
export async function trackingStore(): Promise<Store> {
  const uri = getTrackingUri();
  if (opened?.uri === uri) return opened.store;
  const previous = opened?.store;
  const store = openStore(uri);
  opened = { uri, store };
  try {
    await (await previous)?.close();
    return await store;
  } catch (error) {
    opened = undefined; // the next call tries again
    throw error;
  }
}

/** Chooses the experiment of the runs that follow, and makes it when it is missing. */
export async function setExperiment(name: string): Promise<Experiment> {
  const experiment = await getOrCreateExperiment(await trackingStore(), name);
  experimentName = name;
  return experiment;
}

/**
 * Starts a run and makes it the run of the moment; with a function, until that function is done: the run ends
 * FINISHED, or FAILED when it throws.
 *
 * @example
 * await startRun({ runName: "first" }, async () => {
 *   logParam("lr", 0.1);
 *   logMetric("loss", 0.5, { step: 1 });
 * });
 */
export async function startRun(options?: RunOptions): Promise<ActiveRun>;
export async function startRun<T>(options: RunOptions, body: (run: ActiveRun) => Promise<T> | T): Promise<T>;
export async function startRun<T>(
  options: RunOptions = {},
  body?: (run: ActiveRun) => Promise<T> | T,
): Promise<ActiveRun | T> {
  const outer = context();
  const parent = outer.runs.at(-1);
  if (parent !== undefined && options.nested !== true && body === undefined) {
    throw new TrackingError(
      `startRun: run ${parent.runId} goes on. End it with endRun(), or start this one with { nested: true }.`,
      { code: "INVALID_STATE" },
    );
  }
  const run = await openRun(options, options.nested === true ? parent : undefined);
  if (body === undefined) {
    outer.runs = [...outer.runs, run];
    return run;
  }
  return contexts.run({ runs: [...outer.runs, run] }, () => runToEnd(run, body));
}

async function runToEnd<T>(run: ActiveRun, body: (run: ActiveRun) => Promise<T> | T): Promise<T> {
  let result: T;
  try {
    result = await body(run);
  } catch (error) {
    await run.fail(error);
    throw error;
  }
  await run.end();
  return result;
}

async function openRun(options: RunOptions, parent: ActiveRun | undefined): Promise<ActiveRun> {
  const { runId, runName, description, nested: _, tags = {}, ...rest } = options;
  const store = await trackingStore();
  if (runId !== undefined) {
    const run = await ActiveRun.resume(store, runId, rest);
    run.setTags(tags);
    return run;
  }
  return ActiveRun.start({
    ...rest,
    store,
    experimentName:
      rest.experimentName ?? experimentName ?? (process.env["MLFLOW_EXPERIMENT_NAME"] || defaultExperiment),
    ...present({ runName }),
    tags: {
      ...tags,
      ...(parent === undefined ? {} : { [systemTags.parent]: parent.runId }),
      ...(description === undefined ? {} : { [systemTags.note]: description }),
    },
  });
}

/** Returns the run of the moment, or undefined. */
export function activeRun(): ActiveRun | undefined {
  return context().runs.at(-1);
}

/** Ends the run of the moment, which leaves its parent as the run of the moment. */
export async function endRun(status: RunStatus = "FINISHED"): Promise<EndReport | undefined> {
  const current = context();
  const run = current.runs.at(-1);
  current.runs = current.runs.slice(0, -1);
  return run?.end(status);
}

/** Logs a param of the run of the moment. */
export function logParam(key: string, value: unknown): void {
  current("logParam").logParams({ [key]: value });
}

/** Logs params; nested objects get keys with dots. */
export function logParams(params: Record<string, unknown>): void {
  current("logParams").logParams(params);
}

/** Logs one point of a metric. @default step: 0 */
export function logMetric(key: string, value: number, { step = 0 }: { step?: number } = {}): void {
  current("logMetric").logMetrics({ [key]: value }, step);
}

/** Logs one point of each metric. @default step: 0 */
export function logMetrics(metrics: Record<string, number>, { step = 0 }: { step?: number } = {}): void {
  current("logMetrics").logMetrics(metrics, step);
}

/** Logs points, params and tags at once: each point has a time and step of its own. */
export function logBatch(batch: Omit<LogBatchInput, "runId">): void {
  current("logBatch").logBatch(batch);
}

/** Waits until all that the run of the moment logged is in the store; throws when the store does not take it. */
export async function flushAsyncLogging(): Promise<void> {
  await current("flushAsyncLogging").flush();
}

/** Sets a tag. */
export function setTag(key: string, value: string): void {
  current("setTag").setTags({ [key]: value });
}

/** Sets tags. */
export function setTags(tags: Record<string, string>): void {
  current("setTags").setTags(tags);
}

/** Removes a tag of the run of the moment, which must be there. */
export async function deleteTag(key: string): Promise<void> {
  const run = current("deleteTag");
  await run.flush();
  await run.store.deleteTag(run.runId, key);
}

/** Returns where the artifacts of the run of the moment are, or a path below. */
export function getArtifactUri(artifactPath = ""): string {
  const { artifactUri } = current("getArtifactUri").info;
  return artifactPath === ""
    ? artifactUri
    : childUri(artifactUri, ...checkArtifactPath(artifactPath).split("/"));
}

/** Records a data set as an input. */
export async function logInput(input: DatasetInput): Promise<void> {
  await current("logInput").logInputs([input]);
}

/** Copies a file, or a folder with its content, into a folder of the artifacts. */
export function logArtifact(path: string, artifactPath = ""): void {
  current("logArtifact").logArtifact(path, artifactPath);
}

/** Copies what a folder holds into a folder of the artifacts. */
export function logArtifacts(folder: string, artifactPath = ""): void {
  current("logArtifacts").logFolder(folder, artifactPath);
}

/** Writes text to a file of the artifacts. */
export function logText(text: string, artifactFile: string): void {
  current("logText").logText(text, artifactFile);
}

/** Writes an object as YAML or JSON, by the name's ending. */
export function logDict(value: object, artifactFile: string): void {
  current("logDict").logDict(value, artifactFile);
}

/** Writes a plot: the text of an SVG, or the bytes of a PNG. */
export function logFigure(figure: string | Uint8Array, artifactFile: string): void {
  current("logFigure").logText(figure, artifactFile);
}

/** Writes the bytes of a picture file. */
export function logImage(image: Uint8Array, artifactFile: string): void {
  current("logImage").logText(image, artifactFile);
}

/** Writes rows to a table in MLflow's form, after those that the file holds. */
export function logTable(rows: readonly Record<string, unknown>[], artifactFile: string): void {
  current("logTable").logTable(rows, artifactFile);
}

/** Returns a run with all that it logged. */
export async function getRun(runId: string): Promise<Run> {
  return (await trackingStore()).getRun(runId);
}

/** Returns the run whose child a run is, or undefined. */
export async function getParentRun(runId: string): Promise<Run | undefined> {
  const store = await trackingStore();
  const parentId = (await store.getRun(runId)).data.tags[systemTags.parent];
  return parentId === undefined ? undefined : store.getRun(parentId);
}

/** Searches runs in MLflow's grammar. @default experimentNames: the experiment of `setExperiment` */
export async function searchRuns(
  input: SearchRunsInput & { experimentNames?: readonly string[] } = {},
): Promise<PagedList<Run>> {
  const { experimentNames, ...search } = input;
  const store = await trackingStore();
  const names = experimentNames ?? (experimentName === undefined ? undefined : [experimentName]);
  if (search.experimentIds !== undefined || names === undefined) return store.searchRuns(search);
  const experiments = await Promise.all(names.map((name) => store.getExperimentByName(name)));
  const experimentIds = experiments.flatMap((found) => (found === undefined ? [] : [found.experimentId]));
  return store.searchRuns({ ...search, experimentIds });
}

/** Searches experiments in MLflow's grammar. */
export async function searchExperiments(input?: SearchExperimentsInput): Promise<PagedList<Experiment>> {
  return (await trackingStore()).searchExperiments(input);
}

function context(): Context {
  return contexts.getStore() ?? globalContext;
}

function current(what: string): ActiveRun {
  const run = activeRun();
  if (run !== undefined) return run;
  throw new TrackingError(`${what}: no run goes on. Start one: await startRun().`, { code: "INVALID_STATE" });
}
