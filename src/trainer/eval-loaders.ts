// The loaders of validation, test or prediction, which may be asked for anew with batches of another size.
import { refuseSameLoader } from "./reloaded.ts";
import type { LimitedLoader } from "./reloaded.ts";
import type { BatchSizing } from "./run.ts";

/** Holds the loaders of one evaluation. */
export class EvalLoaders {
  readonly #method: string;
  readonly #load: () => readonly LimitedLoader[];
  present: readonly LimitedLoader[];

  /** `method` of the data module is what `load` asks. */
  constructor(method: string, load: () => readonly LimitedLoader[]) {
    this.#method = method;
    this.#load = load;
    this.present = load();
  }

  /** Batches of all of them. */
  get batches(): number {
    return this.present.reduce((total, { limit }) => total + limit, 0);
  }

  /** Lets a finder change the size of batches; `attempt` goes over those of the loaders that it is given. */
  sizing(
    owners: readonly object[],
    attempt: (loaders: readonly LimitedLoader[]) => Promise<void>,
  ): BatchSizing {
    const loaders = () => this.present;
    return {
      owners,
      get isWhole() {
        return loaders().every(({ loader }) => loader.length <= 1);
      },
      reload: async () => {
        const before = new Set(this.present.map(({ loader }) => loader));
        this.present = this.#load();
        if (this.present.some(({ loader }) => before.has(loader))) refuseSameLoader(this.#method);
      },
      attempt: (steps) =>
        attempt(this.present.map(({ loader, limit }) => ({ loader, limit: Math.min(limit, steps) }))),
      settle() {},
    };
  }
}
