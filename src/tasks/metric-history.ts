// The curves of a run, kept beside the store for the plots at its end.
import type { TrackingStore } from "../tracking/index.ts";

/** The points of each metric by its name. */
export type MetricPoints = ReadonlyMap<string, { steps: number[]; values: number[] }>;

/** Every point of every metric, for plots. */
export class MetricHistory {
  readonly points = new Map<string, { steps: number[]; values: number[] }>();

  /** Reads what a run has logged so far. */
  static async ofRun(store: TrackingStore, runId: string): Promise<MetricHistory> {
    const history = new MetricHistory();
    const { latestMetrics } = (await store.getRun(runId)).data;
    for (const { key } of latestMetrics.filter(({ key }) => !key.startsWith("system/"))) {
      for (const { step, value } of await store.metricHistory(runId, key))
        history.add({ [key]: value }, step);
    }
    return history;
  }

  /**
   * Adds a point of each metric, and returns those that are new. A run that goes back to a checkpoint computes its
   * later steps anew, to the same values: they stand already.
   */
  add(metrics: Readonly<Record<string, number>>, step: number): Record<string, number> {
    const added = this.missing(metrics, step);
    for (const [name, value] of Object.entries(added)) {
      let series = this.points.get(name);
      if (series === undefined) this.points.set(name, (series = { steps: [], values: [] }));
      series.steps.push(step);
      series.values.push(value);
    }
    return added;
  }

  /** Returns the points that do not stand yet. */
  missing(metrics: Readonly<Record<string, number>>, step: number): Record<string, number> {
    const isMissing = (name: string) => (this.points.get(name)?.steps.at(-1) ?? -1) < step;
    return Object.fromEntries(Object.entries(metrics).filter(([name]) => isMissing(name)));
  }

  /** Last value of each metric. */
  last(): Record<string, number> {
    return Object.fromEntries([...this.points].map(([name, { values }]) => [name, values.at(-1)!]));
  }
}
