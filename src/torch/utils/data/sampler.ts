// Which examples an epoch takes, in which order: torch.utils.data's samplers, as functions of seed and epoch.
import { UsageError } from "../../../base/index.ts";
import type { Rng } from "../../../base/index.ts";
import type { Dataset } from "./dataset.ts";
import { WeightedDraw } from "./weighted-draw.ts";

/** What a sampler may use to order an epoch. */
export interface SamplerContext {
  /** Draws from the loader's seed and the epoch alone. */
  rng: Rng;
  epoch: number;
}

/**
 * Chooses the examples of an epoch. What it draws comes from `rng`, so that a run that is resumed finds the same order;
 * every epoch must have as many examples.
 *
 * @example
 * const evens: torch.utils.data.Sampler = {
 *   order: ({ length }) => Array.from({ length: Math.ceil(length / 2) }, (_, i) => 2 * i),
 * };
 * new torch.utils.data.DataLoader({ length: 10, get: (i) => i }, { sampler: evens }).length; // => 5
 */
export interface Sampler<T = any> {
  order(dataset: Dataset<T>, context: SamplerContext): SampleOrder;
}

/** Holds the indices of an epoch's examples, in order; one may stand there several times. An array is one. */
export interface SampleOrder {
  readonly length: number;
  at(place: number): number | undefined;
}

/** Takes all examples in their order: torch.utils.data.SequentialSampler. */
export class SequentialSampler implements Sampler {
  order({ length }: Dataset<unknown>): SampleOrder {
    return { length, at: (place) => place };
  }
}

export interface RandomSamplerOptions {
  /** Draws each time from all examples. @default false */
  replacement?: boolean;
  /** Examples of an epoch; beyond one pass, without replacement, another shuffle begins. @default all */
  numSamples?: number;
}

/** Takes examples at random: torch.utils.data.RandomSampler. */
export class RandomSampler implements Sampler {
  readonly #options: RandomSamplerOptions;

  constructor(options: RandomSamplerOptions = {}) {
    checkCount("RandomSampler", options.numSamples);
    this.#options = options;
  }

  order({ length }: Dataset<unknown>, { rng }: SamplerContext): SampleOrder {
    const { replacement = false, numSamples = length } = this.#options;
    if (length === 0) return [];
    if (replacement) return Uint32Array.from({ length: numSamples }, () => rng.below(length));
    const order = new Uint32Array(numSamples);
    for (let start = 0; start < numSamples; start += length) {
      const all = rng.shuffle(Uint32Array.from({ length }, (_, index) => index));
      order.set(all.subarray(0, numSamples - start), start);
    }
    return order;
  }
}

export interface WeightedRandomSamplerOptions {
  /** One an example, finite and from 0; they need not come to 1. */
  weights: ArrayLike<number>;
  /** Examples of an epoch. @default one a weight */
  numSamples?: number;
}

/** Draws examples with replacement in proportion to weights: torch.utils.data.WeightedRandomSampler. */
export class WeightedRandomSampler implements Sampler {
  readonly #numWeights: number;
  readonly #numSamples: number;
  readonly #draw: WeightedDraw;

  constructor({ weights, numSamples = weights.length }: WeightedRandomSamplerOptions) {
    checkCount("WeightedRandomSampler", numSamples);
    checkWeights("WeightedRandomSampler", weights);
    this.#numWeights = weights.length;
    this.#numSamples = numSamples;
    this.#draw = new WeightedDraw(weights);
  }

  order({ length }: Dataset<unknown>, { rng }: SamplerContext): SampleOrder {
    if (this.#numWeights !== length)
      throw new UsageError(
        `WeightedRandomSampler: there must be one weight an example, got ${this.#numWeights} for ${length} examples.`,
      );
    return { length: this.#numSamples, at: this.#draw.draws(rng) };
  }
}

function checkCount(where: string, numSamples: number | undefined): void {
  if (numSamples === undefined || (Number.isInteger(numSamples) && numSamples >= 1)) return;
  throw new UsageError(`${where}: numSamples must be a whole number from 1, got ${numSamples}.`);
}

function checkWeights(where: string, weights: ArrayLike<number>): void {
  const values = Float64Array.from(weights);
  const odd = values.find((weight) => !(weight >= 0 && weight < Infinity));
  if (odd === undefined && values.some((weight) => weight > 0)) return;
  throw new UsageError(
    `${where}: weights must be finite numbers from 0, and one above it, got ${odd ?? "zeros"}.`,
  );
}
