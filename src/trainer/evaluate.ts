// Judges a model batch by batch: validation and test.
import { UsageError } from "../base/index.ts";
import { lossOf } from "../contracts/index.ts";
import type { LogOptions, Stage } from "../contracts/index.ts";
import { RunningMean } from "../metrics/index.ts";
import { dispose, scope } from "../torch/index.ts";
import { batchSizeOf } from "./batch-size.ts";
import { withPrecision } from "./precision.ts";
import { PassThroughProfiler } from "./profilers/pass-through-profiler.ts";
import type { LimitedLoader } from "./reloaded.ts";
import type { Precision, ValidateOptions } from "./run.ts";
import type { TrainableModule } from "./trainable-module.ts";
import { withoutGradients } from "./without-gradients.ts";

/** Collects what a model logs: means over the rows of an epoch. */
export class LogMeans {
  readonly #means = new Map<string, RunningMean>();
  /** Rows of the present batch. */
  rows = 1;

  add(name: string, value: number, { batchSize = this.rows }: LogOptions = {}): void {
    let mean = this.#means.get(name);
    if (mean === undefined) this.#means.set(name, (mean = new RunningMean()));
    mean.add(value, batchSize);
  }

  /** Counts the rows that a value was logged of. */
  rowsOf(name: string): number {
    return this.#means.get(name)?.items ?? 0;
  }

  read(): Record<string, number> {
    return Object.fromEntries(Array.from(this.#means, ([name, mean]) => [name, mean.value]));
  }
}

/** Says in which format a model is judged, and who looks on. */
export interface EvaluateOptions extends Pick<ValidateOptions, "onBatchStart" | "onBatchEnd" | "profiler"> {
  precision: Precision;
  /** @default true */
  inferenceMode?: boolean;
  /**
   * Takes what the model logs to where `evaluate` collects it. What hooks log after the last batch still comes to the metrics
   * that were returned.
   */
  collect: (log: LogMeans["add"]) => void;
}

/**
 * Runs `validationStep` or `testStep` over loaders without gradients, and returns what it logged as means over rows.
 * With several loaders the names end in `/dataloader_idx_<n>`, as Lightning's do.
 */
export async function evaluate(
  model: TrainableModule,
  loaders: readonly LimitedLoader[],
  stage: Exclude<Stage, "train">,
  {
    precision,
    inferenceMode = true,
    collect,
    onBatchStart,
    onBatchEnd,
    profiler = new PassThroughProfiler(),
  }: EvaluateOptions,
): Promise<Record<string, number>> {
  const step = stage === "val" ? model.validationStep : model.testStep;
  if (step === undefined) {
    throw new UsageError(`${model.constructor.name}: has no testStep, so it cannot be tested. Give it one.`);
  }
  const action = `[Module]${model.constructor.name}.${stage === "val" ? "validation" : "test"}_step`;
  const metrics: Record<string, number> = {};
  for (const [dataloaderIndex, { loader, limit }] of loaders.entries()) {
    const means = new LogMeans();
    collect((name, value, options) => means.add(name, value, options));
    loader.seek({ epoch: 0, batch: 0 }); // the same batches at each validation
    for (let index = 0; index < Math.min(limit, loader.length); index++) {
      const content: unknown = await profiler.profile(`[EvaluationLoop].${stage}_next`, () => loader.next());
      if (content === undefined) break;
      means.rows = batchSizeOf(content);
      const batch = { content, index, dataloaderIndex };
      scope(() =>
        withoutGradients(inferenceMode, () => {
          onBatchStart?.(batch);
          const before = means.rowsOf(`${stage}_loss`);
          const output = profiler.profile(action, () =>
            withPrecision(precision, () => step.call(model, content, index, dataloaderIndex)),
          );
          const loss = lossOf(output);
          const isLogged = means.rowsOf(`${stage}_loss`) > before;
          if (loss !== undefined && !isLogged) means.add(`${stage}_loss`, loss.item());
          onBatchEnd?.(output, batch);
        }),
      );
      dispose(content);
      await new Promise((resolve) => setImmediate(resolve)); // signals and timers
    }
    model.logMetrics?.(stage);
    const suffix = loaders.length === 1 ? "" : `/dataloader_idx_${dataloaderIndex}`;
    for (const [name, value] of Object.entries(means.read())) metrics[name + suffix] = value;
  }
  const late = new LogMeans();
  collect((name, value) => {
    late.add(name, value, { batchSize: 1 });
    metrics[name] = late.read()[name]!;
  });
  return metrics;
}
