// The training loop, readable from top to bottom. How a run is put together: ./fit.ts.
import { autograd, noGrad, optim, scope } from "../torch/index.ts";
import { byMonitoring, callHook } from "./callbacks/callback.ts";
import type { Callback, StepInfo } from "./callbacks/callback.ts";
import { judge } from "./judge.ts";
import { computeInParts, tryLongest } from "./micro-batches.ts";
import { NonFiniteLossError, findNonFinite } from "./non-finite.ts";
import { withPrecision } from "./precision.ts";
import type { Batch, Run, StopReason } from "./run.ts";
import { rememberModes } from "./training-modes.ts";
import type { ScheduleInterval } from "./schedule.ts";

/** Trains until a limit, a callback or a signal ends it. */
export async function train(run: Run): Promise<StopReason> {
  const { config, optimizers, state, source, task } = run;
  run.startedAt = performance.now();
  const forgetNames = autograd.isAnomalyEnabled() ? autograd.nameModules(task.model) : undefined;
  try {
    if (state.step === 0 && config.hasValidation && config.numSanityValSteps !== 0) await sanityCheck(run);
    task.model.train(); // first, as callbacks may keep parts in evaluation mode
    await callHook(run, "onTrainStart");
    for (const optimizer of optimizers) optimizer.train();
    if (!finished(run)) await tryLongest(run, (batches) => void accumulate(run, batches, []));
    while (!finished(run)) {
      source.seek({ epoch: state.epoch, batch: state.batch });
      if (state.batch === 0) await callHook(run, "onTrainEpochStart");
      await run.profiler.profile("run_training_epoch", () => trainEpoch(run));
      if (run.stop === "signal") break;
    }
    await callHook(run, "onTrainEnd");
    for (const optimizer of optimizers) optimizer.eval();
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
  const [others, monitoring] = byMonitoring(run.callbacks);
  while (state.batch < source.batchesPerEpoch && (run.stop === undefined || !mayStop(run))) {
    await callHook(run, "onTrainBatchStart");
    const askedAt = performance.now();
    const batches = await take(run);
    const dataSeconds = (performance.now() - askedAt) / 1000;
    if (batches.length === 0) break;
    const before = state.batch;
    const result = run.profiler.profile("run_training_batch", () => takeStep(run, batches));
    const step: StepInfo = { ...result, dataSeconds };
    state.batch += batches.length;
    state.step++;
    logStep(run, step);
    moveSchedules(run, "step", state.batch);
    for (const callback of others) await callback.onTrainBatchEnd?.(run, step);
    if (validationDue(run, before)) await validate(run, { isWithinEpoch: true });
    else observe(run, "step", state.batch);
    for (const callback of monitoring) await callback.onTrainBatchEnd?.(run, step); // what they save is whole
    await signals();
    stopAtLimits(run);
    if (run.stop === "signal") return;
  }
  if (state.batch < source.batchesPerEpoch && run.stop !== undefined) return; // stopped within the epoch
  state.epoch++;
  state.batch = 0;
  moveSchedules(run, "epoch", state.epoch);
  const due = config.valCheckInterval === undefined && state.epoch % config.checkValEveryNEpoch === 0;
  if (due && config.hasValidation) await validate(run);
  const means = run.task.epochMetrics?.() ?? {};
  if (Object.keys(means).length > 0) run.log(means);
  noteLoss(run);
  for (const callback of others) await callback.onTrainEpochEnd?.(run);
  if (!config.hasValidation) observe(run, "validation", state.epoch);
  observe(run, "epoch", state.epoch);
  for (const callback of monitoring) await callback.onTrainEpochEnd?.(run);
  stopAtLimits(run);
}

/** Moves the schedules that look at no metric; in manual optimisation the model moves all of them itself. */
function moveSchedules({ schedules, task }: Run, interval: ScheduleInterval, count: number): void {
  if (task.trainManually !== undefined) return;
  for (const schedule of schedules) schedule.step(interval, count);
}

/** Moves the schedules that look at a metric. */
function observe({ schedules, state, task }: Run, interval: ScheduleInterval, count: number): void {
  if (task.trainManually !== undefined) return;
  for (const schedule of schedules) schedule.observe(interval, count, state.metrics);
}

type StepResult = Omit<StepInfo, "dataSeconds">;

/** One step. Synchronous, because a tensor scope must not span an `await`. */
function takeStep(run: Run, batches: readonly Batch[]): StepResult {
  try {
    return scope(() =>
      run.task.trainManually === undefined ? trainStep(run, batches) : manualStep(run, batches),
    );
  } finally {
    for (const batch of batches) batch.release?.();
  }
}

/** One optimizer update. */
function trainStep(run: Run, batches: readonly Batch[]): StepResult {
  const { profiler, strategy } = run;
  const optimizer = run.optimizers[0]!;
  const info = counts(batches);

  // forward and backward
  const loss = computeInParts(run, batches, (parts) => accumulate(run, parts, run.callbacks, info.weight));
  if (!Number.isFinite(loss)) refuseNonFinite(run, batches, loss);

  // share, clip, update, forget the gradients
  noGrad(() => strategy.reduceGradients(run.task.model.parameters()));
  for (const callback of run.callbacks) callback.onBeforeOptimizerStep?.(run, optimizer);
  const gradNorm = clip(run);
  profiler.profile(actionOf(run, "optimizer_step"), () => strategy.optimizerStep(optimizer));
  for (const callback of run.callbacks) callback.onBeforeZeroGrad?.(run, optimizer);
  profiler.profile(actionOf(run, "optimizer_zero_grad"), () => optimizer.zeroGrad());
  return { ...info, loss, gradNorm };
}

/**
 * Adds the gradients of batches up and returns their loss, divided by `weight`: uneven ones weigh by what their loss is a
 * mean over, not each the same.
 */
function accumulate(
  run: Run,
  batches: readonly Batch[],
  callbacks: readonly Callback[],
  weight = counts(batches).weight,
): number {
  const { config, profiler, strategy, task } = run;
  const lossOf = (batch: Batch): number => {
    const loss = profiler
      .profile(actionOf(run, "training_step"), () =>
        withPrecision(config.precision, () => task.lossSum(batch)),
      )
      ?.div(weight);
    if (loss === undefined) return 0;
    for (const callback of callbacks) callback.onBeforeBackward?.(run, loss);
    profiler.profile(actionOf(run, "backward"), () => strategy.backward(loss));
    for (const callback of callbacks) callback.onAfterBackward?.(run);
    return loss.item();
  };
  // what one batch needs is freed before the next
  return sum(batches, (batch) => scope(() => lossOf(batch)));
}

/** One batch of manual optimisation: the model itself runs backward and steps its optimizers. */
function manualStep(run: Run, batches: readonly Batch[]): StepResult {
  const { task, config } = run;
  const loss = run.profiler.profile(actionOf(run, "training_step"), () =>
    withPrecision(config.precision, () => task.trainManually!(batches[0]!)),
  );
  return { ...counts(batches), loss, gradNorm: undefined };
}

/** Names a method of the model for the profiler. */
function actionOf({ task }: Run, method: string): string {
  return `[Module]${task.model.constructor.name}.${method}`;
}

function counts(batches: readonly Batch[]): Pick<StepInfo, "items" | "positions" | "weight"> {
  return {
    items: sum(batches, (batch) => batch.items),
    positions: sum(batches, (batch) => batch.positions),
    weight: sum(batches, (batch) => batch.weight),
  };
}

function clip(run: Run): number | undefined {
  const { gradientClipVal, gradientClipAlgorithm } = run.config;
  if (gradientClipVal === 0) return undefined;
  const parameters = run.task.model.parameters();
  if (gradientClipAlgorithm === "norm") return optim.clipGradNorm_(parameters, gradientClipVal).item();
  optim.clipGradValue_(parameters, gradientClipVal);
  return undefined;
}

/** Judges the model on the validation data and logs what it finds. */
export async function validate(run: Run, { isWithinEpoch = false } = {}): Promise<void> {
  const { config, optimizers, task } = run;
  const restoreModes = rememberModes(task.model);
  task.model.eval();
  for (const optimizer of optimizers) optimizer.eval();
  const limit = config.limitValBatches;
  const metrics = await judge(run, "Validation", (hooks) => task.validate({ limit, ...hooks }));
  restoreModes(); // a frozen part stays in evaluation mode
  for (const optimizer of optimizers) optimizer.train();
  run.log(metrics);
  noteLoss(run);
  observe(run, "validation", 1);
  if (isWithinEpoch) observe(run, "step", run.state.batch);
  for (const callback of run.callbacks) await callback.onValidationEnd?.(run, metrics);
}

/** Runs a few validation batches first, so that a mistake there shows now and not after an epoch. */
async function sanityCheck(run: Run): Promise<void> {
  const { config, task } = run;
  run.isSanityChecking = true;
  await callHook(run, "onSanityCheckStart");
  task.model.eval();
  const limit = config.numSanityValSteps === -1 ? undefined : config.numSanityValSteps;
  const metrics = await judge(run, "Validation", (hooks) => task.validate({ limit, ...hooks }));
  for (const callback of run.callbacks) await callback.onValidationEnd?.(run, metrics);
  await callHook(run, "onSanityCheckEnd");
  run.isSanityChecking = false;
}

function logStep(run: Run, step: StepInfo): void {
  const { config, state, optimizers } = run;
  if (!Number.isNaN(step.loss)) {
    state.lossSum += step.loss * step.weight;
    state.lossWeight += step.weight;
  }
  if (state.step % config.logEveryNSteps !== 0) return;
  run.log({
    ...(state.lossWeight > 0 && { train_loss: state.lossSum / state.lossWeight }),
    ...(optimizers[0] !== undefined && { lr: optimizers[0].paramGroups[0]!.lr }),
    epoch: state.epoch + state.batch / run.source.batchesPerEpoch,
    ...(step.gradNorm !== undefined && { grad_norm: step.gradNorm }),
    ...run.task.stepMetrics?.(),
  });
  state.lossSum = state.lossWeight = 0;
}

/** Keeps the mean loss since it was last logged as train_loss, which is logged more rarely than it may be monitored. */
function noteLoss({ state }: Run): void {
  if (state.lossWeight > 0) state.metrics["train_loss"] = state.lossSum / state.lossWeight;
}

async function take({ config, profiler, source }: Run): Promise<Batch[]> {
  const batches: Batch[] = [];
  while (batches.length < config.accumulateGradBatches) {
    const batch = await profiler.profile("[TrainingEpochLoop].train_dataloader_next", () => source.next());
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
  throw new NonFiniteLossError(
    `train: the loss must be finite, got ${loss} at step ${state.step + 1} (epoch ${state.epoch + 1}, batch ${state.batch + 1}). ${culprit} ` +
      `The weights of step ${state.step} are untouched. Lower optimizer.lr, set trainer.gradient_clip_val, or use precision 32-true.`,
  );
}

/** Lets signal handlers and timers run: the engine holds the thread during a step. */
function signals(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
