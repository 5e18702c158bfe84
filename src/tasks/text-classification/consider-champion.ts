// Sets a new text classifier against the champion on the same rows, and logs, registers and installs what follows.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { acquireLock, logger } from "../../base/index.ts";
import { bareMetricName, metricMode } from "../../config/index.ts";
import type { ResolvedUseCase, UseCaseConfig } from "../../config/index.ts";
import type { TextPart } from "../../data/index.ts";
import { evaluateClassification, softmax } from "../../metrics/index.ts";
import type { ClassificationEvaluation } from "../../metrics/index.ts";
import { getOrCreateRegisteredModel, logTransformersModel } from "../../tracking/index.ts";
import type { ActiveRun, SqliteStore } from "../../tracking/index.ts";
import { decideChampion, installChampion, readChampion, repairChampion, writeChampion } from "../champion.ts";
import type { ChampionDecision } from "../champion.ts";
import type { RunFolder } from "../run-folder.ts";
import { TextClassifier } from "./classifier.ts";

/** How a model did on the rows that decide. */
export interface Judgement {
  /** `test`, or `validation` or `training` where there is no test data. */
  name: string;
  part: TextPart;
  /** Probabilities `[rows, labels]`. */
  scores: Float64Array;
  evaluation: ClassificationEvaluation;
}

export interface ConsiderOptions {
  config: UseCaseConfig;
  resolved: ResolvedUseCase;
  classifier: TextClassifier;
  folder: RunFolder;
  run: ActiveRun;
  store: SqliteStore;
  judged: Judgement;
  dataHash: string;
  batchSize: number;
}

/** Decides under a lock, so that of two runs that end together each meets the other's result. */
export async function considerChampion(options: ConsiderOptions): Promise<ChampionDecision> {
  const { config, resolved, folder, run, judged } = options;
  await logTransformersModel(run, {
    folder: folder.path,
    task: "text-classification",
    sourceModelName: config.base_model,
    inputExample: judged.part.texts.slice(0, 2),
    signature: {
      inputs: [{ type: "string", required: true }],
      outputs: [
        { type: "string", name: "label", required: true },
        { type: "double", name: "score", required: true },
      ],
    },
  });
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
      await register(options, present).catch((error: Error) => logger.warn(`champion: ${error.message}`));
    }
    const decision = await decide(options, championFolder);
    run.logDict(decision, "champion.json");
    run.setTags({ "champion.promoted": String(decision.promoted), "champion.reason": decision.reason });
    if (!decision.promoted) return decision;
    installChampion(folder.path, championFolder, decision);
    return await register(options, decision);
  } finally {
    lock.release();
  }
}

/** Makes a version of the champion that stands in the folder, points the alias at it, and notes that in its evidence. */
async function register(
  { config, resolved, store }: ConsiderOptions,
  decision: ChampionDecision,
): Promise<ChampionDecision> {
  const name = config.register ?? config.use_case;
  const { runId, value } = decision.candidate;
  await getOrCreateRegisteredModel(store, { name });
  const version =
    (await store.listModelVersions(name)).find((existing) => existing.runId === runId) ??
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

async function decide(options: ConsiderOptions, championFolder: string): Promise<ChampionDecision> {
  const { config, folder, run, judged, dataHash } = options;
  const metric = bareMetricName(config.champion.metric);
  const rule = {
    metric,
    mode: config.champion.mode ?? metricMode(metric) ?? ("max" as const),
    minDelta: config.champion.min_delta,
  };
  const candidate = {
    run: folder.name,
    runId: run.runId,
    scores: judged.scores,
    value: valueOf(judged.evaluation, metric),
  };
  const champion = await scoreChampion(options, championFolder, metric);
  return decideChampion({
    rule,
    labels: judged.part.labels,
    candidate,
    champion,
    dataHash,
    seed: config.seed,
  });
}

/** Scores the present champion on the candidate's rows; one that knows other labels cannot be compared. */
async function scoreChampion(
  { classifier, judged, batchSize }: ConsiderOptions,
  championFolder: string,
  metric: string,
) {
  const evidence = readChampion(championFolder);
  if (evidence === undefined) return undefined;
  if (!existsSync(join(championFolder, "model.safetensors"))) return undefined;
  const present = TextClassifier.fromPretrained(championFolder);
  if (present.labels.names.join("\n") !== classifier.labels.names.join("\n")) {
    logger.warn("champion: the present one knows other labels, so it cannot be compared and is replaced");
    return undefined;
  }
  const scores = softmax(
    await present.logits(present.loader(judged.part, batchSize)),
    present.labels.numLabels,
  );
  const evaluation = evaluateClassification({
    labels: judged.part.labels,
    scores,
    classNames: present.labels.names,
    bootstrap: false,
  });
  const { run, runId } = evidence.candidate;
  return { run, runId, scores, value: valueOf(evaluation, metric) };
}

function valueOf({ metrics }: ClassificationEvaluation, metric: string): number {
  return metric === "loss" ? metrics.log_loss : metrics[metric as keyof typeof metrics];
}
