// Points of one metric: their order, pages and thinning, for stores whose engine does not do it.
import { type PagedList, pagedList } from "./paged-list.ts";
import { pointsRead } from "./transfer.ts";
import type { Metric } from "./types.ts";
import { invalid } from "./validation.ts";

/** Compares points by step, then time, then value, where NaN counts as 0, as in MLflow's tables. */
export function comparePoints(a: Metric, b: Metric): number {
  return a.step - b.step || a.timestamp - b.timestamp || compareKeys(keyOf(a), keyOf(b));
}

/** Puts the points of a run in order: by key, then as `comparePoints` has it. */
export function sortPoints(points: readonly Metric[]): Metric[] {
  const byKey = new Map<string, Metric[]>();
  for (const point of points) {
    const ofKey = byKey.get(point.key);
    if (ofKey === undefined) byKey.set(point.key, [point]);
    else ofKey.push(point);
  }
  return [...byKey.keys()].sort().flatMap((key) => byKey.get(key)!.sort(comparePoints));
}

/** Says how many of the first runs may be read at once, given how many points each has. */
export function runsThatFit(counts: readonly number[]): number {
  let points = 0;
  const first = counts.findIndex((count) => (points += count) > pointsRead);
  return first < 0 ? counts.length : first;
}

/** Returns a page of sorted points; its token names the last one, so that points may come meanwhile. */
export function pageOfPoints(
  points: readonly Metric[],
  { maxResults, pageToken }: { maxResults?: number; pageToken?: string },
): PagedList<Metric> {
  if (maxResults !== undefined) checkCount("metricHistory", maxResults);
  const after = pageToken === undefined ? undefined : parseToken(pageToken);
  const rest = after === undefined ? points : points.filter((point) => compareKeys(keyOf(point), after) > 0);
  const page = rest.slice(0, maxResults);
  const last = page.at(-1);
  const hasMore = page.length < rest.length && last !== undefined;
  return pagedList(
    page,
    hasMore ? Buffer.from(JSON.stringify(keyOf(last))).toString("base64url") : undefined,
  );
}

/** Keeps the first of each of `maxResults` equal parts of sorted points, and the last of all. */
export function thinPoints<T extends Metric>(points: readonly T[], maxResults = 2500): T[] {
  checkCount("metricHistories", maxResults);
  if (points.length <= maxResults) return [...points];
  const kept = Array.from(
    { length: maxResults },
    (_, part) => points[Math.ceil((part * points.length) / maxResults)]!,
  );
  kept[maxResults - 1] = points.at(-1)!;
  return kept;
}

type PointKey = readonly [step: number, timestamp: number, value: number, isNan: number];

const infinity = Number.MAX_VALUE; // JSON has no infinity

function keyOf({ step, timestamp, value }: Metric): PointKey {
  const isNan = Number.isNaN(value);
  return [step, timestamp, isNan ? 0 : Math.min(Math.max(value, -infinity), infinity), Number(isNan)];
}

function compareKeys(a: PointKey, b: PointKey): number {
  const place = a.findIndex((part, index) => part !== b[index]);
  return place < 0 ? 0 : a[place]! - b[place]!;
}

function parseToken(token: string): PointKey {
  try {
    const key: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(key) && key.length === 4 && key.every(Number.isFinite)) {
      return key as unknown as PointKey;
    }
  } catch {
    // no JSON: the message below says so
  }
  throw invalid(`metricHistory: pageToken must be the token of the page before, got "${token}".`);
}

function checkCount(where: string, maxResults: number): void {
  if (!Number.isSafeInteger(maxResults) || maxResults < 1) {
    throw invalid(`${where}: maxResults must be a whole number above 0, got ${maxResults}.`);
  }
}
