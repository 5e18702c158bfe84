// Seeded randomness outside libtorch: shuffles, splits, bootstrap. Tensors use libtorch's own generator.

/**
 * Generates numbers from a seed, the same on every machine (PCG32, O'Neill 2014, pcg-random.org).
 * `stream` separates generators of one seed: `new Rng(seed, epoch)` needs no replay to resume.
 *
 * @example
 * new Rng(42).shuffle([1, 2, 3]).length; // => 3
 */
export class Rng {
  #state: bigint;
  readonly #increment: bigint;

  constructor(seed: number, stream = 0) {
    this.#increment = (BigInt(stream) * 2n + 1n) & mask64;
    this.#state = 0n;
    this.uint32();
    this.#state = (this.#state + BigInt(Math.trunc(seed))) & mask64;
    this.uint32();
  }

  /** Returns a whole number in `[0, 2^32)`. */
  uint32(): number {
    const old = this.#state;
    this.#state = (old * 6364136223846793005n + this.#increment) & mask64;
    const shifted = Number((((old >> 18n) ^ old) >> 27n) & 0xffffffffn);
    const rotation = Number(old >> 59n);
    return ((shifted >>> rotation) | (shifted << (-rotation & 31))) >>> 0;
  }

  /** Returns a number in `[0, 1)` with 53 random bits. */
  random(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** Returns a whole number in `[0, bound)`, without bias. */
  below(bound: number): number {
    const limit = 4294967296 - (4294967296 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<A extends { length: number; [index: number]: unknown }>(items: A): A {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}

const mask64 = (1n << 64n) - 1n;
