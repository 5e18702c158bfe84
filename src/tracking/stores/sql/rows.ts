// Turns rows into the values of entities.
import type { Metric } from "../../types.ts";
import type { SqlRow } from "./sql.ts";

/** Makes an object of rows with the columns `key` and `value`, keys in order. */
export function keyValues(rows: readonly SqlRow[]): Record<string, string> {
  const entries = rows.map((row): [string, string] => [String(row["key"]), String(row["value"] ?? "")]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Sorts rows with the columns `owner`, `key` and `value` into one object for each owner, keys in order. */
export function groupKeyValues(
  rows: readonly SqlRow[],
): (owner: SqlRow[string] | undefined) => Record<string, string> {
  const groups = groupRows(rows, "owner");
  return (owner) => keyValues(groups(owner));
}

/** Sorts rows into groups by the value of a column. */
export function groupRows(
  rows: readonly SqlRow[],
  column: string,
): (value: SqlRow[string] | undefined) => SqlRow[] {
  const groups = new Map<string, SqlRow[]>();
  for (const row of rows) {
    const value = String(row[column]);
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [row]);
    else group.push(row);
  }
  return (value) => groups.get(String(value)) ?? [];
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

/** Reads a metric's value back, NaN and infinities included. */
export function fromSqlMetricValue({ value: kept, is_nan: isNan }: SqlRow): number {
  if (kept === null || Number(isNan) === 1) return NaN;
  const value = Number(kept);
  return Math.abs(value) === infinity ? Math.sign(value) * Infinity : value;
}

/** Makes a point of a row. */
export function toMetric(row: SqlRow): Metric {
  return {
    key: String(row["key"]),
    value: fromSqlMetricValue(row),
    timestamp: Number(row["timestamp"]),
    step: Number(row["step"]),
  };
}
