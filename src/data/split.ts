// Cuts a part off a data set: seeded, disjoint, and with each class in proportion.
import { DataError, Rng } from "../base/index.ts";

/** Row numbers of the two parts, each ascending; together they are all rows. */
export interface Split {
  train: Uint32Array;
  /** The part that was cut off: validation or test. */
  heldOut: Uint32Array;
}

/** Says how much to cut off, and which draw of it. */
export interface SplitOptions {
  /** Share of the rows to hold out, in (0, 1); their number is rounded up as in scikit-learn. */
  ratio: number;
  seed: number;
}

/** Splits rows without regard to class; both parts get at least one row. */
export function randomSplit(numRows: number, { ratio, seed }: SplitOptions): Split {
  const numHeldOut = heldOutSize(numRows, ratio);
  const rows = new Rng(seed, splitStream).shuffle(Uint32Array.from({ length: numRows }, (_, row) => row));
  return { train: rows.slice(numHeldOut).sort(), heldOut: rows.slice(0, numHeldOut).sort() };
}

/** Adds what the messages of a stratified split need. */
export interface StratifiedSplitOptions extends SplitOptions {
  /** Class names by id. */
  names: readonly string[];
}

/**
 * Splits rows so that each class stands in both parts in proportion, apportioned as scikit-learn's
 * `StratifiedShuffleSplit` does. As there, a class with one row throws, and so does a part with fewer rows than
 * there are classes. Classes without rows are left out.
 */
export function stratifiedSplit(labels: Int32Array, { ratio, seed, names }: StratifiedSplitOptions): Split {
  const numHeldOut = heldOutSize(labels.length, ratio);
  const rowsOfClass: number[][] = names.map(() => []);
  for (const [row, label] of labels.entries()) rowsOfClass[label]!.push(row);
  const groups = rowsOfClass.filter((rows) => rows.length > 0);
  checkClassSizes({ rowsOfClass, names, numHeldOut, numTrain: labels.length - numHeldOut });

  const rng = new Rng(seed, splitStream);
  const trainCounts = apportion(
    groups.map((rows) => rows.length),
    labels.length - numHeldOut,
    rng,
  );
  const isHeldOut = new Uint8Array(labels.length);
  for (const [i, rows] of groups.entries()) {
    for (const row of rng.shuffle(rows).slice(trainCounts[i])) isHeldOut[row] = 1;
  }
  const rows = Uint32Array.from(labels, (_, row) => row);
  return { train: rows.filter((row) => !isHeldOut[row]), heldOut: rows.filter((row) => isHeldOut[row]) };
}

/** Keeps the split's numbers apart from those that shuffle batches with the same seed. */
const splitStream = 0x5917;

function heldOutSize(numRows: number, ratio: number): number {
  if (!(ratio > 0 && ratio < 1)) {
    throw new DataError(
      `dataset.validation_ratio: must be between 0 and 1, got ${ratio}. Set it to 0.1, say.`,
    );
  }
  const numHeldOut = Math.ceil(ratio * numRows);
  if (numRows < 2 || numHeldOut >= numRows) {
    throw new DataError(
      `split: holding out ${numHeldOut} of ${numRows} rows leaves none to train on. ` +
        `Add rows, or lower dataset.validation_ratio.`,
    );
  }
  return numHeldOut;
}

interface ClassSizes {
  rowsOfClass: readonly (readonly number[])[];
  names: readonly string[];
  numHeldOut: number;
  numTrain: number;
}

function checkClassSizes({ rowsOfClass, names, numHeldOut, numTrain }: ClassSizes): void {
  const singles = names.filter((_, id) => rowsOfClass[id]!.length === 1);
  if (singles.length > 0) {
    const shown = singles.slice(0, 5).map((name) => JSON.stringify(name));
    const more = singles.length > 5 ? ` and ${singles.length - 5} more` : "";
    throw new DataError(
      `split: each class needs at least two rows to stand in both parts, ${shown.join(", ")}${more} ` +
        `${singles.length === 1 ? "has" : "have"} one. Add rows of that class, remove it, ` +
        `or set dataset.validation_ratio to 0 and name a dataset.validation file.`,
    );
  }
  const numClasses = rowsOfClass.filter((rows) => rows.length > 0).length;
  const [part, size] = numHeldOut < numTrain ? ["held-out", numHeldOut] : ["training", numTrain];
  if (size < numClasses) {
    throw new DataError(
      `split: the ${part} part must have a row for each of ${numClasses} classes, it would have ${size}. ` +
        `${part === "held-out" ? "Raise" : "Lower"} dataset.validation_ratio, or add rows.`,
    );
  }
}

/**
 * Deals `total` out over classes in proportion to `counts` by largest remainder; equal remainders are drawn.
 * This is scikit-learn's `_approximate_mode`.
 */
function apportion(counts: readonly number[], total: number, rng: Rng): number[] {
  const sum = counts.reduce((a, b) => a + b, 0);
  const exact = counts.map((count) => (count / sum) * total);
  const dealt = exact.map(Math.floor);
  let left = total - dealt.reduce((a, b) => a + b, 0);
  const remainders = exact.map((share, i) => share - dealt[i]!);
  const order = rng.shuffle(counts.map((_, i) => i)).sort((a, b) => remainders[b]! - remainders[a]!);
  for (const i of order) {
    if (left-- <= 0) break;
    dealt[i]!++;
  }
  return dealt;
}
