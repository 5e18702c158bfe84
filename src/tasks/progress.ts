// How a long job says what it is doing. The command line draws it; a library call may listen or not.

import type { Callback, Run } from "../trainer/index.ts";

/** Receives the phases of a job, one at a time. */
export interface ProgressListener {
  /** Begins a phase; `total` counts its units where that is known. */
  start(phase: string, total?: number): void;
  /** Says how many units are done, with what else is worth showing. */
  update(done: number, detail?: string): void;
  end(): void;
}

/** Listens to nothing. */
export const silent: ProgressListener = { start() {}, update() {}, end() {} };

/** Makes a callback that shows where training stands. */
export function progressCallback(progress: ProgressListener, batchesPerEpoch: number): Callback {
  const phase = (epoch: number, of: number) => `epoch ${epoch + 1}${of === -1 ? "" : `/${of}`}`;
  let ofEpoch = -1;
  const begin = (run: Run) => {
    if (ofEpoch === run.state.epoch) return;
    if (ofEpoch !== -1) progress.end();
    ofEpoch = run.state.epoch;
    progress.start(phase(ofEpoch, run.config.maxEpochs), batchesPerEpoch);
  };
  return {
    name: "progress",
    onTrainEpochStart: begin,
    onTrainBatchEnd(run, { loss }) {
      if (run.state.batch === 0) return;
      begin(run);
      const { val_loss, val_f1, samples_per_second } = run.state.metrics;
      const shown = { loss, val_loss, val_f1, "samples/s": samples_per_second };
      progress.update(
        run.state.batch,
        Object.entries(shown)
          .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value.toPrecision(4)}`]))
          .join("  "),
      );
    },
    onTrainEnd: () => progress.end(),
  };
}
