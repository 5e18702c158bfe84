// Shows where training stands.
import type { ProgressListener } from "../../base/index.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Makes a callback that shows where training stands. */
export function progressCallback(progress: ProgressListener): Callback {
  const phase = (epoch: number, of: number) => `epoch ${epoch + 1}${of === -1 ? "" : `/${of}`}`;
  let ofEpoch = -1;
  let last: { done: number; loss: number } | undefined;
  const begin = (run: Run) => {
    if (ofEpoch === run.state.epoch) return;
    if (ofEpoch !== -1) progress.end();
    ofEpoch = run.state.epoch;
    progress.start(phase(ofEpoch, run.config.maxEpochs), run.source.batchesPerEpoch);
  };
  return {
    name: "progress",
    onTrainEpochStart: begin,
    onTrainBatchEnd(run, { loss }) {
      if (run.state.batch === 0) return;
      begin(run);
      last = { done: run.state.batch, loss };
      progress.update(last.done, detailOf(run, loss));
    },
    onValidationEnd(run) {
      if (!run.isSanityChecking && last !== undefined) progress.update(last.done, detailOf(run, last.loss));
    },
    onTrainEnd: () => progress.end(),
  };
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
