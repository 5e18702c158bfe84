// Counts of labels against predictions: the confusion matrix, and per class the sums that most metrics need.
import { DataError, UsageError } from "../base/index.ts";
import { checkChoice, checkPairs } from "./inputs.ts";
import type { ClassIds } from "./inputs.ts";

export interface ConfusionMatrixOptions {
  /** Classes of the rows and columns, in their order. @default all that occur, ascending */
  classes?: ClassIds;
  /** Divides by the sum of each true class, of each predicted class, or of all. @default counts */
  normalize?: "true" | "pred" | "all";
}

/**
 * Counts how often each true class (row) was predicted as each class (column).
 * Rows of the data whose label or prediction is not among `classes` are left out.
 *
 * @example
 * confusionMatrix([0, 0, 1], [0, 1, 1]); // => [[1, 1], [0, 1]]
 */
export function confusionMatrix(
  labels: ClassIds,
  predictions: ClassIds,
  { classes, normalize }: ConfusionMatrixOptions = {},
): number[][] {
  checkPairs("confusionMatrix", labels, predictions);
  if (normalize !== undefined)
    checkChoice("confusionMatrix", "normalize", normalize, ["true", "pred", "all"]);
  const ids =
    classes === undefined ? presentClasses(labels, predictions) : checkClasses("confusionMatrix", classes);
  const position = positions(ids);
  const matrix = ids.map(() => Array.from(ids, () => 0));
  let labelled = 0;
  for (let row = 0; row < labels.length; row++) {
    const label = position.get(labels[row]!);
    const prediction = position.get(predictions[row]!);
    if (label !== undefined) labelled++;
    if (label !== undefined && prediction !== undefined) matrix[label]![prediction]!++;
  }
  if (labelled === 0) {
    throw new DataError(
      `confusionMatrix: at least one of classes must occur in labels, got classes ${ids.join(", ")}. ` +
        `Pass classes of this data set.`,
    );
  }
  return normalize === undefined ? matrix : normalized(matrix, normalize);
}

/** Sums per class, from which accuracy, precision, recall, F-scores, MCC and kappa follow. */
export interface ClassCounts {
  readonly classes: readonly number[];
  /** Rows of the class that were predicted as it. */
  readonly hits: Float64Array;
  /** Rows that were predicted as the class. */
  readonly predicted: Float64Array;
  /** Rows of the class. */
  readonly support: Float64Array;
}

/** Counts hits, predictions and rows of each class. */
export function countClasses(
  labels: ClassIds,
  predictions: ClassIds,
  classes: readonly number[] = presentClasses(labels, predictions),
): ClassCounts {
  const counts = emptyCounts(classes);
  const position = positions(classes);
  for (let row = 0; row < labels.length; row++) {
    const label = position.get(labels[row]!);
    const prediction = position.get(predictions[row]!);
    if (label !== undefined) counts.support[label]!++;
    if (prediction !== undefined) counts.predicted[prediction]!++;
    if (label !== undefined && label === prediction) counts.hits[label]!++;
  }
  return counts;
}

/** Returns counts of zero for the classes. */
export function emptyCounts(classes: readonly number[]): ClassCounts {
  const zeros = () => new Float64Array(classes.length);
  return { classes, hits: zeros(), predicted: zeros(), support: zeros() };
}

/** Returns the classes that occur as label or prediction, ascending. */
export function presentClasses(labels: ClassIds, predictions: ClassIds): number[] {
  const seen = new Set<number>();
  for (let row = 0; row < labels.length; row++) {
    seen.add(labels[row]!);
    seen.add(predictions[row]!);
  }
  return [...seen].sort((a, b) => a - b);
}

/** Returns a caller's list of classes, or throws when it is empty or repeats one. */
export function checkClasses(where: string, classes: ClassIds): number[] {
  const ids = Array.from(classes);
  if (ids.length === 0 || new Set(ids).size < ids.length) {
    throw new UsageError(
      `${where}: classes must name at least one class and none twice, got [${ids.join(", ")}]. ` +
        `Leave it out to take all classes that occur.`,
    );
  }
  return ids;
}

function positions(classes: readonly number[]): Map<number, number> {
  return new Map(classes.map((id, index) => [id, index]));
}

function normalized(matrix: number[][], by: "true" | "pred" | "all"): number[][] {
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const rows = matrix.map(sum);
  const columns = matrix.map((_, column) => sum(matrix.map((row) => row[column]!)));
  const total = sum(rows);
  return matrix.map((row, i) =>
    row.map((count, j) => {
      const divisor = by === "true" ? rows[i]! : by === "pred" ? columns[j]! : total;
      return divisor === 0 ? 0 : count / divisor; // an empty class gives zeros, as in scikit-learn
    }),
  );
}
