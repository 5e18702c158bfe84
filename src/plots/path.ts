// Paths through data points, of bounded size however long the series is.
import { round } from "./svg.ts";

export type Point = readonly [x: number, y: number];

/**
 * Writes the `d` of a path through points in pixels. Where many points share a pixel column, the first, lowest,
 * highest and last of them draw the same picture.
 */
export function pathThrough(points: readonly Point[]): string {
  const kept = points.length < 2000 ? points : pixelColumns(points).flatMap(outline);
  return written(kept);
}

/** Writes the `d` of a path through the mean of each pixel column. */
export function pathOfMeans(points: readonly Point[]): string {
  return written(
    pixelColumns(points).map((column): Point => {
      const sums = column.reduce(([x, y], point) => [x + point[0], y + point[1]], [0, 0] as Point);
      return [sums[0] / column.length, sums[1] / column.length];
    }),
  );
}

function written(points: readonly Point[]): string {
  return points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join("");
}

/** Groups neighbours that share a pixel column. */
function pixelColumns(points: readonly Point[]): Point[][] {
  const columns: Point[][] = [];
  let current: number | undefined;
  for (const point of points) {
    const pixel = Math.round(point[0]);
    if (pixel === current) columns.at(-1)!.push(point);
    else columns.push([point]);
    current = pixel;
  }
  return columns;
}

/** Returns the first, lowest, highest and last point of a column, in their order. */
function outline(column: readonly Point[]): Point[] {
  let lowest = 0;
  let highest = 0;
  for (let i = 1; i < column.length; i++) {
    if (column[i]![1] < column[lowest]![1]) lowest = i;
    if (column[i]![1] > column[highest]![1]) highest = i;
  }
  const kept = [...new Set([0, lowest, highest, column.length - 1])].sort((a, b) => a - b);
  return kept.map((index) => column[index]!);
}
