// How a classifier does on labelled rows.
import type { TextData, TextPart } from "../../data/index.ts";
import { evaluateClassification, softmax } from "../../metrics/index.ts";
import type { ClassificationEvaluation } from "../../metrics/index.ts";
import { countBatches } from "../../trainer/index.ts";
import { stopIfAsked } from "../interrupted.ts";
import type { TextClassifier } from "./classifier.ts";
import { firstRows, tokenFolder } from "./dataset.ts";
import type { TextJob } from "./job.ts";

/** How a model did on the rows that decide. */
export interface Judgement extends JudgedRows {
  /** `test`, or `validation` or `training` where there is no test data. */
  name: string;
  part: TextPart;
}

/** Scores the test data, or the validation data where there is none. */
export async function judge(job: TextJob, steps: number): Promise<Judgement> {
  const { config, data, classifier, progress } = job;
  const { name, part: whole } = decidingPart(data);
  const batchSize = config.dataset.eval_batch_size;
  const limit = countBatches(
    config.trainer,
    "limit_test_batches",
    Math.ceil(whole.labels.length / batchSize),
  );
  const part = firstRows(whole, limit * batchSize);
  progress.start(`evaluating on ${name} data`, part.labels.length);
  const judged = await judgeRows(classifier, part, {
    batchSize,
    cacheFolder: tokenFolder(job.resolved),
    bootstrap: { seed: config.seed },
    onProgress(done) {
      progress.update(done);
      stopIfAsked(job, steps);
    },
  });
  progress.end();
  return { name, part, ...judged };
}

/** Scores and evaluation of rows. */
export interface JudgedRows {
  /** Probabilities `[rows, labels]`. */
  scores: Float64Array;
  evaluation: ClassificationEvaluation;
}

/** Scores rows and compares with their labels. */
export async function judgeRows(
  classifier: TextClassifier,
  part: Pick<TextPart, "texts" | "pairs" | "labels">,
  options: {
    batchSize: number;
    /** Where tokens are kept for later runs. @default nowhere */
    cacheFolder?: string;
    bootstrap: { seed: number } | false;
    onProgress?: (done: number) => void;
  },
): Promise<JudgedRows> {
  const { batchSize, cacheFolder, bootstrap, onProgress } = options;
  const { numLabels, names } = classifier.labels;
  const loader = classifier.loader(part, batchSize, cacheFolder === undefined ? {} : { cacheFolder });
  const logits = await classifier.logits(loader, onProgress && { onProgress });
  const scores = softmax(logits, numLabels);
  return {
    scores,
    evaluation: evaluateClassification({ labels: part.labels, scores, classNames: names, bootstrap }),
  };
}

function decidingPart({ test, validation, train }: TextData): { name: string; part: TextPart } {
  if (test !== undefined) return { name: "test", part: test };
  if (validation !== undefined) return { name: "validation", part: validation };
  return { name: "training", part: train };
}
