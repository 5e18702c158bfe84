// A run as training code sees it: log and go on. Writing happens in ./writer.ts.
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { stringify as toYaml } from "yaml";
import { SconceError, TrackingError, logger } from "../../base/index.ts";
import { BlobPool } from "../artifacts/blob-pool.ts";
import { type CopyOptions, LocalArtifactRepository } from "../artifacts/local.ts";
import { artifactRepository } from "../artifacts/open-repository.ts";
import { isLocalPlace } from "../artifacts/uri.ts";
import type { LogBatchInput, TrackingStore } from "../store.ts";
import { logsSystemMetrics, nextSystemStep, startSystemMetrics } from "../system-metrics.ts";
import type { DatasetInput, Experiment, Run, RunInfo, RunStatus } from "../types.ts";
import { checkExperimentIsActive } from "../validation.ts";
import { type ContextOptions, contextTags, userName } from "./context.ts";
import { describeError, endTags, unwatchEnd, watchEnd, withoutSecrets } from "./end-tags.ts";
import { flattenParams } from "./flatten.ts";
import { Journal, defaultJournalFolder, stagingFolder } from "./journal.ts";
import { Lease, leaseTags } from "./lease.ts";
import { StagedArtifacts } from "./staged-artifacts.ts";
import { RunWriter, type WriterOptions } from "./writer.ts";

/** Says how a run is written. */
export interface ActiveRunOptions extends WriterOptions {
  /**
   * Folder of the journal, which keeps what is logged until the store has it; false keeps it in memory alone.
   * @default `SCONCE_JOURNAL_DIR`, else `sconce/journal` in the user's state folder
   */
  journalFolder?: string | false;
  /** How long the run counts as alive without a sign of life, in milliseconds. @default 60000 */
  leaseMs?: number;
  /**
   * Logs what machine and process use, `system/cpu_utilization_percentage` and so on, while the run is open.
   * @default MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING, else false
   */
  logSystemMetrics?: boolean | undefined;
}

/** Says where and as what a run is recorded. */
export interface StartRunOptions extends ContextOptions, ActiveRunOptions {
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
  /** Entries that the store would not take, the end itself among them; 0 unless it failed to the very end. */
  unwritten: number;
  /** The file that keeps them for `shipJournals`. */
  journal?: string;
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

const longestReason = 4000;

/**
 * Is a run that goes on. Params, metrics and tags return at once and are written in the background; artifacts are on
 * disk when the call returns.
 */
export class ActiveRun {
  readonly store: TrackingStore;
  readonly info: RunInfo;
  #artifacts: LocalArtifactRepository | undefined;
  readonly #writer: RunWriter;
  readonly #journalFolder: string | false;
  /** Folder of the files that are to be sent, once there are any. */
  #staging: string | undefined;
  readonly #lease: Lease;
  /** The rows of each table so far. */
  readonly #tables = new Map<string, Record<string, unknown>[]>();
  readonly #stopSystemMetrics: (() => void) | undefined;
  #ended: Promise<EndReport> | undefined;

