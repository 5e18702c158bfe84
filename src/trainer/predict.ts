// Asks a model to predict, batch by batch.
import { scope } from "../torch/index.ts";
import { callHook } from "./callbacks/callback.ts";
import { withPrecision } from "./precision.ts";
import type { LimitedLoader } from "./reloaded.ts";
import type { Run } from "./run.ts";
import type { TrainableModule } from "./trainable-module.ts";
import { withoutGradients } from "./without-gradients.ts";

/**
 * Runs `predictStep` over loaders with the hooks around it, and returns what it gave; its tensors are the caller's. Which
 * loaders, is asked after the first hooks.
 */
export async function predict(
  run: Run,
  model: TrainableModule,
  loaders: () => readonly LimitedLoader[],
  { inferenceMode }: { inferenceMode: boolean },
): Promise<unknown[]> {
  const { callbacks, config, profiler } = run;
  const predictStep = model.predictStep ?? ((batch: never) => model.forward(batch));
  const action = `[Module]${model.constructor.name}.predict_step`;
  const outputs: unknown[] = [];
  for (const callback of callbacks) await callback.setup?.(run, "predict");
  model.eval();
  await callHook(run, "onPredictStart");
  await callHook(run, "onPredictEpochStart");
  for (const [dataloaderIndex, { loader, limit }] of loaders().entries()) {
    loader.seek({ epoch: 0, batch: 0 });
    for (let index = 0; index < limit; index++) {
      const content: unknown = await profiler.profile("[PredictionLoop].predict_next", () => loader.next());
      if (content === undefined) break;
      const batch = { content, index, dataloaderIndex };
      for (const callback of callbacks) await callback.onPredictBatchStart?.(run, batch);
      const output = profiler.profile(action, () =>
        scope(() =>
          withoutGradients(inferenceMode, () =>
            withPrecision(config.precision, () =>
              predictStep.call(model, content as never, index, dataloaderIndex),
            ),
          ),
        ),
      );
      for (const callback of callbacks) await callback.onPredictBatchEnd?.(run, output, batch);
      outputs.push(output);
    }
  }
  for (const callback of callbacks) await callback.onPredictEpochEnd?.(run, outputs);
  await callHook(run, "onPredictEnd");
  for (const callback of callbacks) await callback.teardown?.(run, "predict");
  return outputs;
}
