// What a value of JSON, Parquet or Arrow is as the cell of a table, whose cells are texts.

/** Writes a value as text: nothing for null, ISO 8601 for times, JSON for lists and objects. */
export function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  return typeof value === "object" ? JSON.stringify(value, jsonOf) : String(value);
}

/** JSON knows whole numbers of any size; JavaScript's stringify does not. */
function jsonOf(_key: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
