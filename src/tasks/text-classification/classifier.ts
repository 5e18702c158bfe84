// A text classifier as a whole: model, tokenizer and labels in one folder, from texts to scores.
import { BertForSequenceClassification, bert, readModelConfig } from "../../models/index.ts";
import type { BertConfig, BertInput, LoadReport } from "../../models/index.ts";
import { FileError, TrainingError } from "../../base/index.ts";
import { LabelMap, TextLoader, Tokenizer } from "../../data/index.ts";
import type { TextLoaderOptions } from "../../data/index.ts";
import type { TokenBatch } from "../../data/index.ts";
import { argmaxRows, softmax } from "../../metrics/index.ts";
import { fromTypedArray, inferenceMode, scope } from "../../torch/index.ts";
import type { ModelFolders } from "../../tracking/index.ts";
import { findNonFinite, withPrecision } from "../../trainer/index.ts";
import type { Precision } from "../../trainer/index.ts";
import { findModel } from "../find-model.ts";
import type { FindModelOptions } from "../find-model.ts";

/** What the classifier says of one text. */
export interface Prediction {
  label: string;
  /** Probability of the label. */
  score: number;
  /** Probability of every label. */
  scores: Record<string, number>;
}

/** Says how rows are scored. */
export interface ScoreOptions {
  /** @default the classifier's */
  precision?: Precision;
  /** Called after each batch with the rows done so far. */
  onProgress?: (done: number) => void;
}

/** Names of the columns that a classifier was trained on; files to label and to judge it on have them by default. */
export interface TextColumns {
  text: string;
  pair?: string | undefined;
  label: string;
}

interface ClassifierParts {
  model: BertForSequenceClassification;
  tokenizer: Tokenizer;
  maxLength: number;
  precision: Precision;
  columns?: TextColumns;
}

/**
 * Classifies texts.
 *
 * @example
 * const classifier = await TextClassifier.fromPretrained("models:/spam@champion");
 * await classifier.predict(["You won a prize!"]); // => [{ label: "spam", score: 0.98, scores: { ... } }]
 */
export class TextClassifier {
  readonly model: BertForSequenceClassification;
  readonly tokenizer: Tokenizer;
  readonly labels: LabelMap;
  /** Tokens of a text; longer ones are cut. */
  readonly maxLength: number;
  /** In which it was trained, and so is judged and used. */
  readonly precision: Precision;
  /** @default `text` and `label` */
  readonly columns: TextColumns;

