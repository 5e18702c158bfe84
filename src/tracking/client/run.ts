// A run as training code sees it: log and go on. Writing happens in ./writer.ts.
import { statSync } from "node:fs";
import { basename } from "node:path";
import { stringify as toYaml } from "yaml";
import { SconceError, TrackingError, logger } from "../../base/index.ts";
import { type CopyOptions, LocalArtifactRepository } from "../artifacts/local.ts";
import type { TrackingStore } from "../store.ts";
import type { DatasetInput, Experiment, RunInfo, RunStatus } from "../types.ts";
import { checkExperimentIsActive } from "../validation.ts";
import { type ContextOptions, contextTags, userName } from "./context.ts";
import { flattenParams } from "./flatten.ts";
import { RunWriter, type WriterOptions } from "./writer.ts";

/** Says where and as what a run is recorded. */
export interface StartRunOptions extends ContextOptions, WriterOptions {
  store: TrackingStore;
  /** Is made when it is missing. */
  experimentName: string;
  /** @default a random name */
  runName?: string;
  tags?: Record<string, string>;
  /** Folder of the experiment's artifacts, used when the experiment is made. @default the store decides */
  artifactLocation?: string;
}

/** Says how a run ended. */
export interface EndReport {
  /** Values that the store would not take; 0 unless it failed to the very end. */
  unwritten: number;
}

/**
 * Starts a run in an experiment, which is made when it is missing.
 *
 * @example
 * const store = await SqliteStore.open({ path: "outputs/mlflow/mlflow.db" });
 * const run = await startRun({ store, experimentName: "spam/first" });
 * run.logParams({ optimizer: { lr: 0.1 } });
 * run.logMetrics({ train_loss: 0.5 }, 1);
 * await run.end(); // => { unwritten: 0 }
 */
export async function startRun(options: StartRunOptions): Promise<ActiveRun> {
  const { store, experimentName, runName, artifactLocation, tags = {} } = options;
  const experiment = await getOrCreateExperiment(store, experimentName, artifactLocation);
  const run = await store.createRun({
    experimentId: experiment.experimentId,
    userId: userName(),
    ...(runName === undefined ? {} : { runName }),
    tags: { ...contextTags(options), ...tags },
  });
  return new ActiveRun(store, run.info, options);
}

