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
  #numKept = 0;

  constructor(numRows: number) {
    this.#starts = new Float64Array(numRows).fill(-1);
    this.#lengths = new Uint32Array(numRows);
  }

  /** Whether all rows are kept. */
  get isComplete(): boolean {
    return this.#numKept === this.#starts.length;
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
      if (this.#starts[row] === -1) this.#numKept++;
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

  /** Writes all rows out in their order: lengths (4 bytes a row), ids (4 a token), types (1 a token). */
  toBytes(): Uint8Array {
    const numRows = this.#lengths.length;
    const numTokens = this.#lengths.reduce((sum, length) => sum + length, 0);
    const bytes = new Uint8Array(4 * numRows + 5 * numTokens);
    bytes.set(new Uint8Array(this.#lengths.buffer));
    const inputIds = new Int32Array(bytes.buffer, 4 * numRows, numTokens);
    const typeIds = bytes.subarray(4 * (numRows + numTokens));
    let at = 0;
    for (let row = 0; row < numRows; row++) {
      const tokens = this.row(row);
      inputIds.set(tokens.inputIds, at);
      typeIds.set(tokens.typeIds, at);
      at += tokens.inputIds.length;
    }
    return bytes;
  }

  /** Reads what `toBytes` wrote; undefined where it is of other rows. */
  static fromBytes(bytes: Uint8Array, numRows: number): TokenStore | undefined {
    if (bytes.length < 4 * numRows) return undefined;
    const whole = new Uint8Array(bytes); // a copy, which begins at an aligned place
    const lengths = new Uint32Array(whole.buffer, 0, numRows);
    const numTokens = lengths.reduce((sum, length) => sum + length, 0);
    if (bytes.length !== 4 * numRows + 5 * numTokens) return undefined;
    const offsets = new Uint32Array(numRows + 1);
    for (let row = 0; row < numRows; row++) offsets[row + 1] = offsets[row]! + lengths[row]!;
    const store = new TokenStore(numRows);
    store.add(
      Uint32Array.from({ length: numRows }, (_, row) => row),
      {
        inputIds: new Int32Array(whole.buffer, 4 * numRows, numTokens),
        typeIds: whole.subarray(4 * (numRows + numTokens)),
        offsets,
      },
    );
    return store;
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
