// Weights that make rare classes count for more in the loss.
import { DataError } from "../base/index.ts";

/** Names the ways to weigh classes: `n` rows of all, `n_c` of one class, `k` classes. */
export const classWeightings = ["none", "inverse_frequency", "sqrt", "effective_number"] as const;

/** One of `classWeightings`. */
export type ClassWeighting = (typeof classWeightings)[number];

/** Adds to the counts what the weighting needs. */
export interface ClassWeightOptions {
  /** Class names by id, for error messages. */
  names: readonly string[];
  /** Nearness of `effective_number` to inverse frequency, in [0, 1). @default 0.9999 */
  beta?: number;
}

/**
 * Returns one weight a class for the loss of a training set.
 *
 * - `none`: 1
 * - `inverse_frequency`: `n / (k * n_c)`, scikit-learn's "balanced"
 * - `sqrt`: the square root of that, for steep imbalance
 * - `effective_number`: `(1 - beta) / (1 - beta^n_c)`, scaled to a mean of 1 (Cui et al. 2019)
 *
 * A class without rows throws, as no weight is right for it.
 *
 * @example
 * classWeights([90, 10], "inverse_frequency", { names: ["ham", "spam"] }); // => Float64Array [0.555..., 5]
 */
export function classWeights(
  counts: readonly number[],
  weighting: ClassWeighting,
  { names, beta = 0.9999 }: ClassWeightOptions,
): Float64Array {
  if (weighting === "none") return new Float64Array(counts.length).fill(1);
  const empty = counts.indexOf(0);
  if (empty !== -1) {
    throw new DataError(
      `class weights: each class must have training rows, ${JSON.stringify(names[empty])} has none. ` +
        `Add rows of it, or turn class weights off.`,
    );
  }
  if (weighting === "effective_number") return effectiveNumber(counts, beta);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const balanced = Float64Array.from(counts, (count) => total / (counts.length * count));
  return weighting === "sqrt" ? balanced.map(Math.sqrt) : balanced;
}

function effectiveNumber(counts: readonly number[], beta: number): Float64Array {
  if (!(beta >= 0 && beta < 1)) {
    throw new DataError(`class weights: beta must be in [0, 1), got ${beta}. Set it to 0.9999, say.`);
  }
  const weights = Float64Array.from(counts, (count) => (1 - beta) / (1 - beta ** count));
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return weights.map((weight) => weight / mean);
}

/** Counts the rows of each class. */
export function countClasses(labels: Int32Array, numLabels: number): number[] {
  const counts = Array<number>(numLabels).fill(0);
  for (const label of labels) counts[label]!++;
  return counts;
}
