// What the trainer needs of a text classifier: its loss, its validation, and its batches.
import { evaluateClassification, softmax } from "../../metrics/index.ts";
import type { TextBatch, TextLoader, TextPart } from "../../data/index.ts";
import { fromTypedArray, keep, nn } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { Batch, BatchSource, Precision, Trainable } from "../../trainer/index.ts";
import { batchTensors } from "./classifier.ts";
import type { TextClassifier } from "./classifier.ts";

/** One batch of texts with what the loop needs of it. */
export type TrainingBatch = TextBatch & Batch;

/** Gives a loader's batches to the loop; `limitOf` so many of an epoch's. */
export class TextBatchSource implements BatchSource<TrainingBatch> {
  readonly #limitOf: (batches: number) => number;
  readonly #weightOf: (labels: BigInt64Array) => number;
  #loader!: TextLoader;
  batchesPerEpoch!: number;
  longest?: () => Promise<TrainingBatch>;
  #taken = 0;

  constructor(
    loader: TextLoader,
    {
      limitOf,
      weightOf,
    }: { limitOf: (batches: number) => number; weightOf: (labels: BigInt64Array) => number },
  ) {
    this.#limitOf = limitOf;
    this.#weightOf = weightOf;
    this.use(loader);
  }

  /** Whether one batch holds all rows. */
  get isWhole(): boolean {
    return this.#loader.numBatches <= 1;
  }

  /** Takes batches from another loader from here on. */
  use(loader: TextLoader): void {
    this.#loader = loader;
    this.batchesPerEpoch = this.#limitOf(loader.numBatches);
    // of a part of the data, the longest row of all says nothing
    if (this.batchesPerEpoch === loader.numBatches)
      this.longest = async () => this.#prepare(await loader.longest());
    else delete this.longest;
  }

  seek({ epoch, batch }: { epoch: number; batch: number }): void {
    this.#taken = batch;
    if (batch < this.batchesPerEpoch) this.#loader.seek({ epoch, batch });
  }

  async next(): Promise<TrainingBatch | undefined> {
    if (this.#taken >= this.batchesPerEpoch) return undefined;
    this.#taken++;
    return this.#prepare(await this.#loader.next());
  }

  #prepare(batch: TextBatch): TrainingBatch {
    return {
      ...batch,
      weight: this.#weightOf(batch.labels!),
      positions: batch.inputIds.length,
      split: (rows) => splitRows(batch, rows).map((part) => this.#prepare(part)),
    };
  }
}

function splitRows(batch: TextBatch, rows: number): TextBatch[] {
  const [items, width] = batch.shape;
  return Array.from({ length: Math.ceil(items / rows) }, (_, part): TextBatch => {
    const [start, end] = [part * rows, Math.min(items, (part + 1) * rows)];
    return {
      inputIds: batch.inputIds.subarray(start * width, end * width),
      attentionMask: batch.attentionMask.subarray(start * width, end * width),
      tokenTypeIds: batch.tokenTypeIds.subarray(start * width, end * width),
      labels: batch.labels!.subarray(start, end),
      rows: batch.rows.subarray(start, end),
      items: end - start,
      shape: [end - start, width],
    };
  });
}

/** Says what is trained, by which loss, and on which rows it is judged. */
export interface TextTrainingOptions {
  classifier: TextClassifier;
  /** Weight of each class in the loss; undefined: all 1. */
  classWeights: Float64Array | undefined;
  labelSmoothing: number;
  precision: Precision;
  validation:
    | {
        part: Pick<TextPart, "texts" | "pairs" | "labels">;
        batchSize: number;
        /** Where tokens are kept for later runs. @default nowhere */
        cacheFolder?: string;
      }
    | undefined;
}

/** Trains a text classifier with cross entropy. */
export class TextTraining implements Trainable<TrainingBatch> {
  readonly model: nn.Module;
  readonly #options: TextTrainingOptions;
  readonly #weight: Tensor | undefined;
  readonly #loaders = new Map<number, TextLoader>();

  constructor(options: TextTrainingOptions) {
    this.model = options.classifier.model;
    this.#options = options;
    this.#weight =
      options.classWeights &&
      keep(fromTypedArray(Float32Array.from(options.classWeights), [options.classWeights.length]));
  }

  lossSum(batch: TrainingBatch): Tensor {
    const logits = this.#options.classifier.model.forward(batchTensors(batch)); // [batch, labels]
    return nn.functional.crossEntropy(logits, fromTypedArray(batch.labels!, [batch.items]), {
      reduction: "sum",
      labelSmoothing: this.#options.labelSmoothing,
      ...(this.#weight && { weight: this.#weight.to(logits.dtype) }),
    });
  }

  /** Sum of the class weights of a batch's rows. */
  weightOf(labels: ArrayLike<bigint | number>): number {
    const { classWeights } = this.#options;
    if (classWeights === undefined) return labels.length;
    return Array.from(labels, (label) => classWeights[Number(label)]!).reduce(
      (sum, weight) => sum + weight,
      0,
    );
  }

  async validate({ limit }: { limit?: number | undefined }): Promise<Record<string, number>> {
    const { classifier, precision, validation } = this.#options;
    const { part, batchSize } = validation!;
    const rows = Math.min(part.labels.length, limit === undefined ? Infinity : limit * batchSize);
    const loader = this.#loaderOf(rows);
    const labels = part.labels.subarray(0, rows);
    const logits = await classifier.logits(loader, { precision });
    const { metrics } = evaluateClassification({
      labels,
      scores: softmax(logits, classifier.labels.numLabels),
      classNames: classifier.labels.names,
      bootstrap: false,
    });
    const measured = { loss: this.#loss(logits, labels), ...metrics };
    return Object.fromEntries(Object.entries(measured).map(([name, value]) => [`val_${name}`, value]));
  }

  /** A loader of the first rows, made once: it keeps their tokens. */
  #loaderOf(rows: number): TextLoader {
    let loader = this.#loaders.get(rows);
    if (loader === undefined) {
      const { classifier, validation } = this.#options;
      const { part, batchSize, ...cache } = validation!;
      const { texts, pairs } = part;
      loader = classifier.loader(
        { texts: texts.slice(0, rows), pairs: pairs?.slice(0, rows) },
        batchSize,
        cache,
      );
      this.#loaders.set(rows, loader);
    }
    return loader;
  }

  /** The training loss of given logits, in double precision. */
  #loss(logits: Float64Array, labels: Int32Array): number {
    const { labelSmoothing, classWeights } = this.#options;
    const numLabels = this.#options.classifier.labels.numLabels;
    const weights = classWeights ?? new Float64Array(numLabels).fill(1);
    let total = 0;
    for (const [row, label] of labels.entries()) {
      const scores = logits.subarray(row * numLabels, (row + 1) * numLabels);
      const peak = scores.reduce((a, b) => Math.max(a, b), -Infinity);
      const logSum = peak + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - peak), 0));
      const spread = scores.reduce((sum, score, id) => sum + weights[id]! * (logSum - score), 0) / numLabels;
      total += (1 - labelSmoothing) * weights[label]! * (logSum - scores[label]!) + labelSmoothing * spread;
    }
    return total / this.weightOf(labels);
  }
}
