// The training loop, readable from top to bottom. How a run is put together: ./trainer.ts.
import { TrainingError } from "../base/index.ts";
import { autograd, optim, scope } from "../torch/index.ts";
import type { Callback, StepInfo } from "./callbacks/callback.ts";
import { findNonFinite } from "./non-finite.ts";
import { withPrecision } from "./precision.ts";
import type { Batch, Run, StopReason } from "./run.ts";

/** Trains until a limit, a callback or a signal ends it. */
export async function train(run: Run): Promise<StopReason> {
  const { config, optimizer, state, source, task } = run;
  run.startedAt = performance.now();
  const forgetNames = autograd.isAnomalyEnabled() ? autograd.nameModules(task.model) : undefined;
  try {
    if (state.step === 0 && config.hasValidation && config.numSanityValSteps !== 0) await sanityCheck(run);
    await call(run, "onTrainStart");
    task.model.train();
    optimizer.train();
    while (!finished(run)) {
      source.seek({ epoch: state.epoch, batch: state.batch });
      if (state.batch === 0) await call(run, "onTrainEpochStart");
      await trainEpoch(run);
      if (run.stop === "signal") break;
    }
    await call(run, "onTrainEnd");
    optimizer.eval();
    return run.stop!;
  } catch (error) {
    for (const callback of run.callbacks) await callback.onException?.(run, error);
    throw error;
  } finally {
    forgetNames?.();
  }
}

async function trainEpoch(run: Run): Promise<void> {
  const { config, source, state } = run;
  while (run.stop === undefined || !mayStop(run)) {
    await call(run, "onTrainBatchStart");
    const batches = await take(run);
    if (batches.length === 0) break;
    const before = state.batch;
    const step = trainStep(run, batches);
    state.batch += batches.length;
    state.step++;
    logStep(run, step);
    run.schedule.step("step");
    if (validationDue(run, before)) await validate(run);
    await call(run, "onTrainBatchEnd", step);
    await signals();
    stopAtLimits(run);
    if (run.stop === "signal") return;
  }
  if (state.batch < source.batchesPerEpoch && run.stop !== undefined) return; // stopped within the epoch
  state.epoch++;
  state.batch = 0;
  run.schedule.step("epoch"); // before callbacks save, so that a resumed run does not lack it
  const due = config.valCheckInterval === undefined && state.epoch % config.checkValEveryNEpoch === 0;
  if (due && config.hasValidation) await validate(run);
  await call(run, "onTrainEpochEnd");
  stopAtLimits(run);
}

/** One optimizer update. Synchronous, because a tensor scope must not span an `await`. */
function trainStep(run: Run, batches: readonly Batch[]): StepInfo {
  const { config, optimizer, task } = run;
  const weight = sum(batches, (batch) => batch.weight); // uneven batches weigh by their items
  return scope(() => {
    // forward and backward, accumulating the batches into one update
    let loss = 0;
    for (const batch of batches) {
      const batchLoss = withPrecision(config.precision, () => task.lossSum(batch)).div(weight);
      batchLoss.backward();
      loss += batchLoss.item();
    }
    if (!Number.isFinite(loss)) refuseNonFinite(run, batches, loss);

    // clip, update, forget the gradients
    const gradNorm = clip(run);
    optimizer.step();
    optimizer.zeroGrad();
    return {
      loss,
      gradNorm,
      items: sum(batches, (b) => b.items),
      positions: sum(batches, (b) => b.positions),
      weight,
    };
  });
}

function clip(run: Run): number | undefined {
  const { gradientClipVal, gradientClipAlgorithm } = run.config;
  if (gradientClipVal === 0) return undefined;
  const parameters = run.task.model.parameters();
  if (gradientClipAlgorithm === "norm") return optim.clipGradNorm_(parameters, gradientClipVal).item();
  optim.clipGradValue_(parameters, gradientClipVal);
  return undefined;
}

