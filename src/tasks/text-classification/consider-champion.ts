// Sets a new text classifier against the champion on the same rows, and registers and installs what follows.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { acquireLock, logger } from "../../base/index.ts";
import type { ClassificationEvaluation } from "../../metrics/index.ts";
import { getOrCreateRegisteredModel, modelVersionsOf } from "../../tracking/index.ts";
import {
  championRule,
  decideChampion,
  installChampion,
  readChampion,
  repairChampion,
  writeChampion,
} from "../champion.ts";
import type { ChampionDecision } from "../champion.ts";
import { TextClassifier } from "./classifier.ts";
import { tokenFolder } from "./dataset.ts";
import type { TextJob } from "./job.ts";
import { judgeRows } from "./judge.ts";
import type { Judgement } from "./judge.ts";

/** Decides under a lock, so that of two runs that end together each meets the other's result. */
export async function considerChampion(job: TextJob, judged: Judgement): Promise<ChampionDecision> {
  const { config, resolved, folder, tracked } = job;
  const { run } = tracked;
  const championFolder = resolved.outputs.optimumModel;
  const lock = await acquireLock(`${championFolder}.lock`, {
    what: `The champion of ${config.use_case}/${config.experiment}`,
    timeoutMs: 120_000,
  });
  try {
    repairChampion(championFolder);
    const present = readChampion(championFolder);
    if (present !== undefined && present.registered === undefined) {
      // a process died after it installed a champion: the alias must follow, if the store still knows the run
      await register(job, present).catch((error: Error) => logger.warn(`champion: ${error.message}`));
    }
    const decision = await decide(job, judged);
    run.logDict(decision, "champion.json");
    run.setTags({ "champion.promoted": String(decision.promoted), "champion.reason": decision.reason });
    if (!decision.promoted) return decision;
    installChampion(folder.path, championFolder, decision);
    return await register(job, decision);
  } finally {
    lock.release();
  }
}

/** Makes a version of the champion that stands in the folder, points the alias at it, and notes that in its evidence. */
async function register(
  { config, resolved, tracked: { store } }: TextJob,
  decision: ChampionDecision,
): Promise<ChampionDecision> {
  const name = config.register;
  const { runId, value } = decision.candidate;
  await getOrCreateRegisteredModel(store, { name });
  const version =
    (await modelVersionsOf(store, name)).find((existing) => existing.runId === runId) ??
    (await store.createModelVersion({
      name,
      source: `runs:/${runId}/model`,
      runId,
      tags: { metric: decision.rule.metric, value: String(value) },
    }));
  await store.setModelAlias(name, "champion", version.version);
  const registered = { ...decision, registered: { name, version: version.version } };
  writeChampion(resolved.outputs.optimumModel, registered);
  logger.debug(`registered ${name} version ${version.version} as champion`);
  return registered;
}

async function decide(job: TextJob, judged: Judgement): Promise<ChampionDecision> {
  const { config, folder, tracked, dataHash } = job;
  const rule = championRule(config);
  const { scores, evaluation, part } = judged;
  return decideChampion({
    rule,
    labels: part.labels,
    candidate: {
      run: folder.name,
      runId: tracked.run.runId,
      scores,
      value: valueOf(evaluation, rule.metric),
    },
    champion: await scoreChampion(job, judged, rule.metric),
    dataHash,
    seed: config.seed,
  });
}

/** Scores the present champion on the candidate's rows; one that knows other labels cannot be compared. */
async function scoreChampion({ config, resolved, classifier }: TextJob, { part }: Judgement, metric: string) {
  const folder = resolved.outputs.optimumModel;
  const evidence = readChampion(folder);
  if (evidence === undefined) return undefined;
  if (!existsSync(join(folder, "model.safetensors"))) return undefined;
  const present = await TextClassifier.fromPretrained(folder);
  if (present.labels.names.join("\n") !== classifier.labels.names.join("\n")) {
    logger.warn("champion: the present one knows other labels, so it cannot be compared and is replaced");
    return undefined;
  }
  const { scores, evaluation } = await judgeRows(present, part, {
    batchSize: config.dataset.eval_batch_size,
    cacheFolder: tokenFolder(resolved),
    bootstrap: false,
  });
  const { run, runId } = evidence.candidate;
  return { run, runId, scores, value: valueOf(evaluation, metric) };
}

function valueOf({ metrics }: ClassificationEvaluation, metric: string): number {
  return metric === "loss" ? metrics.log_loss : metrics[metric as keyof typeof metrics];
}
