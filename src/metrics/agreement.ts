// Agreement of labels and predictions beyond chance: Matthews' correlation and Cohen's kappa.
import { checkClasses, confusionMatrix, countClasses } from "./confusion.ts";
import type { ClassCounts } from "./confusion.ts";
import { checkChoice, checkPairs } from "./inputs.ts";
import type { ClassIds } from "./inputs.ts";
import { warn } from "./warning.ts";
import type { WarningOptions } from "./warning.ts";

/**
 * Returns Matthews' correlation coefficient, for any number of classes (Gorodkin 2004); 0 when either side
 * holds one class alone.
 */
export function matthewsCorrcoef(labels: ClassIds, predictions: ClassIds): number {
  checkPairs("matthewsCorrcoef", labels, predictions);
  return matthewsOf(countClasses(labels, predictions), labels.length);
}

/** Returns Matthews' correlation from the counts of all classes. */
export function matthewsOf({ hits, predicted, support }: ClassCounts, rows: number): number {
  let correct = 0;
  let predictedSupport = 0;
  let predictedSquares = 0;
  let supportSquares = 0;
  for (let k = 0; k < hits.length; k++) {
    correct += hits[k]!;
    predictedSupport += predicted[k]! * support[k]!;
    predictedSquares += predicted[k]! ** 2;
    supportSquares += support[k]! ** 2;
  }
  const spread = (rows ** 2 - predictedSquares) * (rows ** 2 - supportSquares);
  return spread === 0 ? 0 : (correct * rows - predictedSupport) / Math.sqrt(spread);
}

export interface CohenKappaOptions extends WarningOptions {
  /** Penalty by the distance of two classes, for ordered classes. @default every confusion counts alike */
  weights?: "linear" | "quadratic";
  /** Classes in their order. @default all that occur, ascending */
  classes?: ClassIds;
}

/** Returns Cohen's kappa; `NaN` with a warning when both sides hold the same class alone. */
export function cohenKappaScore(
  labels: ClassIds,
  predictions: ClassIds,
  options: CohenKappaOptions = {},
): number {
  const { weights, classes } = options;
  checkPairs("cohenKappaScore", labels, predictions);
  if (weights !== undefined) checkChoice("cohenKappaScore", "weights", weights, ["linear", "quadratic"]);
  const matrix = confusionMatrix(
    labels,
    predictions,
    classes === undefined ? {} : { classes: checkClasses("cohenKappaScore", classes) },
  );
  const size = matrix.length;
  const rows = matrix.map((row) => row.reduce((a, b) => a + b, 0));
  const columns = matrix.map((_, j) => matrix.reduce((sum, row) => sum + row[j]!, 0));
  const total = rows.reduce((a, b) => a + b, 0);
  let observed = 0;
  let expected = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const distance = Math.abs(i - j);
      const penalty =
        weights === undefined ? Number(i !== j) : weights === "linear" ? distance : distance ** 2;
      observed += penalty * matrix[i]![j]!;
      expected += (penalty * rows[i]! * columns[j]!) / total;
    }
  }
  if (!(expected > 0)) {
    warn(
      options,
      "cohenKappaScore: undefined, since labels and predictions hold one class in common; the score is NaN.",
    );
    return NaN;
  }
  return 1 - observed / expected;
}

/** Returns Cohen's unweighted kappa from the counts of all classes. */
export function cohenKappaOf({ hits, predicted, support }: ClassCounts, rows: number): number {
  let agreed = 0;
  let chance = 0;
  for (let k = 0; k < hits.length; k++) {
    agreed += hits[k]!;
    chance += (predicted[k]! * support[k]!) / rows;
  }
  return rows - chance === 0 ? NaN : 1 - (rows - agreed) / (rows - chance);
}
