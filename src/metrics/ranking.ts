// Areas under curves: ROC-AUC and average precision, for two classes and for more.
import { DataError, UsageError } from "../base/index.ts";
import { countsByThreshold } from "./curves.ts";
import { checkChoice, checkScores, classScores, mean } from "./inputs.ts";
import type { ClassIds, Scores } from "./inputs.ts";
import { warn } from "./warning.ts";
import type { WarningOptions } from "./warning.ts";

export interface RocAucOptions extends WarningOptions {
  /** One class against the rest, or every pair of classes (Hand and Till 2001); for more than two classes. @default "ovr" */
  multiClass?: "ovr" | "ovo";
  /** `micro` is for one against the rest alone. @default "macro" */
  average?: "macro" | "weighted" | "micro";
  /** The class that scores of one column speak for, and whose column counts of two. @default 1 */
  positive?: number;
}

/**
 * Returns the area under the ROC curve; `NaN` with a warning where a class has no rows or all of them.
 * Scores of more than two classes must be probabilities.
 *
 * Shapes: `labels [rows]`, `scores [rows]` or `[rows, classes]`.
 *
 * @example
 * rocAucScore([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]); // => 0.75
 */
export function rocAucScore(labels: ClassIds, scores: Scores, options: RocAucOptions = {}): number {
  const { multiClass = "ovr", average = "macro", positive = 1 } = options;
  const numClasses = checkScores("rocAucScore", labels, scores);
  checkChoice("rocAucScore", "multiClass", multiClass, ["ovr", "ovo"]);
  checkChoice(
    "rocAucScore",
    "average",
    average,
    multiClass === "ovr" ? ["macro", "weighted", "micro"] : ["macro", "weighted"],
  );
  if (numClasses <= 2) {
    return binaryRocAuc(labels, positiveScores("rocAucScore", { scores, numClasses, positive }), {
      ...options,
      positive,
    });
  }
  checkRowSums(scores, numClasses);
  if (multiClass === "ovo") return oneVsOneRocAuc(labels, scores, { ...options, numClasses });
  return oneVsRest(labels, scores, { numClasses, average, binary: binaryRocAuc, options });
}

export interface AveragePrecisionOptions extends WarningOptions {
  /** For more than two classes. @default "macro" */
  average?: "macro" | "weighted" | "micro";
  /** The class that scores of one column speak for, and whose column counts of two. @default 1 */
  positive?: number;
}

/**
 * Returns average precision, the area under the steps of the precision-recall curve; 0 with a warning for a
 * class without rows. More than two classes are scored one against the rest.
 *
 * Shapes: `labels [rows]`, `scores [rows]` or `[rows, classes]`.
 */
export function averagePrecisionScore(
  labels: ClassIds,
  scores: Scores,
  options: AveragePrecisionOptions = {},
): number {
  const { average = "macro", positive = 1 } = options;
  const numClasses = checkScores("averagePrecisionScore", labels, scores);
  checkChoice("averagePrecisionScore", "average", average, ["macro", "weighted", "micro"]);
  if (numClasses <= 2) {
    return binaryAveragePrecision(
      labels,
      positiveScores("averagePrecisionScore", { scores, numClasses, positive }),
      {
        ...options,
        positive,
      },
    );
  }
  return oneVsRest(labels, scores, { numClasses, average, binary: binaryAveragePrecision, options });
}

interface BinaryOptions extends WarningOptions {
  positive: number;
}

type BinaryMetric = (labels: ClassIds, scores: Scores, options: BinaryOptions) => number;

function binaryRocAuc(labels: ClassIds, scores: Scores, options: BinaryOptions): number {
  const { fps, tps } = countsByThreshold(labels, scores, options.positive);
  const negatives = fps.at(-1)!;
  const positives = tps.at(-1)!;
  if (positives === 0 || negatives === 0) {
    warn(
      options,
      `rocAucScore: undefined for class ${options.positive}, which ${positives === 0 ? "no row" : "every row"} is of; the score is NaN.`,
    );
    return NaN;
  }
  let area = 0; // in units of one positive times one negative row, so exact up to the division
  for (let i = 0; i < fps.length; i++) {
    area += ((fps[i]! - (fps[i - 1] ?? 0)) * (tps[i]! + (tps[i - 1] ?? 0))) / 2;
  }
  return area / (positives * negatives);
}

