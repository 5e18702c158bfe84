// Writes a text into a filter.

/** Quotes a value for a filter with the quote that is not in it. */
export function quoted(value: string): string {
  return value.includes("'") ? `"${value}"` : `'${value}'`;
}
