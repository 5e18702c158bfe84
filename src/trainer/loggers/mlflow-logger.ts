// Metrics in a tracking store: MLflow's or ours, with a server or without.
import { ActiveRun, openStore } from "../../tracking/index.ts";
import type { Store } from "../../tracking/index.ts";
import type { LoggedStatus, TrainingLogger } from "./logger.ts";

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

  constructor(options: MLFlowLoggerOptions = {}) {
    this.#options = options;
    this.#runId = options.runId;
  }

  /** Id of the run; undefined before anything is logged. */
  get runId(): string | undefined {
    return this.#runId;
  }

  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    (await this.#started()).logParams({ ...params });
  }

  async logMetrics(metrics: Readonly<Record<string, number>>, step: number): Promise<void> {
    (await this.#started()).logMetrics({ ...metrics }, step);
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
    this.#store = await openStore(trackingUri);
    this.#run =
      this.#runId === undefined
        ? await ActiveRun.start({
            store: this.#store,
            experimentName,
            tags,
            ...(runName !== undefined && { runName }),
          })
        : await ActiveRun.resume(this.#store, this.#runId);
    this.#runId = this.#run.runId;
    return this.#run;
  }
}
