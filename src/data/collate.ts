// Token rows of different lengths as one rectangular batch.

/** Holds the tokens of one row. */
export interface TokenRow {
  inputIds: Int32Array;
  typeIds: Uint8Array;
}

/** Says how short rows are filled up. */
export interface CollateOptions {
  padId: number;
  /** @default "right" */
  paddingSide?: "left" | "right";
  /** Rounds the padded length up, for kernels that prefer round sizes. @default 1 */
  padToMultipleOf?: number;
  /** Length that rounding up must not pass. @default Infinity */
  maxLength?: number;
}

/** Holds the inputs of a model, row after row; each array has `shape[0] * shape[1]` elements. */
export interface TokenBatch {
  inputIds: Int32Array;
  /** 1 for tokens, 0 for padding. */
  attentionMask: Uint8Array;
  tokenTypeIds: Int32Array;
  shape: readonly [batch: number, seq: number];
}

/** Pads rows to the longest of them. */
export function collate(
  rows: readonly TokenRow[],
  { padId, paddingSide = "right", padToMultipleOf = 1, maxLength = Infinity }: CollateOptions,
): TokenBatch {
  const longest = rows.reduce((length, { inputIds }) => Math.max(length, inputIds.length), 0);
  const rounded = Math.ceil(longest / padToMultipleOf) * padToMultipleOf;
  const width = Math.max(longest, Math.min(rounded, maxLength));
  const inputIds = new Int32Array(rows.length * width).fill(padId);
  const attentionMask = new Uint8Array(inputIds.length);
  const tokenTypeIds = new Int32Array(inputIds.length);
  for (const [i, row] of rows.entries()) {
    const { length } = row.inputIds;
    const start = i * width + (paddingSide === "left" ? width - length : 0);
    inputIds.set(row.inputIds, start);
    attentionMask.fill(1, start, start + length);
    tokenTypeIds.set(row.typeIds, start);
  }
  return { inputIds, attentionMask, tokenTypeIds, shape: [rows.length, width] };
}