/** Returns the experiment of a name, made when it is missing; two processes may ask at once. */
export async function getOrCreateExperiment(
  store: TrackingStore,
  name: string,
  artifactLocation?: string,
): Promise<Experiment> {
  const existing = await store.getExperimentByName(name);
  if (existing !== undefined) {
    checkExperimentIsActive(existing);
    return existing;
  }
  try {
    const id = await store.createExperiment({
      name,
      ...(artifactLocation === undefined ? {} : { artifactLocation }),
    });
    return await store.getExperiment(id);
  } catch (error) {
    if (!SconceError.is(error) || error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
    const winner = await store.getExperimentByName(name);
    if (winner === undefined) throw error;
    return winner;
  }
}

/**
 * Is a run that goes on. Params, metrics and tags return at once and are written in the background; artifacts are on
 * disk when the call returns.
 */
export class ActiveRun {
  readonly store: TrackingStore;
  readonly info: RunInfo;
  readonly artifacts: LocalArtifactRepository;
  readonly #writer: RunWriter;
  #ended: Promise<EndReport> | undefined;

  constructor(store: TrackingStore, info: RunInfo, options: WriterOptions = {}) {
    this.store = store;
    this.info = info;
    this.artifacts = new LocalArtifactRepository(info.artifactUri);
    this.#writer = new RunWriter(store, info.runId, options);
  }

  get runId(): string {
    return this.info.runId;
  }

  /** Returns how many logged values the store has not taken yet. */
  get pending(): number {
    return this.#writer.pending;
  }

  /** Logs params; nested objects get keys with dots, and values beyond MLflow's limit are cut with a mark. */
  logParams(params: Record<string, unknown>): void {
    this.#checkOpen("logParams");
    this.#writer.add(
      Object.entries(flattenParams(params)).map(([key, value]) => ({ kind: "param", item: { key, value } })),
    );
  }

  /** Logs one point of each metric at a step. NaN and infinities are data. */
  logMetrics(metrics: Record<string, number>, step = 0): void {
    this.#checkOpen("logMetrics");
    const timestamp = Date.now();
    this.#writer.add(
      Object.entries(metrics).map(([key, value]) => ({
        kind: "metric",
        item: { key, value, timestamp, step },
      })),
    );
  }

  /** Sets tags, over earlier values. */
  setTags(tags: Record<string, string>): void {
    this.#checkOpen("setTags");
    this.#writer.add(Object.entries(tags).map(([key, value]) => ({ kind: "tag", item: { key, value } })));
  }

  /** Records data sets as inputs of the run. */
  async logInputs(datasets: readonly DatasetInput[]): Promise<void> {
    this.#checkOpen("logInputs");
    await this.store.logInputs(this.runId, datasets);
  }

  /** Copies a file, or a folder with its content, into a folder of the artifacts. */
  logArtifact(path: string, artifactFolder = ""): void {
    const target = artifactFolder === "" ? basename(path) : `${artifactFolder}/${basename(path)}`;
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (isFolder) this.logFolder(path, target);
    else this.logFile(path, target);
  }

  /** Copies a file to a place in the artifacts. */
  logFile(file: string, artifactPath: string = basename(file)): void {
    this.#checkOpen("logFile");
    this.artifacts.logFile(file, artifactPath);
  }

  /** Copies what a folder holds to a folder of the artifacts. */
  logFolder(folder: string, artifactPath: string, options: CopyOptions = {}): void {
    this.#checkOpen("logFolder");
    this.artifacts.logFolder(folder, artifactPath, options);
  }

  /** Writes text or bytes to a file of the artifacts. */
  logText(content: string | Uint8Array, artifactPath: string): void {
    this.#checkOpen("logText");
    this.artifacts.writeFile(artifactPath, content);
  }

  /** Writes an object as YAML where the name ends in `.yaml` or `.yml`, else as JSON. */
  logDict(value: object, artifactPath: string): void {
    const text = /\.ya?ml$/i.test(artifactPath)
      ? toYaml(value, { version: "1.1" })
      : `${JSON.stringify(value, null, 2)}\n`;
    this.logText(text, artifactPath);
  }

  /** Waits until all that was logged is in the store; throws when the store does not take it. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  /**
   * Writes what is pending and closes the run. A store that fails is reported, not thrown: the run may be over, the
   * job is not. A second call waits for the first.
   */
  end(status: RunStatus = "FINISHED", reason?: string): Promise<EndReport> {
    this.#ended ??= this.#end(status, reason);
    return this.#ended;
  }

  async #end(status: RunStatus, reason: string | undefined): Promise<EndReport> {
    if (reason !== undefined) {
      this.#writer.add([{ kind: "tag", item: { key: endReasonTag, value: reason } }]);
    }
    const unwritten = await this.#writer.close();
    if (unwritten > 0)
      logger.error(`tracking: ${unwritten} logged values of run ${this.runId} could not be written.`);
    try {
      await this.store.updateRun({ runId: this.runId, status, endTime: Date.now() });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      logger.error(`tracking: run ${this.runId} could not be marked ${status}. ${detail}`);
    }
    return { unwritten };
  }

  #checkOpen(what: string): void {
    if (this.#ended === undefined) return;
    throw new TrackingError(`${what}: run ${this.runId} must be open, but it has ended. Start another run.`, {
      code: "INVALID_STATE",
    });
  }
}

/** Names the tag that says why a run ended as it did. */
export const endReasonTag = "sconce.end_reason";
