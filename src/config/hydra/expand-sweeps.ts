// Turns overrides with sweeps into jobs, as Hydra's basic sweeper does: every combination, the last key fastest.
import { Rng, UsageError } from "../../base/index.ts";
import { formatValue } from "../value.ts";
import { matchesGlob } from "./match-glob.ts";
import { OverrideError } from "./override-error.ts";
import { type Override, type Sweep, isHydraOverride, keyElement } from "./override.ts";
import { overrideText, valueText } from "./override-text.ts";
import { rangeValues } from "./range-values.ts";

/** Is the most jobs that one sweep may have. */
const maxJobs = 100_000;

/** Says how the jobs of a sweep are made up. */
export interface SweepOptions {
  /** Lists the options of a config group, for `glob(...)`. */
  groupOptions?: (group: string) => readonly string[];
  /**
   * Orders what is shuffled.
   * @default 0
   */
  seed?: number;
  /** Is the most jobs of one batch; all in one without it. */
  maxBatchSize?: number;
}

/**
 * Lists the jobs of a sweep in batches, each job as the overrides that it is started with.
 * Of several overrides of one key the last counts, at the place of the first. An interval, a range without end and a
 * pattern that no option matches throw an `OverrideError`.
 *
 * @example
 * expandSweeps([parseOverride("a=1,2"), parseOverride("b=x")]); // => [[["a=1", "b=x"], ["a=2", "b=x"]]]
 */
export function expandSweeps(overrides: readonly Override[], options: SweepOptions = {}): string[][][] {
  const texts = new Map<string, string[]>();
  for (const [index, override] of overrides.entries()) {
    const key = keyElement(override);
    const values =
      override.sweep === undefined ? [overrideText(override)] : sweepTexts(override, options, index);
    texts.set(key, values);
  }
  const lists = [...texts.values()];
  const count = lists.reduce((product, { length }) => product * length, 1);
  if (count > maxJobs) {
    const largest = overrides.find(({ sweep }) => sweep !== undefined)!;
    throw new OverrideError(
      largest.text,
      `the sweep has ${count} jobs, more than ${maxJobs}. Give fewer values.`,
    );
  }
  return batches(product(lists), options.maxBatchSize);
}

/** Lists the values of a sweep as overrides of one value each; `stream` separates two sweeps that are shuffled. */
export function sweepTexts(override: Override, options: SweepOptions = {}, stream = 0): string[] {
  const { sweep, text } = override;
  if (sweep === undefined) return [overrideText(override)];
  if (isHydraOverride(override))
    throw new OverrideError(
      text,
      "the hydra section is the same for all jobs, so it cannot be swept over. Give it one value.",
    );
  const key = keyElement(override);
  const values = valuesOf(sweep, override, options).map((value) => `${key}=${value}`);
  const isShuffled = "shuffle" in sweep && sweep.shuffle;
  return isShuffled ? new Rng(options.seed ?? 0, stream).shuffle(values) : values;
}

function valuesOf(sweep: Sweep, { text, keyOrGroup }: Override, { groupOptions }: SweepOptions): string[] {
  switch (sweep.kind) {
    case "choice":
      return sweep.items.map((item) => valueText(item));
    case "range":
      try {
        const values = rangeValues(sweep).map((value) => valueText(value));
        if (values.length === 0) throw new RangeError("the range has no values. Mind the sign of its step.");
        return values;
      } catch (error) {
        if (error instanceof RangeError) throw new OverrideError(text, error.message, { cause: error });
        throw error;
      }
    case "interval":
      throw new OverrideError(
        text,
        "an interval holds too many values to try each; the basic sweeper takes choice(...) and range(...). Tune with a sampler, or list values.",
      );
    case "glob": {
      const names = groupOptions?.(keyOrGroup) ?? [];
      const matches = (patterns: readonly string[], name: string): boolean =>
        patterns.some((pattern) => matchesGlob(name, pattern));
      const found = names.filter((name) => matches(sweep.include, name) && !matches(sweep.exclude, name));
      if (found.length > 0) return found;
      const known = names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
      throw new OverrideError(
        text,
        `no option of the config group ${formatValue(keyOrGroup)} matches ${sweep.include.join(", ")}; ${known}.`,
      );
    }
  }
}

function product(lists: readonly string[][]): string[][] {
  return lists.reduce<string[][]>(
    (jobs, values) => jobs.flatMap((job) => values.map((value) => [...job, value])),
    [[]],
  );
}

function batches(jobs: string[][], size: number = jobs.length): string[][][] {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new UsageError(`the largest batch of a sweep must be a whole number above 0, got ${size}.`);
  const result: string[][][] = [];
  for (let start = 0; start < jobs.length; start += size) result.push(jobs.slice(start, start + size));
  return result;
}
