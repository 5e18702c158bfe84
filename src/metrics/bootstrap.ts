// The bootstrap of a data set (Efron and Tibshirani 1993): rows are drawn again from stored predictions, with no
// model in sight. A statistic sees how often each row was drawn, so nothing is copied.
import { Rng, UsageError } from "../base/index.ts";
import { checkChoice } from "./inputs.ts";
import { normalCdf, normalQuantile } from "./normal.ts";

export interface BootstrapOptions {
  /** Number of data sets to draw. @default 1000 */
  resamples?: number;
  /** Share of intervals that should hold the true value. @default 0.95 */
  confidence?: number;
  /** `bca` corrects for bias and skew (Efron 1987), `percentile` reads the quantiles off. @default "bca" */
  method?: "bca" | "percentile";
  /** @default 0 */
  seed?: number;
}

/** A value with its confidence interval. */
export interface Interval {
  value: number;
  low: number;
  high: number;
  standardError: number;
}

/**
 * Computes statistics of a data set in which row `i` occurs `draws[i]` times. The array that it returns may be
 * the same one each time.
 */
export type RowStatistics = (draws: Int32Array) => ArrayLike<number>;

/** Values of one statistic: on the data set, on each resample, and with parts of the rows left out. */
export interface Distribution {
  value: number;
  /** Without resamples in which the statistic is undefined. */
  samples: Float64Array;
  jackknife: Float64Array;
}

/**
 * Draws data sets of `rows` rows with replacement and returns an interval for each statistic. A statistic that is
 * `NaN` in more than half of the resamples has no interval (`NaN`); where it is `NaN` in fewer, the others count.
 *
 * @example
 * const x = [3, 1, 4, 1, 5];
 * const mean = (draws) => [draws.reduce((sum, count, row) => sum + count * x[row], 0) / 5];
 * bootstrap(5, mean, { seed: 1, method: "percentile" })[0].value; // => 2.8
 */
export function bootstrap(
  rows: number,
  statistics: RowStatistics,
  options: BootstrapOptions = {},
): Interval[] {
  return bootstrapDistributions(rows, statistics, options).map((distribution) =>
    confidenceInterval(distribution, options),
  );
}

/** Returns the values from which intervals are read. */
export function bootstrapDistributions(
  rows: number,
  statistics: RowStatistics,
  options: BootstrapOptions = {},
): Distribution[] {
  const { resamples = 1000, method = "bca", seed = 0 } = options;
  checkOptions(rows, options);
  const values = Float64Array.from(statistics(new Int32Array(rows).fill(1)));
  const samples = Array.from(values, () => new Float64Array(resamples));
  const draws = new Int32Array(rows);
  const rng = new Rng(seed);
  for (let resample = 0; resample < resamples; resample++) {
    draws.fill(0);
    for (let i = 0; i < rows; i++) draws[rng.below(rows)]!++;
    const drawn = statistics(draws);
    for (let s = 0; s < samples.length; s++) samples[s]![resample] = drawn[s]!;
  }
  const jackknife = method === "bca" ? jackknifeValues(rows, statistics, seed) : [];
  return samples.map((all, s) => {
    const defined = all.filter((value) => !Number.isNaN(value));
    return {
      value: values[s]!,
      samples: 2 * defined.length >= resamples ? defined : new Float64Array(0),
      jackknife: jackknife[s] ?? new Float64Array(0),
    };
  });
}

/** Reads an interval off the values of a bootstrap. */
export function confidenceInterval(
  { value, samples, jackknife }: Distribution,
  { confidence = 0.95, method = "bca" }: Pick<BootstrapOptions, "confidence" | "method"> = {},
): Interval {
  if (Number.isNaN(value) || samples.length === 0) return { value, low: NaN, high: NaN, standardError: NaN };
  const sorted = samples.slice().sort();
  const tail = (1 - confidence) / 2;
  const [low, high] = method === "bca" ? bcaTails({ value, sorted, jackknife, tail }) : [tail, 1 - tail];
  return {
    value,
    low: quantile(sorted, low),
    high: quantile(sorted, high),
    standardError: standardDeviation(sorted),
  };
}

/** Shifts both tails by the bias and the acceleration of the statistic (Efron and Tibshirani 1993, 14.10). */
function bcaTails({
  value,
  sorted,
  jackknife,
  tail,
}: {
  value: number;
  sorted: Float64Array;
  jackknife: Float64Array;
  tail: number;
}): [number, number] {
  let rank = 0; // share of samples below the value, equal ones by half
  for (const sample of sorted) rank += sample < value ? 1 : sample === value ? 0.5 : 0;
  const edge = 0.5 / sorted.length; // a value outside all samples has a finite bias still
  const bias = normalQuantile(Math.min(Math.max(rank / sorted.length, edge), 1 - edge));
  const acceleration = accelerationOf(jackknife.filter((part) => !Number.isNaN(part)));
  const shift = (z: number) => normalCdf(bias + (bias + z) / (1 - acceleration * (bias + z)));
  return [shift(normalQuantile(tail)), shift(-normalQuantile(tail))];
}

function accelerationOf(jackknife: Float64Array): number {
  const centre = jackknife.reduce((a, b) => a + b, 0) / jackknife.length;
  let squares = 0;
  let cubes = 0;
  for (const part of jackknife) {
    squares += (centre - part) ** 2;
    cubes += (centre - part) ** 3;
  }
  return squares < Number.MIN_VALUE ? 0 : cubes / (6 * squares ** 1.5);
}

/**
 * Leaves out each row in turn; above 400 rows each of 400 random groups of rows, whose skewness estimates the
 * same acceleration at a cost that stays linear.
 */
function jackknifeValues(rows: number, statistics: RowStatistics, seed: number): Float64Array[] {
  const groups = Math.min(rows, maxJackknifeGroups);
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  new Rng(seed, 1).shuffle(order);
  const draws = new Int32Array(rows).fill(1);
  const values: Float64Array[] = [];
  for (let group = 0; group < groups; group++) {
    for (let i = group; i < rows; i += groups) draws[order[i]!] = 0;
    values.push(Float64Array.from(statistics(draws)));
    for (let i = group; i < rows; i += groups) draws[order[i]!] = 1;
  }
  return Array.from(values[0]!, (_, s) => Float64Array.from(values, (value) => value[s]!));
}

const maxJackknifeGroups = 400;

/** Interpolates between order statistics, as numpy's default does. */
function quantile(sorted: Float64Array, probability: number): number {
  const place = (sorted.length - 1) * probability;
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (place - below);
}

function standardDeviation(values: Float64Array): number {
  const centre = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

function checkOptions(
  rows: number,
  { resamples = 1000, confidence = 0.95, method = "bca" }: BootstrapOptions,
): void {
  if (!Number.isInteger(rows) || rows < 1) {
    throw new UsageError(
      `bootstrap: rows must be a whole number from 1, got ${rows}. Pass a data set with rows.`,
    );
  }
  if (!Number.isInteger(resamples) || resamples < 2) {
    throw new UsageError(
      `bootstrap: resamples must be a whole number from 2, got ${resamples}. 1000 is usual for an interval.`,
    );
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw new UsageError(`bootstrap: confidence must be between 0 and 1, got ${confidence}. 0.95 is usual.`);
  }
  checkChoice("bootstrap", "method", method, ["bca", "percentile"]);
}
