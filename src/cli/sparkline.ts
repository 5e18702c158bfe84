// A curve in one line of text.

const levels = "▁▂▃▄▅▆▇█";
/** Stands where there are values and none of them is finite. */
const notFinite = "×";

/**
 * Draws values in at most `width` characters; where there are more, each character is the mean of its part. Values that
 * are not finite leave no trace in a part with others.
 */
export function sparkline(values: readonly number[], width: number): string {
  const count = Math.min(width, values.length);
  const means = Array.from({ length: count }, (_, i) => {
    const begin = Math.floor((i * values.length) / count);
    const end = Math.floor(((i + 1) * values.length) / count);
    const part = values.slice(begin, end).filter(Number.isFinite);
    return part.length === 0 ? undefined : part.reduce((sum, value) => sum + value / part.length, 0);
  });
  const known = means.filter((mean) => mean !== undefined);
  const low = Math.min(...known);
  const high = Math.max(...known);
  return means
    .map((mean) => {
      if (mean === undefined) return notFinite;
      if (high === low) return levels[3]!;
      return levels[Math.round(((mean - low) / (high - low)) * (levels.length - 1))]!;
    })
    .join("");
}
