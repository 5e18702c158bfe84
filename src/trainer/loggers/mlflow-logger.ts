// Metrics in a tracking store: MLflow's or ours, with a server or without.
import { TrackingError } from "../../base/index.ts";
import { ActiveRun, openStore } from "../../tracking/index.ts";
import type { Store } from "../../tracking/index.ts";
import type { LoggedStatus, TrainingLogger } from "./logger.ts";

/** Options by Lightning's names. */
export interface MLFlowLoggerOptions {
  /** @default "lightning_logs" */
  experimentName?: string;
  /** @default a random name */
  runName?: string;
  /** A server, `databricks`, or a store opened directly: `sqlite:///...`, `mongodb://...`, a folder. @default "./mlruns" */
  trackingUri?: string;
  tags?: Record<string, string>;
  /** Run to go on with, in place of a new one. */
  runId?: string;
  /** Logs what machine and process use. @default MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING, else false */
  logSystemMetrics?: boolean;
}

interface LastStep {
  step: number;
  points: Record<string, number>;
}

const statuses = { success: "FINISHED", failed: "FAILED", interrupted: "KILLED" } as const;

/**
 * Records the run in a tracking store, as Lightning's MLFlowLogger. The store is opened when the first thing is logged;
 * what is logged goes through the run's journal, so that a slow store does not slow the training.
 */
export class MLFlowLogger implements TrainingLogger {
  readonly name = "mlflow";
  readonly #options: MLFlowLoggerOptions;
  #store: Store | undefined;
  #run: ActiveRun | undefined;
  #runId: string | undefined;
  /** The last step that was logged, and how many points of each metric it has. */
  #last: LastStep = { step: -Infinity, points: {} };
  /** What a run that goes on from a checkpoint had logged after it: it is computed anew, to the same values. */
  #standing: { after: LastStep; points?: Map<string, number> } | undefined;

  constructor(options: MLFlowLoggerOptions = {}) {
    this.#options = options;
    this.#runId = options.runId;
  }

  /** Id of the run; undefined before anything is logged. */
  get runId(): string | undefined {
    return this.#runId;
  }

  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    const run = await this.#started();
    if (this.#standing === undefined) run.logParams({ ...params });
  }

  async logMetrics(metrics: Readonly<Record<string, number>>, step: number): Promise<void> {
    const run = await this.#started();
    if (step !== this.#last.step) this.#last = { step, points: {} };
    for (const name of Object.keys(metrics)) this.#last.points[name] = (this.#last.points[name] ?? 0) + 1;
    const isNew = ([name]: [string, number]) => !this.#takeStanding(name, step);
    run.logMetrics(Object.fromEntries(Object.entries(metrics).filter(isNew)), step);
  }

  stateDict(): Record<string, unknown> {
    return { runId: this.#runId, last: { step: this.#last.step, points: { ...this.#last.points } } };
  }

  loadStateDict({ runId, last }: Readonly<Record<string, unknown>>): void {
    if (typeof runId !== "string" || this.#run !== undefined) return;
    this.#runId = runId;
    const { step, points } = last as LastStep;
    this.#last = { step, points: { ...points } };
    this.#standing = { after: { step, points: { ...points } } };
  }

  async flush(): Promise<void> {
    await this.#run?.flush();
  }

  /** Ends the run; what is logged after that, as by a test, opens it again. */
  async finalize(status: LoggedStatus): Promise<void> {
    const [run, store] = [this.#run, this.#store];
    this.#run = this.#store = undefined;
    await run?.end(statuses[status]);
    await store?.close();
  }

  async #started(): Promise<ActiveRun> {
    if (this.#run !== undefined) return this.#run;
    const { trackingUri = "./mlruns", experimentName = "lightning_logs", runName, tags = {} } = this.#options;
    const { logSystemMetrics } = this.#options;
    this.#store = await openStore(trackingUri);
    this.#run =
      (await this.#resumed(this.#store)) ??
      (await ActiveRun.start({
        store: this.#store,
        experimentName,
        tags,
        logSystemMetrics,
        ...(runName !== undefined && { runName }),
      }));
    this.#runId = this.#run.runId;
    return this.#run;
  }

  /** Goes on with the run that is named, by the options or by a checkpoint; one of a checkpoint may be gone. */
  async #resumed(store: Store): Promise<ActiveRun | undefined> {
    if (this.#runId === undefined) return undefined;
    try {
      const { logSystemMetrics } = this.#options;
      const run = await ActiveRun.resume(store, this.#runId, { logSystemMetrics });
      if (this.#standing !== undefined)
        this.#standing.points ??= await pointsAfter(store, this.#runId, this.#standing.after);
      return run;
    } catch (error) {
      const isGone = error instanceof TrackingError && error.code === "RESOURCE_DOES_NOT_EXIST";
      if (this.#runId === this.#options.runId || !isGone) throw error;
      this.#standing = undefined;
      return undefined;
    }
  }

  /** Takes one of the points of a metric at a step that stand already; false where there is none. */
  #takeStanding(name: string, step: number): boolean {
    const points = this.#standing?.points;
    const key = JSON.stringify([name, step]);
    const left = points?.get(key) ?? 0;
    if (left > 0) points!.set(key, left - 1);
    return left > 0;
  }
}

/** Counts the points of a run that came after some point, by metric and step. */
async function pointsAfter(
  store: Store,
  runId: string,
  { step: from, points }: LastStep,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const { latestMetrics } = (await store.getRun(runId)).data;
  for (const { key: name, step: latest } of latestMetrics) {
    if (latest < from) continue;
    for (const { step } of await store.metricHistory(runId, name)) {
      const key = JSON.stringify([name, step]);
      if (step >= from) counts.set(key, (counts.get(key) ?? (step === from ? -(points[name] ?? 0) : 0)) + 1);
    }
  }
  return counts;
}
