// Follows a run in any store: what was logged since it was asked last.
import type { Metric, Run, TrackingStore } from "../tracking/index.ts";

/** What a look at a run found. */
export interface RunNews {
  run: Run;
  /** Points that were not there before, by time, step and name. */
  points: readonly Metric[];
}

interface SeenSeries {
  /** The newest point, as the store has it. */
  latest: string;
  lastStep: number;
  /** The points at the last step. */
  atLastStep: ReadonlySet<string>;
}

/**
 * Reads only the metrics that have moved, from the step on that was seen last; of a metric at most 2500 steps at once, thinned
 * evenly. Points that are logged later for steps before that, as by a run that goes on from a checkpoint, are passed over.
 */
export class RunFollower {
  readonly #store: TrackingStore;
  readonly #runId: string;
  readonly #seen = new Map<string, SeenSeries>();

  constructor(store: TrackingStore, runId: string) {
    this.#store = store;
    this.#runId = runId;
  }

  async read(): Promise<RunNews> {
    const run = await this.#store.getRun(this.#runId);
    const moved = run.data.latestMetrics.filter(
      (point) => this.#seen.get(point.key)?.latest !== nameOf(point),
    );
    const points: Metric[] = [];
    for (const latest of moved) points.push(...(await this.#newPoints(latest)));
    points.sort((a, b) => a.timestamp - b.timestamp || a.step - b.step || (a.key < b.key ? -1 : 1));
    return { run, points };
  }

  async #newPoints(latest: Metric): Promise<Metric[]> {
    const { key } = latest;
    const before = this.#seen.get(key);
    const found = await this.#store.metricHistories({
      runIds: [this.#runId],
      key,
      ...(before !== undefined && { startStep: before.lastStep }),
    });
    const fresh = found
      .filter((point) => before?.atLastStep.has(nameOf(point)) !== true)
      .map(({ value, timestamp, step }) => ({ key, value, timestamp, step }));
    const lastStep = found.reduce((last, { step }) => Math.max(last, step), before?.lastStep ?? -Infinity);
    const atLastStep = new Set(found.filter(({ step }) => step === lastStep).map(nameOf));
    this.#seen.set(key, { latest: nameOf(latest), lastStep, atLastStep });
    return fresh;
  }
}

function nameOf({ step, timestamp, value }: Pick<Metric, "step" | "timestamp" | "value">): string {
  return `${step} ${timestamp} ${value}`;
}
