// How many rows a batch has, and a batch cut by its rows.
import { UsageError, isPlainObject } from "../base/index.ts";
import { Tensor, tensorsIn } from "../torch/index.ts";

/** Reads the first dimension of the first tensor in a batch, as Lightning does. */
export function batchSizeOf(batch: unknown): number {
  for (const tensor of tensorsIn(batch)) if (tensor.ndim > 0) return tensor.shape[0]!;
  throw new UsageError(
    "train: a batch must hold a tensor whose first dimension counts its rows, and none was found. Let collate return tensors.",
  );
}

/**
 * Cuts a batch of `items` rows into parts of `rows` rows, the last perhaps of fewer: tensors are cut along their first
 * dimension, and so are lists that have one entry a row. Undefined where a tensor has another number of rows.
 */
export function splitRows(
  batch: unknown,
  { rows, items }: { rows: number; items: number },
): unknown[] | undefined {
  for (const { ndim, shape } of tensorsIn(batch)) if (ndim > 0 && shape[0] !== items) return undefined;
  return Array.from({ length: Math.ceil(items / rows) }, (_, part) =>
    rowsOf(batch, { start: part * rows, end: Math.min(items, (part + 1) * rows), items }),
  );
}

interface Rows {
  start: number;
  end: number;
  items: number;
}

function rowsOf(value: unknown, rows: Rows): unknown {
  const { start, end, items } = rows;
  if (value instanceof Tensor) return value.ndim === 0 ? value : value.narrow(0, start, end - start);
  if (Array.isArray(value)) {
    const holdsTensors = !tensorsIn(value).next().done;
    if (holdsTensors) return value.map((part) => rowsOf(part, rows));
    return value.length === items ? value.slice(start, end) : value;
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const list = value as Uint8Array;
    return list.length === items ? list.subarray(start, end) : list;
  }
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, rowsOf(part, rows)]));
}
