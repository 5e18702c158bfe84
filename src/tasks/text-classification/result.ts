// What a training gives back to whoever asked for it.
import { join } from "node:path";
import type { ClassificationEvaluation } from "../../metrics/index.ts";
import type { ChampionDecision } from "../champion.ts";
import type { Fitted } from "./fit.ts";
import type { TextJob } from "./job.ts";
import type { Judgement } from "./judge.ts";
import { formatSummary } from "./summary.ts";
import type { StoredResults } from "./store-results.ts";

/** What a training of a text classifier gives back. */
export interface TrainResult {
  /** Of the final evaluation, by bare name, and the last validation's by `val_*`. */
  metrics: Record<string, number>;
  evaluation: ClassificationEvaluation;
  runId: string;
  /** `runs:/ID/model`; undefined for a trial run, which logs no model. */
  modelUri: string | undefined;
  /** Folder of the model, which is also the run's. */
  modelFolder: string;
  champion: ChampionDecision | undefined;
  steps: number;
  samplesPerSecond: number;
  /** What to print at the end. */
  summary: string;
}

/** Gathers the result of a training from what its steps found; `startedAt` is of `performance.now()`. */
export function trainResult(
  { data, resolved, source, folder, tracked }: TextJob,
  found: { fitted: Fitted; judged: Judgement; stored: StoredResults; startedAt: number },
): TrainResult {
  const { fitted, judged, stored, startedAt } = found;
  const { evaluation } = judged;
  const { runId } = tracked.run;
  const { steps, samplesPerSecond } = fitted;
  return {
    metrics: stored.metrics,
    evaluation,
    runId,
    modelUri: stored.isLogged ? `runs:/${runId}/model` : undefined,
    modelFolder: folder.path,
    champion: stored.decision,
    steps,
    samplesPerSecond,
    summary: formatSummary({
      evaluation,
      evaluatedOn: judged.name,
      sharedRows: data.sharedRows.test,
      decision: stored.decision,
      epochs: fitted.epochs,
      steps,
      reason: fitted.reason,
      trainSeconds: fitted.seconds,
      totalSeconds: (performance.now() - startedAt) / 1000,
      samplesPerSecond,
      folders: {
        run: folder.path,
        champion: resolved.outputs.optimumModel,
        config: source,
        trackingUri: resolved.trackingUri,
        plots: join(folder.path, "plots"),
      },
      runId,
    }),
  };
}
