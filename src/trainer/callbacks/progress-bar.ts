// Shows where training stands.
import { UsageError } from "../../base/index.ts";
import type { ProgressListener } from "../../base/index.ts";
import type { Run } from "../run.ts";
import type { Callback, StepInfo } from "./callback.ts";

export interface ProgressBarConfig {
  /** Steps from one redrawing to the next; 0: nothing is drawn. @default 1 */
  refreshRate?: number;
  /** Is told where training stands. @default the trainer's `progress` */
  listener?: ProgressListener | undefined;
}

/** Draws a bar of each epoch, with the loss and what is measured. A trainer makes one itself, where it is given none. */
export class ProgressBar implements Callback {
  readonly name: string = "progress_bar";
  readonly refreshRate: number;
  /** Is told where training stands; a trainer sets it where there is none. */
  listener: ProgressListener | undefined;
  #epoch = -1;
  #last: { done: number; loss: number } | undefined;

  constructor({ refreshRate = 1, listener }: ProgressBarConfig = {}) {
    if (!Number.isInteger(refreshRate) || refreshRate < 0) {
      throw new UsageError(
        `progress_bar: refreshRate must be a whole number of steps, 0 to draw nothing, got ${refreshRate}.`,
      );
    }
    this.refreshRate = refreshRate;
    this.listener = listener;
  }

  onTrainEpochStart(run: Run): void {
    this.#begin(run);
  }

  onTrainBatchEnd(run: Run, { loss }: Pick<StepInfo, "loss">): void {
    const { refreshRate } = this;
    const { batch } = run.state;
    if (refreshRate === 0 || batch === 0) return;
    if (batch % refreshRate !== 0 && batch < run.source.batchesPerEpoch) return;
    this.#begin(run);
    this.#last = { done: batch, loss };
    this.listener?.update(batch, detailOf(run, loss));
  }

  onValidationEnd(run: Run): void {
    if (run.isSanityChecking || this.#last === undefined) return;
    this.listener?.update(this.#last.done, detailOf(run, this.#last.loss));
  }

  onTrainEnd(): void {
    if (this.refreshRate > 0) this.listener?.end();
  }

  /** Begins the bar of an epoch; a run that goes on may begin within one. */
  #begin({ config: { maxEpochs }, source, state: { epoch } }: Run): void {
    if (this.refreshRate === 0 || this.#epoch === epoch) return;
    if (this.#epoch !== -1) this.listener?.end();
    this.#epoch = epoch;
    this.listener?.start(
      `epoch ${epoch + 1}${maxEpochs === -1 ? "" : `/${maxEpochs}`}`,
      source.batchesPerEpoch,
    );
  }
}

/** The bar by Lightning's name for its plain one. */
export class TQDMProgressBar extends ProgressBar {}

/** The bar by Lightning's name for its coloured one, which is drawn more rarely; here neither has colours. */
export class RichProgressBar extends ProgressBar {
  constructor({ refreshRate = 100, ...config }: ProgressBarConfig = {}) {
    super({ refreshRate, ...config });
  }
}

/** Lays out the losses, and what the model logs with `progBar`. */
function detailOf({ state, task }: Run, loss: number): string {
  const asked = [...(task.shown ?? [])];
  const values = asked.length === 0 ? state.metrics : { ...state.metrics, ...task.stepMetrics?.() };
  const names = new Set([
    "val_loss",
    "val_f1",
    ...asked.flatMap((name) => [name, `${name}_step`, `${name}_epoch`]),
  ]);
  const shown = [
    ["loss", loss] as const,
    ...[...names].map((name) => [name, values[name]] as const),
    ["samples/s", values["samples_per_second"]] as const,
  ];
  return shown
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value.toPrecision(4)}`]))
    .join("  ");
}

/**
 * Adds the bar to a run's callbacks, where it is wanted and none of them is one.
 *
 * @throws UsageError where there are several, or one that is switched off.
 */
export function withProgressBar(
  callbacks: readonly Callback[],
  { isEnabled, listener }: { isEnabled: boolean; listener: ProgressListener | undefined },
): readonly Callback[] {
  const bars = callbacks.filter((callback) => callback instanceof ProgressBar);
  if (bars.length > 1)
    throw new UsageError(`Trainer: one progress bar can be drawn, got ${bars.length}. Take the others out.`);
  if (bars.length === 1 && !isEnabled)
    throw new UsageError("Trainer: enableProgressBar is false, and callbacks hold a bar. Take one out.");
  const [bar] = bars;
  if (bar === undefined)
    return isEnabled && listener !== undefined ? [new ProgressBar({ listener }), ...callbacks] : callbacks;
  bar.listener ??= listener;
  return callbacks;
}
