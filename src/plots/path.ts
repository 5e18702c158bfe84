// Paths through data points, of bounded size however long the series is.
import { round } from "./svg.ts";

export type Point = readonly [x: number, y: number];

/**
 * Writes the `d` of a path through points in pixels. Where many points share a pixel column, the first, lowest,
 * highest and last of them draw the same picture.
 */
export function pathThrough(points: readonly Point[]): string {
  return thinned(points)
    .map(([x, y], index) => `${index === 0 ? "M" : "L"}${round(x)} ${round(y)}`)
    .join("");
}

function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length < 2000) return points;
  const kept: Point[] = [];
  let start = 0;
  for (let i = 1; i <= points.length; i++) {
    if (i < points.length && Math.round(points[i]![0]) === Math.round(points[start]![0])) continue;
    let lowest = start;
    let highest = start;
    for (let k = start; k < i; k++) {
      if (points[k]![1] < points[lowest]![1]) lowest = k;
      if (points[k]![1] > points[highest]![1]) highest = k;
    }
    const indices = new Set([start, lowest, highest, i - 1]);
    for (const index of [...indices].sort((a, b) => a - b)) kept.push(points[index]!);
    start = i;
  }
  return kept;
}
