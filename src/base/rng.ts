// Seeded randomness outside libtorch: shuffles, splits, bootstrap. Tensors use libtorch's own generator.

/**
 * Generates numbers from a seed, the same on every machine (PCG32, O'Neill 2014, pcg-random.org).
 * `stream` separates generators of one seed: `new Rng(seed, epoch)` needs no replay to resume.
 *
 * @example
 * new Rng(42).shuffle([1, 2, 3]).length; // => 3
 */
export class Rng {
  // 64 bits as two signed halves: BigInt would cost 50 times as much a draw
  #stateHigh: number;
  #stateLow: number;
  readonly #incrementHigh: number;
  readonly #incrementLow: number;

  constructor(seed: number, stream = 0) {
    const increment = BigInt(stream) * 2n + 1n;
    // the reference's seeding: one step from zero, add the seed, one more step
    const state = (increment + BigInt(Math.trunc(seed))) & mask64;
    this.#incrementHigh = high32(increment);
    this.#incrementLow = low32(increment);
    this.#stateHigh = high32(state);
    this.#stateLow = low32(state);
    this.uint32();
  }

  /** Returns a whole number in `[0, 2^32)`. */
  uint32(): number {
    const high = this.#stateHigh;
    const low = this.#stateLow;

    // state = state * multiplier + increment, modulo 2^64
    const low0 = low & 0xffff;
    const low1 = low >>> 16;
    const middle = Math.imul(low1, multiplier0) + (Math.imul(low0, multiplier0) >>> 16);
    const middle1 = (Math.imul(low0, multiplier1) >>> 0) + (middle & 0xffff);
    const carried = Math.imul(low1, multiplier1) + (middle >>> 16) + (middle1 >>> 16);
    const sumLow = (Math.imul(low, multiplierLow) >>> 0) + (this.#incrementLow >>> 0);
    const productHigh = carried + Math.imul(low, multiplierHigh) + Math.imul(high, multiplierLow);
    this.#stateLow = sumLow | 0;
    this.#stateHigh = (productHigh + this.#incrementHigh + (sumLow > 0xffffffff ? 1 : 0)) | 0;

    // output of the old state: xor-shift, then a rotation by its top five bits
    const mixedHigh = (high >>> 18) ^ high;
    const mixedLow = ((low >>> 18) | (high << 14)) ^ low;
    const shifted = (mixedLow >>> 27) | (mixedHigh << 5);
    const rotation = high >>> 27;
    return ((shifted >>> rotation) | (shifted << (-rotation & 31))) >>> 0;
  }

  /** Returns a number in `[0, 1)` with 53 random bits. */
  random(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** Returns a whole number in `[0, bound)`, without bias. */
  below(bound: number): number {
    let value = this.uint32();
    // only the last, incomplete run of remainders is biased: draw again there
    while (value >= 4294967296 - bound && value >= 4294967296 - (4294967296 % bound)) value = this.uint32();
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
const multiplierHigh = 0x5851f42d; // 6364136223846793005 is the multiplier of PCG's 64-bit generator
const multiplierLow = 0x4c957f2d;
const multiplier0 = multiplierLow & 0xffff;
const multiplier1 = multiplierLow >>> 16;

function high32(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

function low32(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}