/** Judges the model on the validation data and logs `val_*`. */
async function validate(run: Run): Promise<void> {
  const { config, optimizer, task } = run;
  await call(run, "onValidationStart");
  task.model.eval();
  optimizer.eval();
  const bare = await task.validate({ limit: config.limitValBatches });
  task.model.train();
  optimizer.train();
  const metrics = Object.fromEntries(Object.entries(bare).map(([name, value]) => [`val_${name}`, value]));
  run.log(metrics);
  run.schedule.observe(metrics);
  for (const callback of run.callbacks) await callback.onValidationEnd?.(run, metrics);
}

/** Runs a few validation batches first, so that a mistake there shows now and not after an epoch. */
async function sanityCheck({ config, task }: Run): Promise<void> {
  task.model.eval();
  await task.validate({ limit: config.numSanityValSteps === -1 ? undefined : config.numSanityValSteps });
}

function logStep(run: Run, step: StepInfo): void {
  const { config, state, optimizer } = run;
  state.lossSum += step.loss * step.weight;
  state.lossWeight += step.weight;
  if (state.step % config.logEveryNSteps !== 0) return;
  run.log({
    train_loss: state.lossSum / state.lossWeight,
    lr: optimizer.paramGroups[0]!.lr,
    epoch: state.epoch + state.batch / run.source.batchesPerEpoch,
    ...(step.gradNorm !== undefined && { grad_norm: step.gradNorm }),
  });
  state.lossSum = state.lossWeight = 0;
}

async function take({ config, source }: Run): Promise<Batch[]> {
  const batches: Batch[] = [];
  while (batches.length < config.accumulateGradBatches) {
    const batch = await source.next();
    if (batch === undefined) break;
    batches.push(batch);
  }
  return batches;
}

function validationDue({ config, state }: Run, before: number): boolean {
  const interval = config.valCheckInterval;
  if (interval === undefined || !config.hasValidation) return false;
  if ((state.epoch + 1) % config.checkValEveryNEpoch !== 0) return false;
  return Math.floor(state.batch / interval) > Math.floor(before / interval);
}

function stopAtLimits(run: Run): void {
  const { config, state } = run;
  if (run.stop !== undefined && mayStop(run)) return;
  // these end the run even where min_epochs or min_steps holds early stopping back
  if (config.maxSteps !== -1 && state.step >= config.maxSteps) run.stop = "max_steps";
  else if (config.maxEpochs !== -1 && state.epoch >= config.maxEpochs) run.stop = "max_epochs";
  else if (config.maxTime !== undefined && performance.now() - run.startedAt >= config.maxTime * 1000)
    run.stop ??= "max_time";
}

function finished(run: Run): boolean {
  stopAtLimits(run);
  return run.stop !== undefined && mayStop(run);
}

/** Whether the run has come far enough for early stopping or a time limit to end it. */
function mayStop({ config, state, stop }: Run): boolean {
  if (stop === "early_stopping" || stop === "max_time")
    return state.epoch >= config.minEpochs && state.step >= config.minSteps;
  return true;
}

function refuseNonFinite(run: Run, batches: readonly Batch[], loss: number): never {
  const { state, task } = run;
  const culprit = findNonFinite(task.model, () =>
    batches.forEach((batch) => withPrecision(run.config.precision, () => task.lossSum(batch))),
  );
  throw new TrainingError(
    `train: the loss must be finite, got ${loss} at step ${state.step + 1} (epoch ${state.epoch + 1}, batch ${state.batch + 1}). ${culprit} ` +
      `The weights of step ${state.step} are untouched. Lower optimizer.lr, set trainer.gradient_clip_val, or use precision 32-true.`,
  );
}

/** Lets signal handlers and timers run: the engine holds the thread during a step. */
function signals(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

type PlainHook =
  | "onTrainStart"
  | "onTrainEpochStart"
  | "onTrainBatchStart"
  | "onValidationStart"
  | "onTrainEpochEnd"
  | "onTrainEnd";

async function call(run: Run, hook: PlainHook): Promise<void>;
async function call(run: Run, hook: "onTrainBatchEnd", step: StepInfo): Promise<void>;
async function call(run: Run, hook: PlainHook | "onTrainBatchEnd", step?: StepInfo): Promise<void> {
  for (const callback of run.callbacks) {
    const method = callback[hook] as
      ((this: Callback, run: Run, step?: StepInfo) => void | Promise<void>) | undefined;
    await method?.call(callback, run, step);
  }
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
