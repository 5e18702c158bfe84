// Trains a classifier as its config says. The loop itself is in trainer/.
import { logger } from "../../base/index.ts";
import type { UseCaseConfig } from "../../config/index.ts";
import { classWeights, countClasses } from "../../data/index.ts";
import type { TextData, TextLoader, TextPart } from "../../data/index.ts";
import {
  Throughput,
  configuredOptimization,
  countTrainBatches,
  fit,
  loadWeights,
  makeProfiler,
} from "../../trainer/index.ts";
import type { Callback, FitOptions, FitResult } from "../../trainer/index.ts";
import { championRule } from "../champion.ts";
import { stopIfAsked } from "../interrupted.ts";
import type { TrainingJob } from "../job.ts";
import { profilerAt } from "../profiler-at.ts";
import { firstRows, tokenFolder } from "./dataset.ts";
import type { TextJob } from "./job.ts";
import { TextBatchSource, TextTraining } from "./training.ts";

/** What a training came to. */
export interface Fitted extends FitResult {
  samplesPerSecond: number;
}

/** Trains until the config or a signal says stop, and leaves the classifier with its best weights. */
export async function fitClassifier(job: TextJob, callbacks: readonly Callback[]): Promise<Fitted> {
  const { config, data, classifier, folder, loader, progress, interrupt, tracked } = job;
  const { trainer } = config;
  const trainBatches = countTrainBatches(trainer, loader.numBatches);
  const validation = validationPart(config, data, trainBatches);
  const batchSize = config.dataset.eval_batch_size;
  const task = new TextTraining({
    classifier,
    precision: trainer.precision,
    labelSmoothing: config.loss.label_smoothing,
    classWeights: weightsOfClasses(config, data),
    validation: validation && { part: validation, batchSize, cacheFolder: tokenFolder(job.resolved) },
  });
  const source = new TextBatchSource(loader, {
    limitOf: (batches) => countTrainBatches(trainer, batches),
    weightOf: (labels) => task.weightOf(labels),
  });
  const validationBatches = validation === undefined ? 0 : Math.ceil(validation.labels.length / batchSize);
  const throughput = new Throughput();
  const fitted = await fit({
    config,
    task,
    optimization: configuredOptimization(config),
    source,
    validationBatches,
    loaders: resizable(config, source, loader, validationBatches),
    checkpoints: checkpointOptions(job),
    fingerprint: job.fingerprint,
    resumeFrom: job.checkpoint,
    interrupt,
    profiler: makeProfiler(
      trainer.profiler && profilerAt(trainer.profiler, job.resolved.location.projectRoot),
      { dirpath: folder.path },
    ),
    checkpointFolder: folder.checkpoints,
    progress,
    callbacks: [throughput, ...callbacks],
    onMetrics: (metrics, step) => tracked.run.logMetrics(tracked.history.add(metrics, step), step),
    // a store that fails does not end the training; it is told again when the run ends
    flushMetrics: () => tracked.run.flush().catch((error: Error) => logger.warn(error.message)),
  });
  stopIfAsked(job, fitted.steps);
  if (fitted.bestCheckpoint !== undefined) loadWeights(classifier.model, fitted.bestCheckpoint);
  return { ...fitted, samplesPerSecond: throughput.samplesPerSecond };
}

/** Lets a finder change the size of the batches to train on; those of validation stay as they are. */
function resizable(
  { dataset }: UseCaseConfig,
  source: TextBatchSource,
  loader: TextLoader,
  validationBatches: number,
): NonNullable<FitOptions["loaders"]> {
  const size = { batchSize: dataset.batch_size };
  return {
    owners: [size],
    isWhole: () => source.isWhole,
    reload: async () => {
      source.use(loader.withBatchSize(size.batchSize));
      return validationBatches;
    },
  };
}

/** What is judged between epochs: who overfits on purpose looks at the rows that are trained on. */
function validationPart(
  { trainer, dataset }: UseCaseConfig,
  data: TextData,
  trainBatches: number,
): TextPart | undefined {
  return trainer.overfit_batches !== 0
    ? firstRows(data.train, trainBatches * dataset.batch_size)
    : data.validation;
}

function weightsOfClasses(
  { dataset }: UseCaseConfig,
  { train, labelMap }: TextData,
): Float64Array | undefined {
  if (dataset.class_weights === "none") return undefined;
  const counts = countClasses(train.labels, labelMap.numLabels);
  return classWeights(counts, dataset.class_weights, { names: labelMap.names });
}

function checkpointOptions({ config, folder }: TrainingJob): FitOptions["checkpoints"] {
  const { enable_checkpointing, fast_dev_run } = config.trainer;
  if (!enable_checkpointing || fast_dev_run > 0) return undefined;
  const { metric, mode } = championRule(config);
  return { dirpath: folder.checkpoints, monitor: `val_${metric}`, mode };
}
