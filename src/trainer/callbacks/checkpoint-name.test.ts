// Golden: tools/golden/lightning_checkpoint_names.py
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkpointName } from "./checkpoint-name.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../tests/goldens/trainer/checkpoint-names.json", import.meta.url), "utf8"),
) as {
  metrics: Record<string, number>;
  cases: { template: string | null; autoInsertMetricName: boolean; name: string }[];
};

describe("names of checkpoints", () => {
  test.each(golden.cases)("$template is $name", ({ template, autoInsertMetricName, name }) => {
    const options = { autoInsertMetricName };
    expect(checkpointName(template ?? "{epoch}-{step}", golden.metrics, options)).toBe(name);
  });

  test("cannot be those of folders within folders", () => {
    expect(() => checkpointName("{val/loss:.1f}", { "val/loss": 1 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: model_checkpoint: filename must give the name of a folder, got "val/loss=1.0" of "{val/loss:.1f}". Take slashes out; for a metric with a slash set autoInsertMetricName to false.]`,
    );
    expect(checkpointName("loss={val/loss:.1f}", { "val/loss": 1 }, { autoInsertMetricName: false })).toBe(
      "loss=1.0",
    );
  });

  test("refuse formats that they do not know, and counts of what is no count", () => {
    expect(() => checkpointName("{epoch:x}", { epoch: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: model_checkpoint: filename cannot show epoch = 1 as "x". Use a format like .2f, 03d, .1e, .3g or .0%.]`,
    );
    expect(() => checkpointName("{val_loss:d}", { val_loss: 0.5 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: model_checkpoint: filename cannot show val_loss = 0.5 as "d". Use a format like .2f, 03d, .1e, .3g or .0%.]`,
    );
  });
});
