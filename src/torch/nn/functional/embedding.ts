// Look-ups of torch.nn.functional.
import { ShapeError } from "../../../base/index.ts";
import { noGrad } from "../../grad-mode.ts";
import * as torch from "../../ops.generated.ts";
import { scope } from "../../scope.ts";
import type { Tensor } from "../../tensor.ts";

/** Options of `embedding`. */
export interface EmbeddingLookupOptions {
  /** Row that gets no gradient; negative counts from the end. */
  paddingIdx?: number | null | undefined;
  /** Shrinks the rows that are looked up, in place, to this norm. */
  maxNorm?: number | null | undefined;
  /** Norm that `maxNorm` limits. @default 2 */
  normType?: number;
  /** Divides a row's gradient by how often it was looked up. @default false */
  scaleGradByFreq?: boolean;
  /** Gives the table a sparse gradient. @default false */
  sparse?: boolean;
}

/**
 * Looks up a row for each index.
 *
 * Shapes: `indices [...]` of int64 or int32, `weight [rows, width]` -> `[..., width]`.
 */
export function embedding(
  indices: Tensor,
  weight: Tensor,
  { paddingIdx, maxNorm, normType = 2, scaleGradByFreq = false, sparse = false }: EmbeddingLookupOptions = {},
): Tensor {
  const rows = weight.size(0);
  const padding = resolveRow("nn.functional.embedding", rows, paddingIdx) ?? -1;
  shrinkRows(weight, indices, maxNorm, normType);
  return torch.embedding(weight, indices, padding, scaleGradByFreq, sparse);
}

/** Shrinks the rows of `indices` in place to norms of at most `maxNorm`. */
export function shrinkRows(
  weight: Tensor,
  indices: Tensor,
  maxNorm: number | null | undefined,
  normType: number,
): void {
  if (maxNorm === undefined || maxNorm === null) return;
  scope(() =>
    noGrad(() => void torch.embeddingRenorm_(weight.detach(), indices.contiguous(), maxNorm, normType)),
  );
}

/** Returns the number of the padding row, counted from the start. */
export function resolveRow(where: string, rows: number, row: number | null | undefined): number | undefined {
  if (row === undefined || row === null) return undefined;
  if (!Number.isInteger(row) || row < -rows || row >= rows) {
    throw new ShapeError(`${where}: paddingIdx must be within ${rows} rows, got ${row}.`);
  }
  return row < 0 ? row + rows : row;
}