  constructor(store: TrackingStore, run: Pick<Run, "info" | "data">, options: ActiveRunOptions = {}) {
    const { info } = run;
    const { latestMetrics } = run.data;
    this.store = store;
    this.info = info;
    this.#writer = new RunWriter(store, info.runId, openJournal(store, info.runId, options), options);
    const { journalFolder = defaultJournalFolder() } = options;
    this.#journalFolder = journalFolder;
    this.#lease = new Lease(store, info.runId, options.leaseMs);
    if (logsSystemMetrics(options.logSystemMetrics)) {
      this.#stopSystemMetrics = startSystemMetrics({
        firstStep: nextSystemStep(latestMetrics),
        log: (metrics, step) => this.logMetrics(metrics, step),
      });
    }
    watchEnd(this);
  }

  /**
   * Starts a run in an experiment, which is made when it is missing.
   *
   * @example
   * const store = await SqliteStore.open({ path: "outputs/mlflow/mlflow.db" });
   * const run = await ActiveRun.start({ store, experimentName: "spam/first" });
   * run.logParams({ optimizer: { lr: 0.1 } });
   * run.logMetrics({ train_loss: 0.5 }, 1);
   * await run.end(); // => { unwritten: 0 }
   */
  static async start(options: StartRunOptions): Promise<ActiveRun> {
    const { store, experimentName, runName, artifactLocation, tags = {} } = options;
    const experiment = await getOrCreateExperiment(store, experimentName, artifactLocation);
    const run = await store.createRun({
      experimentId: experiment.experimentId,
      userId: userName(),
      ...(runName === undefined ? {} : { runName }),
      tags: { ...contextTags(options), ...leaseTags(options.leaseMs), ...tags },
    });
    return new ActiveRun(store, run, options);
  }

  /** Goes on with a run that has ended, or whose process has: it is this process's now, and how it ended is history. */
  static async resume(
    store: TrackingStore,
    runId: string,
    options: ContextOptions & ActiveRunOptions = {},
  ): Promise<ActiveRun> {
    const { info, data } = await store.getRun(runId);
    await store.setTags(runId, { ...contextTags(options), ...leaseTags(options.leaseMs) });
    for (const tag of Object.values(endTags)) if (tag in data.tags) await store.deleteTag(runId, tag);
    await store.updateRun({ runId, status: "RUNNING" });
    return new ActiveRun(store, { info: { ...info, status: "RUNNING" }, data }, options);
  }

  get runId(): string {
    return this.info.runId;
  }

  /** Holds the run's artifacts: the folder itself, or for a run whose artifacts are elsewhere what is still to be sent. */
  get artifacts(): LocalArtifactRepository {
    return (this.#artifacts ??= this.artifactsAt(this.info.artifactUri));
  }

  /** Returns what holds the artifacts of another place, a logged model's say; see `artifacts`. */
  artifactsAt(artifactUri: string): LocalArtifactRepository {
    if (isLocalPlace(artifactUri)) {
      return new LocalArtifactRepository(artifactUri, { pool: BlobPool.ofRun(this.info) });
    }
    artifactRepository(artifactUri, this.store); // throws for a place that cannot be written
    const folder = join((this.#staging ??= this.#makeStaging()), encodeURIComponent(artifactUri));
    const staged = new StagedArtifacts(folder, (path) =>
      this.#writer.add([{ kind: "artifact", item: { artifactUri, path, file: staged.resolve(path) } }]),
    );
    return staged;
  }

  /** Whether artifacts are sent to another machine: a tracking server, or a bucket. */
  get sendsArtifacts(): boolean {
    return !isLocalPlace(this.info.artifactUri);
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

  /** Logs points, params and tags at once: each point has a time and step of its own. */
  logBatch({ metrics = [], params = [], tags = [] }: Omit<LogBatchInput, "runId">): void {
    this.#checkOpen("logBatch");
    this.#writer.add([
      ...metrics.map((item) => ({ kind: "metric" as const, item })),
      ...params.map((item) => ({ kind: "param" as const, item })),
      ...tags.map((item) => ({ kind: "tag" as const, item })),
    ]);
  }

  /** Sets tags, over earlier values. */
  setTags(tags: Record<string, string>): void {
    this.#checkOpen("setTags");
    this.noteTags(tags);
  }

  /** Sets tags as the process ends: they are in the journal when the call returns, whatever becomes of the process. */
  noteTags(tags: Record<string, string>): void {
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

  /**
   * Writes rows to a table in MLflow's form (`mlflow.load_table` reads it), after those that the file holds. A column
   * that a row lacks is null in it.
   */
  logTable(rows: readonly Record<string, unknown>[], artifactPath: string): void {
    const isThere = existsSync(this.artifacts.resolve(artifactPath));
    const old =
      this.#tables.get(artifactPath) ?? (isThere ? readTable(this.artifacts.readFile(artifactPath)) : []);
    const all = [...old, ...rows];
    const columns = [...new Set(all.flatMap((row) => Object.keys(row)))];
    const data = all.map((row) => columns.map((column) => row[column] ?? null));
    this.logText(JSON.stringify({ columns, data }), artifactPath);
    this.#tables.set(artifactPath, all);
    const tables = [...this.#tables.keys()].map((path) => ({ path, type: "table" }));
    this.setTags({ "mlflow.loggedArtifacts": JSON.stringify(tables) });
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

  /** Closes a run that an error ended: FAILED, unless said otherwise, with the error and its stack. */
  fail(error: unknown, status: RunStatus = "FAILED"): Promise<EndReport> {
    this.noteTags({ [endTags.lastError]: describeError(error) });
    const message = error instanceof Error ? error.message : String(error);
    return this.end(status, withoutSecrets(message).slice(0, longestReason));
  }

  async #end(status: RunStatus, reason: string | undefined): Promise<EndReport> {
    this.#stopSystemMetrics?.();
    this.#lease.stop();
    unwatchEnd(this);
    if (reason !== undefined) this.noteTags({ [endTags.reason]: reason });
    this.#writer.add([{ kind: "end", item: { status, endTime: Date.now() } }]);
    const { unwritten, error, journal } = await this.#writer.close();
    if (unwritten === 0) {
      if (this.#staging !== undefined) rmSync(this.#staging, { recursive: true, force: true });
      return { unwritten };
    }
    const detail = error instanceof Error ? error.message : String(error);
    logger.error(
      journal === undefined
        ? `tracking: run ${this.runId} could not be marked ${status}, and ${unwritten - 1} logged values are lost. ${detail}`
        : `tracking: the end of run ${this.runId} and ${unwritten - 1} logged values are not in the store yet. ${detail} ` +
            `They are kept in ${journal}, and written when the next run begins.`,
    );
    return { unwritten, ...(journal === undefined ? {} : { journal }) };
  }

  /** Makes a folder that nobody else can put files in: what is there is sent as this run's. */
  #makeStaging(): string {
    if (this.#journalFolder === false) return mkdtempSync(join(tmpdir(), "sconce-staging-"));
    const folder = stagingFolder(this.#journalFolder, this.runId);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  #checkOpen(what: string): void {
    if (this.#ended === undefined) return;
    throw new TrackingError(`${what}: run ${this.runId} must be open, but it has ended. Start another run.`, {
      code: "INVALID_STATE",
    });
  }
}

function readTable(content: Buffer): Record<string, unknown>[] {
  const { columns, data } = JSON.parse(content.toString("utf8")) as { columns: string[]; data: unknown[][] };
  return data.map((values) => Object.fromEntries(columns.map((column, index) => [column, values[index]])));
}

function openJournal(
  store: TrackingStore,
  runId: string,
  { journalFolder = defaultJournalFolder() }: ActiveRunOptions,
): Journal | undefined {
  if (journalFolder === false) return undefined;
  try {
    return Journal.create(journalFolder, { storeUri: store.uri, runId });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    logger.warn(`tracking: no journal can be kept in ${journalFolder}: ${detail}`);
    return undefined;
  }
}
