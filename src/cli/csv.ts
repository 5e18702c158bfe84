// Rows as CSV text, as RFC 4180 has it. Reading is src/data's matter.

/** Formats rows as CSV with `\n` at each line's end; cells with `,` `"`, line breaks or outer space are quoted. */
export function formatCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${formatRow(row)}\n`).join("");
}

function formatRow(row: readonly string[]): string {
  // an empty line would be no row at all
  if (row.length === 1 && row[0] === "") return '""';
  return row.map(quote).join(",");
}

function quote(cell: string): string {
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
