// Turns rows into the values of entities.
import type { SqlRow } from "./database.ts";

/** Makes an object of rows with the columns `key` and `value`. */
export function keyValues(rows: readonly SqlRow[]): Record<string, string> {
  return Object.fromEntries(rows.map((row) => [String(row["key"]), String(row["value"] ?? "")]));
}

/** Makes `{ [property]: text }`, or `{}` for NULL: entities leave out what is not there. */
export function optionalText<K extends string>(
  property: K,
  value: SqlRow[string] | undefined,
): { [P in K]?: string } {
  return value === null || value === undefined ? {} : ({ [property]: String(value) } as { [P in K]: string });
}

// MLflow stores NaN as 0 with a flag, and the infinities as the largest double
const infinity = Number.MAX_VALUE;

/** Spells a metric's value as MLflow's columns `value` and `is_nan` hold it. */
export function toSqlMetricValue(value: number): { value: number; isNan: 0 | 1 } {
  if (Number.isNaN(value)) return { value: 0, isNan: 1 };
  return { value: Math.min(Math.max(value, -infinity), infinity), isNan: 0 };
}

/** Reads a metric's value back, infinities included. */
export function fromSqlMetricValue(row: SqlRow): number {
  if (Number(row["is_nan"]) === 1) return NaN;
  const value = Number(row["value"]);
  return Math.abs(value) === infinity ? Math.sign(value) * Infinity : value;
}
