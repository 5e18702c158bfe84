// Validation and test with the hooks around them. The batches themselves: ./evaluate.ts.
import { callHook } from "./callbacks/callback.ts";
import type { Run, ValidateOptions } from "./run.ts";

type BatchHooks = Required<Pick<ValidateOptions, "onBatchStart" | "onBatchEnd" | "profiler">>;

/** Judges with the hooks that come before the metrics are logged; `on<Stage>End` is left to the caller. */
export async function judge(
  run: Run,
  stage: "Validation" | "Test",
  measure: (hooks: BatchHooks) => Promise<Record<string, number>>,
): Promise<Record<string, number>> {
  const { callbacks } = run;
  await callHook(run, `on${stage}Start`);
  await callHook(run, `on${stage}EpochStart`);
  const metrics = await run.profiler.profile("run_evaluation", () =>
    measure({
      onBatchStart: (batch) =>
        callbacks.forEach((callback) => callback[`on${stage}BatchStart`]?.(run, batch)),
      onBatchEnd: (outputs, batch) =>
        callbacks.forEach((callback) => callback[`on${stage}BatchEnd`]?.(run, outputs, batch)),
      profiler: run.profiler,
    }),
  );
  for (const callback of callbacks) await callback[`on${stage}EpochEnd`]?.(run, metrics);
  return metrics;
}
