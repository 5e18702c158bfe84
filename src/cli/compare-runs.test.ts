import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { saveSafetensors, tensor } from "../torch/index.ts";
import { compareRuns, formatComparison } from "./compare-runs.ts";

function makeRun(metrics: Record<string, number | null>, weights: Record<string, number[]>): string {
  const folder = mkdtempSync(join(tmpdir(), "sconce-compare-"));
  writeFileSync(join(folder, "metrics.json"), JSON.stringify({ metrics }));
  const tensors = new Map(Object.entries(weights).map(([name, values]) => [name, tensor(values)]));
  saveSafetensors(tensors, join(folder, "model.safetensors"));
  return folder;
}

const metrics = { f1: 0.5, roc_auc: null };

test("equal metrics and weights are identical, undefined ones included", async () => {
  const [a, b] = [makeRun(metrics, { w: [1, 2] }), makeRun(metrics, { w: [1, 2] })];
  const comparison = await compareRuns(a, b, 0);
  expect(comparison).toMatchObject({ verdict: "identical", weights: { difference: 0 } });
});

test("the largest difference of a weight is told, and metrics decide", async () => {
  const a = makeRun({ f1: 0.5, roc_auc: 0.25 }, { w: [1, 2], v: [1] });
  const b = makeRun({ f1: 0.625, roc_auc: 0.25 }, { w: [1, 2.5], v: [0.75] });
  expect(await compareRuns(a, b, 0.1)).toMatchObject({ verdict: "different", weights: { difference: 0.5 } });
  const comparison = await compareRuns(a, b, 0.125);
  expect(comparison.verdict).toBe("equal within the tolerance");
  expect(formatComparison(comparison).replaceAll(/\b[\da-f]{8}\b/g, "........")).toMatchInlineSnapshot(`
    "                          recorded  reproduced  difference
      f1                      0.500000    0.625000  1.3e-1
      roc_auc                 0.250000    0.250000  0
      weights (SHA-256)       ........    ........  5.0e-1

    equal: every metric within 0.125"
  `);
});

test("other weights by name or shape, and a metric that only one run has, are differences without measure", async () => {
  const a = makeRun(metrics, { w: [1, 2] });
  for (const weights of [{ w: [1, 2, 3] }, { v: [1, 2] }, { w: [1, 2], v: [1] }])
    expect((await compareRuns(a, makeRun(metrics, weights), 1)).weights.difference).toBe(Infinity);
  const comparison = await compareRuns(a, makeRun({ f1: 0.5, roc_auc: 0.5 }, { w: [1, 2] }), 1);
  expect(comparison.verdict).toBe("different");
  expect(formatComparison(comparison)).toMatch(/roc_auc +undefined +0\.500000 {2}differs/);
});
