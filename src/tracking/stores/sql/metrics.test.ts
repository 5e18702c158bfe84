import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteStore } from "./sqlite-store.ts";

let store: SqliteStore;

beforeEach(async () => {
  store = await SqliteStore.open({ path: join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db") });
});

afterEach(() => store.close());

/** Writes points in order of their steps, and returns the places of those that a thinned history keeps. */
async function keptPlaces(steps: readonly number[], maxResults: number): Promise<number[]> {
  const { info } = await store.createRun({ experimentId: "0" });
  const metrics = steps.map((step, place) => ({ key: "loss", value: place, timestamp: place, step }));
  await store.logBatch({ runId: info.runId, metrics: metrics.toReversed() });
  const points = await store.metricHistories({ runIds: [info.runId], key: "loss", maxResults });
  for (const { value, step } of points) expect(step).toBe(steps[value]);
  return points.map(({ value }) => value);
}

/** Is where each part begins when the first parts have one point more, with the last place of all at the end. */
function expectedPlaces(points: number, parts: number): number[] {
  const [length, longParts] = [Math.floor(points / parts), points % parts];
  const first = (part: number) => part * length + Math.min(part, longParts);
  const places = Array.from({ length: parts }, (_, part) => first(part));
  return length === 1 && longParts === 0 ? places : [...places.slice(0, -1), points - 1];
}

test("a history is thinned to the first point of equal parts, with one point a step or with several", async () => {
  for (const [points, parts] of [
    [10, 10],
    [11, 10],
    [19, 10],
    [20, 10],
    [25, 10],
    [99, 10],
    [100, 7],
    [50, 1],
    [51, 50],
  ] as const) {
    const expected = expectedPlaces(points, parts);
    const places = Array.from({ length: points }, (_, place) => place);
    const name = `${points} in ${parts}`;
    expect(
      await keptPlaces(
        places.map((place) => 3 * place - 40),
        parts,
      ),
      name,
    ).toEqual(expected);
    expect(
      await keptPlaces(
        places.map((place) => Math.floor(place / 3)),
        parts,
      ),
      name,
    ).toEqual(expected);
    expect(
      await keptPlaces(
        places.map(() => 5),
        parts,
      ),
      name,
    ).toEqual(expected);
  }
});
