// Lightning's ThroughputMonitor: what goes by per second, and what share of the device's peak that is.
import { UsageError } from "../../base/index.ts";
import type { nn } from "../../torch/index.ts";
import { batchSizeOf } from "../batch-size.ts";
import { peakFlops } from "../peak-flops.ts";
import type { Run } from "../run.ts";
import type { Callback, EvaluatedBatch, StepInfo } from "./callback.ts";
import { StepFlops } from "./step-flops.ts";
import { ThroughputWindow } from "./throughput-window.ts";

/** Options by Lightning's names. */
export interface ThroughputMonitorConfig {
  /** Rows of a step. @default those that the loop counted */
  batchSizeFn?: (step: StepInfo) => number;
  /** Items (tokens, say) in the rows of a step; without it no items are logged. */
  lengthFn?: (step: StepInfo) => number;
  /** Steps, or batches of an evaluation, over which rates are taken; nothing is known of rates before. @default 100 */
  windowSize?: number;
  /** @default "/" */
  separator?: string;
  /** Floating-point operations of the device in a second. @default measured once, by a matrix product */
  availableFlops?: number;
}

/** A model may say what one of its batches costs, forward and backward, as Lightning's modules do. */
type CountedModel = nn.Module & { flopsPerBatch?: unknown };

interface Measurement {
  window: ThroughputWindow;
  /** Milliseconds on the clock of `performance.now()`; moved on by what does not count. */
  startedAt: number;
  batches: number;
  samples: number;
  lengths: number;
}

type Stage = "train" | "validate" | "test" | "predict";

/**
 * Logs `<stage>/time`, `/batches`, `/samples` and `/lengths`, and once the window is full
 * `<stage>/device/batches_per_sec`, `/samples_per_sec`, `/items_per_sec`, `/flops_per_sec` and `/mfu`. Operations are
 * those that the model says by `flopsPerBatch`, else in training those of its matrix products, convolutions and attention, counted
 * on the first and each hundredth step and taken to grow with rows or tokens. Training is logged whenever metrics are, an evaluation at its end; validation does not
 * count as training.
 *
 * @example
 * new Trainer({ callbacks: [new ThroughputMonitor({ windowSize: 20 })] });
 */
export class ThroughputMonitor implements Callback {
  readonly name = "throughput_monitor";
  readonly #batchSizeFn: (step: StepInfo) => number;
  readonly #lengthFn: ((step: StepInfo) => number) | undefined;
  readonly #windowSize: number;
  readonly #separator: string;
  #availableFlops: number | undefined;
  readonly #stepFlops = new StepFlops();
  readonly #measured = new Map<Stage, Measurement>();
  /** Batches taken before the present step. */
  #batchesBefore = 0;
  /** When the last step of training ended. */
  #steppedAt = 0;

  constructor({
    batchSizeFn = (step) => step.items,
    lengthFn,
    windowSize = 100,
    separator = "/",
    availableFlops,
  }: ThroughputMonitorConfig = {}) {
    if (!Number.isInteger(windowSize) || windowSize < 2)
      throw new UsageError(
        `throughput_monitor: windowSize must be an integer of at least 2, got ${windowSize}. Rates lie between two updates.`,
      );
    this.#batchSizeFn = batchSizeFn;
    this.#lengthFn = lengthFn;
    this.#windowSize = windowSize;
    this.#separator = separator;
    this.#availableFlops = availableFlops;
  }

  onTrainStart(run: Run): void {
    this.#availableFlops ??= peakFlops(run.config.precision);
    this.#begin("train");
  }

  onTrainBatchStart(run: Run): void {
    this.#batchesBefore = run.state.batch;
    if (flopsOf(run) === undefined) this.#stepFlops.begin(run.state.step);
  }

  onBeforeOptimizerStep(): void {
    this.#stepFlops.end();
  }

  onException(): void {
    this.#stepFlops.end();
  }

  onTrainBatchEnd(run: Run, step: StepInfo): void {
    this.#stepFlops.end(); // in manual optimisation
    const batches = run.state.batch - this.#batchesBefore;
    const flops = flopsOf(run);
    this.#update("train", {
      batches,
      samples: this.#batchSizeFn(step),
      lengths: this.#lengthFn?.(step),
      flops: flops === undefined ? this.#stepFlops.of(step.positions) : flops * batches,
    });
    this.#steppedAt = performance.now();
    if (run.state.step % run.config.logEveryNSteps === 0) this.#log(run, "train");
  }

  onValidationStart(run: Run): void {
    if (run.isSanityChecking) return;
    this.#begin("validate");
  }

  onValidationBatchEnd(run: Run, _: unknown, batch: EvaluatedBatch): void {
    if (!run.isSanityChecking) this.#updateEvaluation(run, "validate", batch);
  }

  onValidationEnd(run: Run): void {
    if (run.isSanityChecking) return;
    this.#log(run, "validate");
    const training = this.#measured.get("train");
    if (training === undefined || run.stage !== "fit") return;
    // between steps, what callbacks did before the validation does not count either
    training.startedAt += performance.now() - this.#steppedAt;
  }

  onTestStart(): void {
    this.#begin("test");
  }

  onTestBatchEnd(run: Run, _: unknown, batch: EvaluatedBatch): void {
    this.#updateEvaluation(run, "test", batch);
  }

  onTestEnd(run: Run): void {
    this.#log(run, "test");
  }

  onPredictStart(): void {
    this.#begin("predict");
  }

  onPredictBatchEnd(run: Run, _: unknown, batch: EvaluatedBatch): void {
    this.#updateEvaluation(run, "predict", batch);
  }

  onPredictEnd(run: Run): void {
    this.#log(run, "predict");
  }

  #begin(stage: Stage): void {
    const window = new ThroughputWindow({ windowSize: this.#windowSize, separator: this.#separator });
    this.#measured.set(stage, { window, startedAt: performance.now(), batches: 0, samples: 0, lengths: 0 });
  }

  #updateEvaluation(run: Run, stage: Stage, { content }: EvaluatedBatch): void {
    const rows = batchSizeOf(content);
    const step = {
      loss: NaN,
      gradNorm: undefined,
      dataSeconds: 0,
      weight: rows,
      items: rows,
      positions: rows,
    };
    this.#update(stage, {
      batches: 1,
      samples: this.#batchSizeFn(step),
      lengths: this.#lengthFn?.(step),
      flops: flopsOf(run),
    });
  }

  #update(
    stage: Stage,
    added: { batches: number; samples: number; lengths: number | undefined; flops: number | undefined },
  ): void {
    const measured = this.#measured.get(stage);
    if (measured === undefined) return;
    measured.batches += added.batches;
    measured.samples += added.samples;
    measured.lengths += added.lengths ?? 0;
    const { window, startedAt, batches, samples, lengths } = measured;
    window.update({
      seconds: (performance.now() - startedAt) / 1000,
      batches,
      samples,
      ...(this.#lengthFn !== undefined && { lengths }),
      flops: added.flops,
    });
  }

  #log(run: Run, stage: Stage): void {
    const metrics = this.#measured.get(stage)?.window.compute(this.#availableFlops) ?? {};
    const named = Object.entries(metrics).map(([name, value]) => [
      `${stage}${this.#separator}${name}`,
      value,
    ]);
    if (named.length > 0) run.log(Object.fromEntries(named) as Record<string, number>);
  }
}

function flopsOf({ task }: Run): number | undefined {
  const { flopsPerBatch } = task.model as CountedModel;
  return typeof flopsPerBatch === "number" ? flopsPerBatch : undefined;
}
