// How commands print what they found: as a table for people, or as JSON.
import { printable, printableJson, printableLines } from "../base/index.ts";

/** Prints a value as JSON, without characters that would move the cursor of a terminal. */
export function writeJson(value: unknown): void {
  process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}

/** Prints a value as JSON, or lines for people. */
export function writeResult(asJson: boolean, value: unknown, lines: readonly string[]): void {
  if (asJson) writeJson(value);
  else process.stdout.write(`${lines.map(printableLines).join("\n")}\n`);
}

/** Lines up columns; what other people named cannot move the cursor of a terminal. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const shown = rows.map((row) => row.map(printable));
  const widths = (shown[0] ?? []).map((_, column) =>
    Math.max(...shown.map((row) => (row[column] ?? "").length)),
  );
  return shown.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Writes a metric with six digits; one that is absent as `-`. */
export function formatMetric(value: number | undefined): string {
  return value === undefined ? "-" : String(Number(value.toPrecision(6)));
}

/** Writes a time of a store, milliseconds since 1970, in UTC. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ");
}
