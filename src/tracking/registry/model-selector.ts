// Finds the best run of an experiment by a metric.
import { TrackingError, logger, metricModes, suggestion } from "../../base/index.ts";
import { eachPage } from "../paged-list.ts";
import type { TrackingStore } from "../store.ts";
import type { Run } from "../types.ts";
import { present } from "../wire.ts";

/** Is the way in which a metric is better. */
export type MetricMode = "max" | "min";

/** Says in which runs the best is looked for, and by what. */
export interface ModelSelectorOptions {
  store: TrackingStore;
  experimentName: string;
  metric: string;
  /** @default by the metric's name: losses and errors are better when smaller */
  mode?: MetricMode;
  /** Takes runs of models that were only evaluated into account too. @default false */
  includePretrained?: boolean;
}

/** Tag of runs that evaluate a model as it came. */
export const runTypeTag = { key: "run_type", pretrained: "pretrained" } as const;

/** Counts the runs that could not be chosen, by the reason. */
export interface Skipped {
  notFinished: number;
  pretrained: number;
  withoutMetric: number;
  withoutGroup: number;
}

/**
 * Chooses among the finished runs of an experiment by the latest value of a metric. Runs that have no such metric, or
 * NaN for it, are never chosen; how many were passed over is said once per call.
 *
 * @example
 * const selector = new ModelSelector({ store, experimentName: "spam/first", metric: "f1" });
 * (await selector.getBestModel()).info.runId;
 * (await selector.getBestModelsByTag("base_model_name")).get("bert-base-uncased");
 */
export class ModelSelector {
  readonly #options: ModelSelectorOptions;
  readonly #mode: MetricMode;

  constructor(options: ModelSelectorOptions) {
    this.#options = options;
    this.#mode = options.mode ?? inferMode(options.metric);
  }

  /** Returns the best run; throws with the metrics that were logged when no run has this one. */
  async getBestModel(): Promise<Run> {
    const { candidates, skipped, seen } = await this.#candidates();
    const [best] = this.#best(candidates);
    if (best === undefined) throw this.#noCandidate(skipped, seen);
    this.#report(skipped);
    return best;
  }

  /** Returns the best run for each value of a tag, the best of all first. */
  getBestModelsByTag(tag: string): Promise<Map<string, Run>> {
    return this.#bestBy(({ data }) => data.tags[tag]);
  }

  /** Returns the best run for each value of a param, the best of all first. */
  getBestModelsByParam(param: string): Promise<Map<string, Run>> {
    return this.#bestBy(({ data }) => data.params[param]);
  }

  async #bestBy(group: (run: Run) => string | undefined): Promise<Map<string, Run>> {
    const { candidates, skipped, seen } = await this.#candidates();
    if (candidates.length === 0) throw this.#noCandidate(skipped, seen);
    const best = new Map<string, Run>();
    for (const run of this.#best(candidates)) {
      const value = group(run);
      if (value === undefined) skipped.withoutGroup++;
      else if (!best.has(value)) best.set(value, run);
    }
    this.#report(skipped);
    return best;
  }

  #best(runs: readonly Run[]): Run[] {
    const sign = this.#mode === "max" ? -1 : 1;
    const value = (run: Run) => sign * (run.data.metrics[this.#options.metric] as number);
    // of equals the first to be there is kept
    return [...runs].sort((a, b) => value(a) - value(b) || a.info.startTime - b.info.startTime);
  }

  async #candidates(): Promise<{ candidates: Run[]; skipped: Skipped; seen: Set<string> }> {
    const { store, experimentName, metric, includePretrained = false } = this.#options;
    const experiment = await store.getExperimentByName(experimentName);
    if (experiment === undefined) {
      const names = (await store.searchExperiments()).map(({ name }) => name);
      throw new TrackingError(
        `experiment "${experimentName}": it must exist, and no such name is in the store. ` +
          suggestion(experimentName, names),
        { code: "RESOURCE_DOES_NOT_EXIST" },
      );
    }
    const experimentIds = [experiment.experimentId];
    const skipped: Skipped = { notFinished: 0, pretrained: 0, withoutMetric: 0, withoutGroup: 0 };
    const candidates: Run[] = [];
    const seen = new Set<string>();
    for await (const run of eachPage((pageToken) =>
      store.searchRuns({ experimentIds, ...present({ pageToken }) }),
    )) {
      for (const key of Object.keys(run.data.metrics)) seen.add(key);
      const value = run.data.metrics[metric];
      if (run.info.status !== "FINISHED") skipped.notFinished++;
      else if (!includePretrained && run.data.tags[runTypeTag.key] === runTypeTag.pretrained)
        skipped.pretrained++;
      else if (value === undefined || Number.isNaN(value)) skipped.withoutMetric++;
      else candidates.push(run);
    }
    return { candidates, skipped, seen };
  }

  #noCandidate(skipped: Skipped, seen: ReadonlySet<string>): TrackingError {
    const { experimentName, metric } = this.#options;
    const names = [...seen].filter((name) => !name.startsWith("system/"));
    const logged = names.length === 0 ? "No metric was logged." : suggestion(metric, names);
    return new TrackingError(
      `experiment "${experimentName}": no finished run has the metric "${metric}"${inWords(skipped)}. ${logged}`,
      { code: "RESOURCE_DOES_NOT_EXIST" },
    );
  }

  #report(skipped: Skipped): void {
    const words = inWords(skipped);
    if (words !== "") logger.info(`experiment "${this.#options.experimentName}": passed over${words}.`);
  }
}

/** Returns the way in which a metric is better, `val_loss` and the like when smaller. */
export function inferMode(metric: string): MetricMode {
  const name = metric.replace(/^(train|val|test|eval)[_/]/, "");
  const known: Readonly<Record<string, MetricMode>> = metricModes;
  if (Object.hasOwn(known, name)) return known[name] as MetricMode;
  return /(^|[_/])(loss|error|mae|mse|rmse|mape|smape|mase|perplexity|wer|cer|brier|latency|time|seconds)($|[_/])/.test(
    name,
  )
    ? "min"
    : "max";
}

function inWords({ notFinished, pretrained, withoutMetric, withoutGroup }: Skipped): string {
  const parts = [
    [notFinished, "not finished"],
    [pretrained, "of pretrained models"],
    [withoutMetric, "without a value of the metric"],
    [withoutGroup, "without the tag or param"],
  ] as const;
  const counted = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return counted.length === 0 ? "" : ` (${counted.join(", ")})`;
}
