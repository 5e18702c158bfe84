// The search for the largest batch that fits into memory, as Lightning's: by doubling, and by halves where one did not fit.
import { TrainingError, UsageError, logger } from "../base/index.ts";
import { isOutOfMemory } from "../torch/index.ts";
import type { BatchSizing, Run } from "./run.ts";
import { findSetting } from "./settings.ts";
import type { Setting } from "./settings.ts";
import { undone } from "./trial.ts";

/** Options by Lightning's names. */
export interface BatchSizeSearchOptions {
  /** Doubles until a batch does not fit (`power`), and then goes on between the last two sizes (`binsearch`). @default "power" */
  mode?: "power" | "binsearch";
  /** Steps of a trial. @default 3 */
  stepsPerTrial?: number;
  /** Size of the first trial. @default 2 */
  initVal?: number;
  /** Trials, at most. @default 25 */
  maxTrials?: number;
  /** What the size is called in the model, its config, the data module or its config. @default "batchSize" */
  batchArgName?: string;
  /** Share by which `binsearch` stays below what fits. @default 0.05 */
  margin?: number;
  /** Largest size to try. @default 8192 */
  maxVal?: number;
}

/** Fills in the defaults, and refuses what makes no sense. */
export function readSearchOptions(options: BatchSizeSearchOptions): Required<BatchSizeSearchOptions> {
  const defaults = { mode: "power", stepsPerTrial: 3, initVal: 2, maxTrials: 25, margin: 0.05 } as const;
  const read = { ...defaults, batchArgName: "batchSize", maxVal: 8192, ...options };
  const refuse = (name: string, what: string, got: unknown): never => {
    throw new UsageError(`batch_size_finder: ${name} must be ${what}, got ${String(got)}.`);
  };
  if (!["power", "binsearch"].includes(read.mode)) refuse("mode", "power or binsearch", read.mode);
  for (const name of ["stepsPerTrial", "initVal", "maxTrials", "maxVal"] as const)
    if (!(Number.isInteger(read[name]) && read[name] >= 1)) refuse(name, "a whole number from 1", read[name]);
  if (!(read.margin >= 0 && read.margin < 1)) refuse("margin", "from 0 to below 1", read.margin);
  return read;
}

/** Returns the setting that holds the size of a run's batches. */
export function batchSizeSetting({ sizing }: Run, batchArgName: string): Setting {
  if (sizing === undefined)
    throw new UsageError("batch_size_finder: the batches of this run have one size. Take it out.");
  const setting = findSetting(sizing.owners, [batchArgName]);
  if (setting !== undefined) return setting;
  throw new UsageError(
    `batch_size_finder: the model, the data module or the config of one of them must have ${batchArgName}, and none has. Give it to one, or name what it is called with batchArgName.`,
  );
}

/** Finds the largest size of batches that fits into memory, and leaves the run with batches of that size. */
export async function searchBatchSize(run: Run, given: BatchSizeSearchOptions): Promise<number> {
  const options = readSearchOptions(given);
  const setting = batchSizeSetting(run, options.batchArgName);
  const sizing = run.sizing!;
  const search = new Search(sizing, setting, options);
  const before = setting.read();
  let size = typeof before === "number" ? before : options.initVal; // where an error ends the search
  try {
    size = await undone(run, () => (options.mode === "power" ? search.byDoubling() : search.byHalves()));
  } finally {
    await settle(sizing, setting, size);
  }
  logger.info(`batch_size_finder: batches of ${size} rows from here on`);
  return size;
}

/** Gives a run batches of a size for good. */
export async function settle(sizing: BatchSizing, setting: Setting, size: number): Promise<void> {
  setting.write(size);
  await sizing.reload();
  sizing.settle();
}

class Search {
  readonly #sizing: BatchSizing;
  readonly #setting: Setting;
  readonly #options: Required<BatchSizeSearchOptions>;

  constructor(sizing: BatchSizing, setting: Setting, options: Required<BatchSizeSearchOptions>) {
    this.#sizing = sizing;
    this.#setting = setting;
    this.#options = options;
  }

  async byDoubling(): Promise<number> {
    const { maxTrials, maxVal } = this.#options;
    let size = this.#firstSize();
    let [fitting, failing] = [0, Infinity];
    for (let trial = 1; trial <= maxTrials && 2 * fitting < failing; trial++) {
      if (await this.#fits(size)) {
        fitting = size;
        if (this.#sizing.isWhole || size >= maxVal) break;
        size = Math.min(2 * size, maxVal);
      } else {
        failing = size;
        if (fitting === 0) size = Math.floor(size / 2);
      }
    }
    return fitting === 0 ? size : fitting;
  }

  async byHalves(): Promise<number> {
    const { margin, maxTrials, maxVal } = this.#options;
    let size = this.#firstSize();
    let [fitting, failing] = [0, Infinity];
    for (let successes = 0; successes < maxTrials && failing - fitting > 1;) {
      if (await this.#fits(size)) {
        successes++;
        fitting = size;
        if (this.#sizing.isWhole || size >= maxVal) break;
      } else failing = size;
      size =
        failing === Infinity ? Math.min(2 * size, maxVal) : Math.floor((Math.max(1, fitting) + failing) / 2);
    }
    return Math.max(1, Math.floor(fitting * (1 - margin)));
  }

  /** The first size to try: that of now, where one batch of it holds all rows. */
  #firstSize(): number {
    const { initVal, maxVal } = this.#options;
    const present = this.#setting.read();
    return typeof present === "number" && this.#sizing.isWhole ? present : Math.min(initVal, maxVal);
  }

  async #fits(size: number): Promise<boolean> {
    try {
      this.#setting.write(size);
      await this.#sizing.reload();
      await this.#sizing.attempt(this.#options.stepsPerTrial);
      return true;
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
      if (size === 1) {
        throw new TrainingError(
          "batch_size_finder: memory runs out with a single row. Shorten the rows, or take a smaller model.",
          { cause: error },
        );
      }
      logger.info(`batch_size_finder: batches of ${size} rows do not fit into memory`);
      return false;
    }
  }
}
