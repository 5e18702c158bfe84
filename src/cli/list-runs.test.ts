import { expect, test } from "vitest";
import type { Run } from "../tracking/index.ts";
import { listRuns } from "./list-runs.ts";

const run = (letter: string, metrics: Record<string, number>) =>
  ({
    info: { runId: letter.repeat(32), runName: `run ${letter}`, status: "FINISHED", startTime: 0 },
    data: { metrics },
  }) as unknown as Run;
const runs = [
  run("a", { accuracy: 0.5, brier: 0.25, f1: 0.75, kappa: 0.1, recall: 1, "system/cpu": 5 }),
  run("b", { accuracy: 0.25, loss: 2 }),
];

test("four metrics are shown, those by which the runs are ordered first", () => {
  const heads = (...orderBy: string[]) => listRuns(runs, { orderBy })[0]?.split(/ +/).slice(4);
  expect(heads()).toEqual(["accuracy", "brier", "f1", "kappa"]);
  expect(heads("metrics.recall DESC")).toEqual(["recall", "accuracy", "brier", "f1"]);
  expect(heads("params.lr", "metric.`system/cpu` asc", "metrics.loss")).toEqual([
    "system/cpu",
    "loss",
    "accuracy",
    "brier",
  ]);
  expect(heads("metrics.other")).toEqual(heads());
});

test("metrics of test and validation come before others", () => {
  const trained = [run("c", { epoch_seconds: 3, lr: 0.1, test_loss: 1, "val/loss": 2, val_f1: 0.5 })];
  expect(listRuns(trained, {})[0]?.split(/ +/).slice(4)).toEqual([
    "test_loss",
    "val/loss",
    "val_f1",
    "epoch_seconds",
  ]);
});

test("on a narrow terminal ids are short, and as many metrics are shown as fit", () => {
  expect(listRuns(runs, { columns: 120 })[1]).toContain("a".repeat(32));
  expect(listRuns(runs, { columns: 60, orderBy: ["metrics.f1"] })).toMatchInlineSnapshot(`
    [
      "run       name   status    started              f1",
      "aaaaaaaa  run a  FINISHED  1970-01-01 00:00:00  0.75",
      "bbbbbbbb  run b  FINISHED  1970-01-01 00:00:00  -",
    ]
  `);
  expect(listRuns(runs, { columns: 20 })[0]).toBe("run       name   status    started");
});

test("metrics that were asked for are always shown", () => {
  expect(listRuns(runs, { columns: 20, metrics: ["f1", "loss"] })).toMatchInlineSnapshot(`
    [
      "run       name   status    started              f1    loss",
      "aaaaaaaa  run a  FINISHED  1970-01-01 00:00:00  0.75  -",
      "bbbbbbbb  run b  FINISHED  1970-01-01 00:00:00  -     2",
    ]
  `);
});