function binaryAveragePrecision(labels: ClassIds, scores: Scores, options: BinaryOptions): number {
  const { fps, tps } = countsByThreshold(labels, scores, options.positive);
  const positives = tps.at(-1)!;
  if (positives === 0) {
    warn(
      options,
      `averagePrecisionScore: undefined for class ${options.positive}, which no row is of; the score is 0.`,
    );
    return 0;
  }
  let area = 0;
  for (let i = 0; i < tps.length; i++)
    area += ((tps[i]! - (tps[i - 1] ?? 0)) * tps[i]!) / (tps[i]! + fps[i]!);
  return area / positives;
}

interface OneVsRest {
  numClasses: number;
  average: "macro" | "weighted" | "micro";
  binary: BinaryMetric;
  options: WarningOptions;
}

function oneVsRest(
  labels: ClassIds,
  scores: Scores,
  { numClasses, average, binary, options }: OneVsRest,
): number {
  if (average === "micro") {
    const isLabel = new Uint8Array(scores.length);
    for (let row = 0; row < labels.length; row++) isLabel[row * numClasses + labels[row]!] = 1;
    return binary(isLabel, scores, { ...options, positive: 1 });
  }
  const support = new Float64Array(numClasses);
  for (let row = 0; row < labels.length; row++) support[labels[row]!]!++;
  const values = Array.from({ length: numClasses }, (_, k) =>
    binary(labels, classScores(scores, numClasses, k), { ...options, positive: k }),
  );
  if (average === "macro") return mean(values);
  // a class without rows weighs nothing, even where its score is NaN
  return (
    values.reduce((sum, value, k) => sum + (support[k] === 0 ? 0 : value * support[k]!), 0) / labels.length
  );
}

function oneVsOneRocAuc(
  labels: ClassIds,
  scores: Scores,
  { numClasses, average, ...options }: RocAucOptions & { numClasses: number },
): number {
  const rows = new Map<number, number[]>();
  for (let row = 0; row < labels.length; row++) {
    const own = rows.get(labels[row]!);
    if (own === undefined) rows.set(labels[row]!, [row]);
    else own.push(row);
  }
  const present = [...rows.keys()].sort((a, b) => a - b);
  if (present.length < 2) {
    warn(options, `rocAucScore: undefined, since every row is of class ${present[0]}; the score is NaN.`);
    return NaN;
  }
  let sum = 0;
  let total = 0;
  for (const [index, a] of present.entries()) {
    for (const b of present.slice(index + 1)) {
      const pair = [...rows.get(a)!, ...rows.get(b)!];
      const pairLabels = pair.map((row) => labels[row]!);
      const auc = (k: number) =>
        binaryRocAuc(
          pairLabels,
          pair.map((row) => scores[row * numClasses + k]!),
          { ...options, positive: k },
        );
      const weight = average === "weighted" ? pair.length : 1;
      sum += (weight * (auc(a) + auc(b))) / 2;
      total += weight;
    }
  }
  return sum / total;
}

function positiveScores(
  where: string,
  { scores, numClasses, positive }: { scores: Scores; numClasses: number; positive: number },
): Scores {
  if (numClasses === 1) return scores;
  if (positive !== 0 && positive !== 1) {
    throw new UsageError(
      `${where}: positive must be 0 or 1 for two classes, got ${positive}. It names the column to score.`,
    );
  }
  return classScores(scores, numClasses, positive);
}

function checkRowSums(scores: Scores, numClasses: number): void {
  for (let row = 0; row * numClasses < scores.length; row++) {
    let sum = 0;
    for (let k = 0; k < numClasses; k++) sum += scores[row * numClasses + k]!;
    if (Math.abs(sum - 1) > 1e-5 + 1e-8) {
      throw new DataError(
        `rocAucScore: scores of more than two classes must be probabilities that sum to 1, got the sum ${sum} in row ` +
          `${row}. Convert logits with softmax.`,
      );
    }
  }
}
