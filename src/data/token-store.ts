// The tokens of a data set, kept once they are known, so that later epochs tokenize nothing.
import type { TokenRow } from "./collate.ts";
import type { EncodedTexts } from "./tokenizer.ts";

/** Keeps token rows by row number in two growing arrays: 5 bytes a token. */
export class TokenStore {
  readonly #starts: Float64Array;
  readonly #lengths: Uint32Array;
  #inputIds = new Int32Array(0);
  #typeIds = new Uint8Array(0);
  #used = 0;

  constructor(numRows: number) {
    this.#starts = new Float64Array(numRows).fill(-1);
    this.#lengths = new Uint32Array(numRows);
  }

  has(row: number): boolean {
    return this.#starts[row] !== -1;
  }

  /** Adds what the texts of `rows` were encoded as, in that order. */
  add(rows: Uint32Array, { inputIds, typeIds, offsets }: EncodedTexts): void {
    this.#reserve(this.#used + inputIds.length);
    this.#inputIds.set(inputIds, this.#used);
    this.#typeIds.set(typeIds, this.#used);
    for (const [i, row] of rows.entries()) {
      this.#starts[row] = this.#used + offsets[i]!;
      this.#lengths[row] = offsets[i + 1]! - offsets[i]!;
    }
    this.#used += inputIds.length;
  }

  /** Returns the number of tokens of a row that is kept. */
  length(row: number): number {
    return this.#lengths[row]!;
  }

  /** Returns views of a row that is kept. */
  row(row: number): TokenRow {
    const start = this.#starts[row]!;
    const end = start + this.#lengths[row]!;
    return { inputIds: this.#inputIds.subarray(start, end), typeIds: this.#typeIds.subarray(start, end) };
  }

  #reserve(size: number): void {
    if (size <= this.#inputIds.length) return;
    const capacity = Math.max(size, this.#inputIds.length * 2);
    const inputIds = new Int32Array(capacity);
    const typeIds = new Uint8Array(capacity);
    inputIds.set(this.#inputIds);
    typeIds.set(this.#typeIds);
    this.#inputIds = inputIds;
    this.#typeIds = typeIds;
  }
}
