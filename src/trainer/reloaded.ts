// Loaders that are asked for anew every few epochs.
import { UsageError } from "../base/index.ts";
import type { BatchLoader } from "../contracts/index.ts";

/** When loaders are made anew, and how. */
export interface Reloading<T> {
  /** 0: never. */
  everyNEpochs: number;
  make: () => T;
}

/** A loader, of whose batches an epoch has so many. */
export interface LimitedLoader {
  loader: BatchLoader;
  limit: number;
}

/** Refuses a loader that stays the same when one of another batch size is asked for. */
export function refuseSameLoader(method: string): never {
  throw new UsageError(
    `batch_size_finder: ${method}() must make a loader each time, of the size that the data module says then, and gives the same one again. Make it there, not in setup().`,
  );
}

/** Keeps loaders for so many epochs, counted from the first that they are asked for in. */
export class Reloaded<T> {
  readonly #reloading: Reloading<T> | undefined;
  #loaders: T;
  #madeAt: number | undefined;

  constructor(loaders: T, reloading: Reloading<T> | undefined) {
    this.#loaders = loaders;
    this.#reloading = reloading;
  }

  /** Makes the loaders anew now, where it is known how. */
  renew(): T {
    if (this.#reloading !== undefined) this.#loaders = this.#reloading.make();
    return this.#loaders;
  }

  /** Returns the loaders of an epoch. */
  at(epoch: number): T {
    this.#madeAt ??= epoch;
    const { everyNEpochs = 0, make } = this.#reloading ?? {};
    if (make === undefined || everyNEpochs === 0 || epoch - this.#madeAt < everyNEpochs) return this.#loaders;
    this.#madeAt = epoch;
    return (this.#loaders = make());
  }
}
