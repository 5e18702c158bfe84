// What a training leaves behind: metrics, plots, the logged model, the champion's decision.
import { join } from "node:path";
import { writeFileAtomic } from "../../base/index.ts";
import { logTransformersModel } from "../../tracking/index.ts";
import type { ChampionDecision } from "../champion.ts";
import { considerChampion } from "./consider-champion.ts";
import type { TextJob } from "./job.ts";
import type { Judgement } from "./judge.ts";
import { drawPlots } from "./plots.ts";

/** What was stored of a training. */
export interface StoredResults {
  /** Of the final evaluation, by bare name. */
  metrics: Record<string, number>;
  /** Undefined for a run that is no candidate. */
  decision: ChampionDecision | undefined;
  /** Whether the model was logged; that of a trial run is not. */
  isLogged: boolean;
}

/** Writes metrics and plots into the run's folder and its tracking, and lets the model compete for champion. */
export async function storeResults(job: TextJob, judged: Judgement, steps: number): Promise<StoredResults> {
  const { config, folder, progress, tracked } = job;
  progress.start("storing");
  const metrics = storeMetrics(job, judged, steps);
  storePlots(job, judged);
  const isTrial = config.trainer.fast_dev_run > 0 || config.trainer.overfit_batches !== 0;
  if (!isTrial) await logModel(job, judged);
  const competes = !isTrial && job.recording === undefined;
  const decision = competes ? await considerChampion(job, judged) : undefined;
  folder.mark("FINISHED");
  progress.end();
  return { metrics: { ...tracked.history.last(), ...metrics }, decision, isLogged: !isTrial };
}

function storeMetrics(
  { folder, tracked }: TextJob,
  { name, evaluation }: Judgement,
  steps: number,
): Record<string, number> {
  const { metrics, intervals } = evaluation;
  const final = { loss: metrics.log_loss, ...metrics };
  const ofTest = Object.fromEntries(Object.entries(final).map(([key, value]) => [`test_${key}`, value]));
  // an earlier end of the run, which failed later, may have logged them
  const points = tracked.history.missing({ ...final, ...(name === "test" && ofTest) }, steps);
  tracked.run.logMetrics(points, steps);
  const file = { metrics: final, intervals, evaluatedOn: name };
  writeFileAtomic(join(folder.path, "metrics.json"), `${JSON.stringify(file, null, 2)}\n`);
  return final;
}

function storePlots({ folder, tracked }: TextJob, { evaluation, scores, part }: Judgement): void {
  const plots = drawPlots(tracked.history.points, evaluation, scores, part.labels);
  for (const [name, svg] of Object.entries(plots)) {
    writeFileAtomic(join(folder.path, "plots", name), svg);
    tracked.run.logText(svg, `plots/${name}`);
  }
}

/** Logs the model so that `runs:/ID/model` loads it, here and in Python. */
async function logModel({ config, folder, tracked }: TextJob, { part }: Judgement): Promise<void> {
  await logTransformersModel(tracked.run, {
    folder: folder.path,
    task: "text-classification",
    sourceModelName: config.base_model,
    inputExample: part.texts.slice(0, 2),
    signature: {
      inputs: [{ type: "string", required: true }],
      outputs: [
        { type: "string", name: "label", required: true },
        { type: "double", name: "score", required: true },
      ],
    },
  });
}
