// Amounts as people read them.

/** Writes bytes as `512 B`, `1.5 KiB`, `91 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = "B";
  for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${unit === "B" || value >= 10 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}