  constructor({ model, tokenizer, maxLength, precision, columns }: ClassifierParts) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.labels = new LabelMap(model.config.labels);
    this.maxLength = maxLength;
    this.precision = precision;
    this.columns = columns ?? { text: "text", label: "label" };
  }

  /**
   * Loads a model by the name of its folder, which `save`, Hugging Face's `save_pretrained` or MLflow wrote, or by
   * its URI in the tracking store: `runs:/RUN_ID/model`, `models:/m-ID`, `models:/NAME/VERSION`, `models:/NAME/STAGE`
   * or `models:/NAME@ALIAS`. Its head must be trained.
   */
  static async fromPretrained(model: string, options: FindModelOptions = {}): Promise<TextClassifier> {
    return TextClassifier.fromFolders(await findModel(model, options));
  }

  /** Loads model and tokenizer from folders in Hugging Face's layout; the head must be trained. */
  static fromFolders({ model: folder, tokenizer }: ModelFolders): TextClassifier {
    const { model, report } = bert.fromPretrained(BertForSequenceClassification, folder);
    if (report.newlyInitialized.length > 0) {
      throw new FileError(
        `${folder}: a classifier must have trained weights for ${report.newlyInitialized.join(", ")}. Train it first, or name a fine-tuned model.`,
      );
    }
    const {
      maxLength = model.config.maxPositionEmbeddings,
      precision = "32-true",
      ...recorded
    } = (readModelConfig(folder)["sconce"] ?? {}) as Partial<ClassifierParts>;
    return new TextClassifier({
      model: model.eval(),
      tokenizer: Tokenizer.fromFolder(tokenizer),
      maxLength,
      precision,
      ...(recorded.columns && { columns: recorded.columns }),
    });
  }

  /** Builds an untrained classifier on a base model; the report names its new weights. */
  static fromBaseModel(
    { model: folder, tokenizer: tokenizerFolder }: ModelFolders,
    labels: LabelMap,
    {
      overrides,
      ...settings
    }: Omit<ClassifierParts, "model" | "tokenizer"> & { overrides: Partial<BertConfig> },
  ): { classifier: TextClassifier; report: LoadReport } {
    const { model, report } = bert.fromPretrained(BertForSequenceClassification, folder, {
      ...overrides,
      labels: labels.names,
    });
    const tokenizer = Tokenizer.fromFolder(tokenizerFolder);
    if (tokenizer.vocabSize > model.config.vocabSize) {
      throw new FileError(
        `${folder}: the tokenizer has ${tokenizer.vocabSize} tokens, but the model only ${model.config.vocabSize}. Restore the tokenizer that belongs to the model.`,
      );
    }
    return { classifier: new TextClassifier({ model, tokenizer, ...settings }), report };
  }

  /** Writes model and tokenizer; Python's `from_pretrained` and `pipeline` read the folder. */
  save(folder: string): void {
    this.tokenizer.save(folder);
    bert.savePretrained(this.model, folder, {
      sconce: { maxLength: this.maxLength, precision: this.precision, columns: this.columns },
    });
  }

  /** Returns label and scores of each text, or pair of texts. */
  async predict(
    texts: readonly string[],
    {
      pairs,
      batchSize = 64,
      ...options
    }: ScoreOptions & { pairs?: readonly string[] | undefined; batchSize?: number } = {},
  ): Promise<Prediction[]> {
    if (texts.length === 0) return [];
    const loader = this.loader({ texts, pairs }, batchSize);
    return describeScores(
      softmax(await this.logits(loader, options), this.labels.numLabels),
      this.labels.names,
    );
  }

  /** Makes a loader of texts for `logits`: batched by length, nothing left out; `cacheFolder` keeps their tokens. */
  loader(
    { texts, pairs }: { texts: readonly string[]; pairs?: readonly string[] | undefined },
    batchSize: number,
    { cacheFolder }: Pick<TextLoaderOptions, "cacheFolder"> = {},
  ): TextLoader {
    const { tokenizer, maxLength } = this;
    return new TextLoader({
      texts,
      ...(pairs && { pairs }),
      tokenizer,
      maxLength,
      batchSize,
      shuffle: false,
      ...(cacheFolder !== undefined && { cacheFolder }),
    });
  }

  /** Returns logits, row-major `[rows, labels]` in the order of the loader's texts. */
  async logits(
    loader: TextLoader,
    { precision = this.precision, onProgress }: ScoreOptions = {},
  ): Promise<Float64Array> {
    const { numLabels } = this.labels;
    const logits = new Float64Array(loader.numRows * numLabels);
    const wasTraining = this.model.training;
    this.model.eval();
    try {
      let done = 0;
      loader.seek({ epoch: 0, batch: 0 });
      for await (const batch of loader) {
        const values = scope(() =>
          inferenceMode(() =>
            withPrecision(precision, () => this.model.forward(batchTensors(batch)))
              .to("float64")
              .data(),
          ),
        ) as Float64Array;
        if (!values.every(Number.isFinite)) this.#refuseNonFinite(batch);
        for (const [i, row] of batch.rows.entries()) {
          logits.set(values.subarray(i * numLabels, (i + 1) * numLabels), row * numLabels);
        }
        onProgress?.((done += batch.items));
      }
    } finally {
      this.model.train(wasTraining);
    }
    return logits;
  }

  #refuseNonFinite(batch: TokenBatch): never {
    const culprit = findNonFinite(this.model, () => this.model.forward(batchTensors(batch)));
    throw new TrainingError(
      `classifier: the model must put out finite numbers. ${culprit} Lower optimizer.lr or set trainer.gradient_clip_val and train again, or name another model.`,
    );
  }
}

/** Makes the model's inputs of a collated batch. */
export function batchTensors({ inputIds, attentionMask, tokenTypeIds, shape }: TokenBatch): BertInput {
  return {
    inputIds: fromTypedArray(inputIds, shape),
    attentionMask: fromTypedArray(attentionMask, shape),
    tokenTypeIds: fromTypedArray(tokenTypeIds, shape),
  };
}

/** Names the best label of each row of probabilities `[rows, labels]`. */
function describeScores(scores: Float64Array, names: readonly string[]): Prediction[] {
  return Array.from(argmaxRows(scores, names.length), (best, row) => ({
    label: names[best]!,
    score: scores[row * names.length + best]!,
    scores: Object.fromEntries(names.map((name, id) => [name, scores[row * names.length + id]!])),
  }));
}
