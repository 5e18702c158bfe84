// What a terminal shows of a run, at the widths that people have.
import { describe, expect, test } from "vitest";
import type { Metric, Run } from "../tracking/index.ts";
import { RunView } from "./run-view.ts";
import { sparkline } from "./sparkline.ts";
import { clip, stylesOf } from "./styles.ts";

const styles = stylesOf({ isTTY: false });
const run = (status: Run["info"]["status"] = "RUNNING", params: Record<string, string> = {}): Run => ({
  info: {
    runId: "a".repeat(32),
    runName: "calm-fox-12",
    experimentId: "1",
    userId: "ada",
    status,
    startTime: 1_000_000,
    artifactUri: "/tmp",
    lifecycleStage: "active",
  },
  data: { metrics: {}, latestMetrics: [], params, tags: {} },
  inputs: { datasetInputs: [], modelInputs: [] },
  outputs: { modelOutputs: [] },
});
const series = (key: string, values: readonly number[]): Metric[] =>
  values.map((value, i) => ({ key, value, timestamp: i, step: 10 * (i + 1) }));

function view(status: Run["info"]["status"] = "RUNNING"): RunView {
  const training = run(status, { "trainer.max_epochs": "4" });
  const made = new RunView(training, "spam/minilm");
  made.add(training, [
    ...series("train_loss", [1, 0.8, 0.7, 0.5, 0.45, 0.4]),
    ...series("val_loss", [0.9, NaN, 0.6]),
    ...series("a_metric_whose_name_is_longer_than_any_column_that_there_is", [1e-7, 123456.789]),
    ...series("broken", [NaN, Infinity]),
    ...series("epoch", [0.5, 1, 1.5]),
    ...series("system/cpu_utilization_percentage", [95.4]),
    ...series("system/system_memory_usage_megabytes", [3210]),
    ...series("system/system_memory_usage_percentage", [40.2]),
    ...series("system/process_memory_usage_megabytes", [812.6]),
    ...series("system/gpu_0_utilization_percentage", [88]),
    ...series("system/gpu_0_memory_usage_megabytes", [10_240]),
    ...series("system/disk_usage_percentage", [55]),
  ]);
  return made;
}

const draw = (columns: number, rows = 20) => view().draw({ columns, rows, styles, now: 1_000_000 + 90_000 });

describe("a view of a run", () => {
  test("in 79 columns", () => {
    expect(`\n${draw(79).join("\n")}\n`).toMatchInlineSnapshot(`
      "
      RUNNING  calm-fox-12  spam/minilm  1:30
      epoch 1.5/4  [###########-------------------]  step 60  about 2:30 left
      train_loss                          0.4  █▆▄▂▂▁           0.4 to 1
      val_loss                            0.6  █×▁              0.6 to 0.9
      a_metric_whose_name_is_lo…       123457  ▁█               1e-7 to 123000
      broken                         Infinity  ××
      CPU 95 %  memory 3.2 GB 40 %  process 813 MB  GPU 0 88 % 10.2 GB  disk 55 %
      "
    `);
  });

  test("in 119 columns", () => {
    expect(`\n${draw(119).join("\n")}\n`).toMatchInlineSnapshot(`
      "
      RUNNING  calm-fox-12  spam/minilm  1:30
      epoch 1.5/4  [###########-------------------]  step 60  about 2:30 left
      train_loss                                0.4  █▆▄▂▂▁                                             0.4 to 1
      val_loss                                  0.6  █×▁                                                0.6 to 0.9
      a_metric_whose_name_is_longer_t…       123457  ▁█                                                 1e-7 to 123000
      broken                               Infinity  ××
      CPU 95 %  memory 3.2 GB 40 %  process 813 MB  GPU 0 88 % 10.2 GB  disk 55 %
      "
    `);
  });

  test("in 40 columns and 6 lines leaves out what does not fit, and says how much", () => {
    expect(`\n${draw(40, 6).join("\n")}\n`).toMatchInlineSnapshot(`
      "
      RUNNING  calm-fox-12  spam/minilm  1:30
      epoch 1.5/4  step 60  about 2:30 left
      train_loss          0.4
      val_loss            0.6
      and 2 more
      CPU 95 %  memory 3.2 GB 40 %  disk 55 %
      "
    `);
  });

  test.each([20, 39, 60, 79, 119, 200])("never fills %i columns and more", (columns) => {
    for (const rows of [4, 5, 30]) {
      const lines = draw(columns, rows);
      expect(lines.length).toBeLessThanOrEqual(rows);
      expect(lines.filter((line) => line.length > columns)).toEqual([]);
    }
  });

  test("of a run without metrics says so", () => {
    const bare = new RunView(run(), "spam");
    expect(bare.draw({ columns: 79, rows: 20, styles, now: 1_000_000 })).toEqual([
      "RUNNING  calm-fox-12  spam  0:00",
      "step 0",
      "no metrics yet",
    ]);
  });
});

test("a curve has as many characters as fit, and marks what is not finite", () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 20)).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 4)).toBe("▁▃▆█");
  expect(sparkline([1, NaN, 3, Infinity], 10)).toBe("▁×█×");
  expect(sparkline([2, 2], 10)).toBe("▄▄");
  expect(sparkline([NaN], 10)).toBe("×");
  expect(sparkline([], 10)).toBe("");
});

test("colours are for terminals alone, and not for those who want none", () => {
  const red = (stream: { isTTY: boolean }, env: Record<string, string> = {}) =>
    stylesOf(stream, env).bad("x");
  expect(red({ isTTY: true })).toBe("\u001b[31mx\u001b[0m");
  expect(red({ isTTY: false })).toBe("x");
  expect(red({ isTTY: true }, { NO_COLOR: "1" })).toBe("x");
  expect(red({ isTTY: true }, { NO_COLOR: "" })).toBe("\u001b[31mx\u001b[0m");
  expect(red({ isTTY: true }, { TERM: "dumb" })).toBe("x");
});

test("clipped text says that it is", () => {
  expect([clip("abcdef", 6), clip("abcdef", 5), clip("abc", 0)]).toEqual(["abcdef", "abcd…", ""]);
});
