// A shuffle of many numbers that is computed number by number, so that no place of it needs those before.
import { Rng } from "../../../base/index.ts";

const rounds = 6;

/**
 * Shuffles the numbers below `length`, up to 2^32: a Feistel network over the next even power of two, walked until it
 * comes out below `length` (Black and Rogaway, 2002), with the mixing of MurmurHash3 in its rounds.
 */
export class Permutation {
  readonly #length: number;
  readonly #halfBits: number;
  readonly #keys: readonly number[];

  constructor(length: number, rng: Rng) {
    this.#length = length;
    this.#halfBits = Math.max(1, Math.ceil(Math.log2(length) / 2));
    this.#keys = Array.from({ length: rounds }, () => rng.uint32());
  }

  /** Returns the number that stands at a place. */
  at(place: number): number {
    let value = place;
    do value = this.#step(value);
    while (value >= this.#length); // comes back: the network permutes, and `place` itself is below
    return value;
  }

  #step(value: number): number {
    const mask = 2 ** this.#halfBits - 1;
    let left = value >>> this.#halfBits;
    let right = value & mask;
    for (const key of this.#keys) [left, right] = [right, left ^ (mix(right ^ key) & mask)];
    return ((left << this.#halfBits) | right) >>> 0;
  }
}

function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
