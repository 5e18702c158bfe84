// From a base model and the data to a classifier that can be trained.
import { DataError, logger } from "../../base/index.ts";
import type { UseCaseConfig } from "../../config/index.ts";
import { TextLoader } from "../../data/index.ts";
import type { TextData } from "../../data/index.ts";
import { setGradientCheckpointing } from "../../models/index.ts";
import type { BertConfig } from "../../models/index.ts";
import { fetchBaseModel } from "../base-model.ts";
import type { TrainingJob } from "../job.ts";
import { TextClassifier } from "./classifier.ts";
import { tokenFolder } from "./dataset.ts";
import type { TextJob } from "./job.ts";

/** Loads the base model, puts a new head on it, and starts to tokenise the training data. */
export async function buildModel(
  { config, resolved, recording, progress }: TrainingJob,
  data: TextData,
): Promise<Pick<TextJob, "classifier" | "loader">> {
  const { model, dataset, trainer } = config;
  const lookUp = recording === undefined ? { trackingUri: resolved.trackingUri } : { store: recording.store };
  const base = await fetchBaseModel(resolved.baseModel, lookUp, progress);
  progress.start("loading the model");
  const { classifier, report } = TextClassifier.fromBaseModel(base, data.labelMap, {
    maxLength: dataset.max_length,
    precision: trainer.precision,
    columns: { text: dataset.text_column, pair: dataset.text_pair_column, label: dataset.label_column },
    overrides: dropouts(model),
  });
  checkLength(dataset.max_length, classifier, base.model);
  if (report.newlyInitialized.length > 0)
    logger.info(`new weights, to be trained: ${report.newlyInitialized.join(", ")}`);
  freeze(classifier, model.freeze);
  const loader = trainLoader(config, data, { classifier, cacheFolder: tokenFolder(resolved) });
  if (model.gradient_checkpointing) setGradientCheckpointing(classifier.model);
  loader.prefetch();
  progress.end();
  return { classifier, loader };
}

function dropouts({
  dropout,
  attention_dropout,
  classifier_dropout,
}: UseCaseConfig["model"]): Partial<BertConfig> {
  return {
    ...(dropout !== undefined && { hiddenDropoutProb: dropout }),
    ...(attention_dropout !== undefined && { attentionProbsDropoutProb: attention_dropout }),
    ...(classifier_dropout !== undefined && { classifierDropout: classifier_dropout }),
  };
}

function checkLength(maxLength: number, { model }: TextClassifier, folder: string): void {
  const limit = model.config.maxPositionEmbeddings;
  if (maxLength <= limit) return;
  throw new DataError(
    `dataset.max_length: ${folder} reads at most ${limit} tokens, got ${maxLength}. Set it to ${limit} or less.`,
  );
}

function freeze({ model }: TextClassifier, part: UseCaseConfig["model"]["freeze"]): void {
  if (part !== "none") model.bert.embeddings.requiresGrad_(false);
  if (part === "encoder") model.bert.requiresGrad_(false);
}

function trainLoader(
  { dataset, seed, trainer }: UseCaseConfig,
  data: TextData,
  { classifier, cacheFolder }: { classifier: TextClassifier; cacheFolder: string },
): TextLoader {
  const { texts, pairs, labels } = data.train;
  const isOverfit = trainer.overfit_batches !== 0; // the same batches again and again
  return new TextLoader({
    texts,
    ...(pairs && { pairs }),
    labels,
    tokenizer: classifier.tokenizer,
    cacheFolder,
    maxLength: dataset.max_length,
    batchSize: dataset.batch_size,
    seed,
    shuffle: dataset.shuffle && !isOverfit,
    groupByLength: dataset.bucketing === "length" && !isOverfit,
  });
}
