// Shows where training stands.
import type { ProgressListener } from "../../base/index.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Makes a callback that shows where training stands. */
export function progressCallback(progress: ProgressListener): Callback {
  const phase = (epoch: number, of: number) => `epoch ${epoch + 1}${of === -1 ? "" : `/${of}`}`;
  let ofEpoch = -1;
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
