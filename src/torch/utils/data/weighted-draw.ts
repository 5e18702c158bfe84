// Draws numbers with replacement in proportion to weights. Each place is drawn by itself, so that none needs those before.
import type { Rng } from "../../../base/index.ts";

/**
 * Draws by the alias method (Walker, 1977; Vose, 1991): the table is made once, in a time that grows with the number of
 * weights; a draw is two random numbers and one look into the table. The numbers of a place are hashes of the place and
 * of keys, which an epoch's generator gives.
 */
export class WeightedDraw {
  /** Share of its column that a number keeps; the rest of the column is its alias's. */
  readonly #shares: Float64Array;
  readonly #aliases: Uint32Array;

  constructor(weights: ArrayLike<number>) {
    const { length } = weights;
    const shares = new Float64Array(length); // filled by loops: `from` with a function takes ten times as long
    let [largest, sum] = [0, 0];
    for (let index = 0; index < length; index++) largest = Math.max(largest, weights[index]!);
    // divided by the largest, so that the sum of very large ones is finite
    for (let index = 0; index < length; index++) sum += shares[index] = weights[index]! / largest;
    for (let index = 0; index < length; index++) shares[index]! *= length / sum;
    this.#shares = shares;
    this.#aliases = new Uint32Array(length);
    this.#deal();
  }

  /** Returns the draws of an epoch by their places. */
  draws(rng: Rng): (place: number) => number {
    const keys = Array.from({ length: 4 }, () => rng.uint32()) as [number, number, number, number];
    const [shares, aliases] = [this.#shares, this.#aliases];
    return (place) => {
      const column = Math.floor(uniform(place, keys[0], keys[1]) * shares.length);
      return uniform(place, keys[2], keys[3]) < shares[column]! ? column : aliases[column]!;
    };
  }

  /** Fills up the columns that lack something with what others have above one. */
  #deal(): void {
    const shares = this.#shares;
    const { length } = shares;
    const columns = new Uint32Array(length); // from the left those that lack something, from the right the others
    let [poor, rich] = [0, length];
    for (let index = 0; index < length; index++) columns[shares[index]! < 1 ? poor++ : --rich] = index;
    while (poor > 0 && rich < length) {
      const [taker, giver] = [columns[--poor]!, columns[rich]!];
      this.#aliases[taker] = giver;
      shares[giver]! -= 1 - shares[taker]!;
      if (shares[giver]! < 1) columns[poor++] = columns[rich++]!;
    }
    // what is left over is one but for rounding
    for (const index of columns.subarray(0, poor)) shares[index] = 1;
    for (const index of columns.subarray(rich)) shares[index] = 1;
  }
}

/** Hashes a place to a number in `[0, 1)` with 53 bits. */
function uniform(place: number, key: number, other: number): number {
  const high = mix(mix(place ^ key) + other) >>> 5;
  const low = mix(mix(place ^ other) + key) >>> 6;
  return (high * 67108864 + low) / 9007199254740992;
}

/** Mixes 32 bits (the second constants of Wellons' search for hashes of low bias, "lowbias32", 2018). */
function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}
