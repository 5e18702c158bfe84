// Evaluates a base model on a grid's validation data as it is, so that what training brings can be seen.
import { logger, silent } from "../../base/index.ts";
import { manualSeed } from "../../torch/index.ts";
import { ActiveRun } from "../../tracking/index.ts";
import { fetchBaseModel } from "../base-model.ts";
import { TextClassifier } from "../text-classification/classifier.ts";
import { loadDataset, tokenFolder } from "../text-classification/dataset.ts";
import { judgeRows } from "../text-classification/judge.ts";
import { loadCell } from "./cell-config.ts";
import type { CellJob } from "./run-cell.ts";

/** Tag that says that a head was drawn at random, so that the metrics are those of chance. */
const headTag = "head";

/** Evaluates the base model of a cell, and returns the id of its run. */
export async function evaluatePretrained({ configFile, root, recording }: CellJob): Promise<string> {
  const { config, resolved } = await loadCell({ configFile, root });
  const data = await loadDataset(config, resolved, silent);
  const base = await fetchBaseModel(resolved.baseModel, { store: recording.store }, silent);
  manualSeed(config.seed);
  const { classifier, report } = TextClassifier.fromBaseModel(base, data.labelMap, {
    maxLength: config.dataset.max_length,
    precision: config.trainer.precision,
    overrides: {},
  });
  classifier.model.eval();
  const isUntrained = report.newlyInitialized.length > 0;
  if (isUntrained) {
    logger.warn(
      `${recording.runName}: the model has no trained head for these labels, so its metrics are those of chance.`,
    );
  }
  const { store, experimentName, runName, tags, params } = recording;
  const run = await ActiveRun.start({
    store,
    experimentName,
    runName,
    tags: { ...tags, [headTag]: isUntrained ? "untrained" : "trained" },
  });
  try {
    run.logParams({ ...config, ...params });
    const { evaluation } = await judgeRows(classifier, data.validation ?? data.train, {
      batchSize: config.dataset.eval_batch_size,
      cacheFolder: tokenFolder(resolved),
      bootstrap: false,
    });
    run.logMetrics({ loss: evaluation.metrics.log_loss, ...evaluation.metrics });
    await run.end();
    return run.runId;
  } catch (error) {
    await run.fail(error);
    throw error;
  }
}
