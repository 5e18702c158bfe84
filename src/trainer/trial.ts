// Training for a few steps, to see how it goes, and putting everything back as it was.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { getRngState, setRngState } from "../torch/index.ts";
import type { Callback } from "./callbacks/callback.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { train } from "./loop.ts";
import { initialState } from "./run.ts";
import type { Run } from "./run.ts";
import { rememberModes } from "./training-modes.ts";

/**
 * Lets `search` train in trials, and puts back what they changed: weights, optimizers, schedules, what the task counts,
 * modes, random generators and the place in the data. All of it waits on disk, so that it takes no memory from the trials.
 */
export async function undone<T>(run: Run, search: () => Promise<T>): Promise<T> {
  if (run.stage !== "fit") return withRng(search);
  const { optimizers, source, state, task } = run;
  const alone: Run = { ...run, callbacks: [] }; // what callbacks keep is no part of a trial
  const root = run.checkpointFolder === undefined ? tmpdir() : dirname(run.checkpointFolder);
  mkdirSync(root, { recursive: true });
  const folder = mkdtempSync(join(root, ".trial-"));
  const before = join(folder, "before");
  const restoreModes = rememberModes(task.model);
  const counted = structuredClone(state);
  try {
    await saveCheckpoint(alone, before);
    return await search();
  } finally {
    loadCheckpoint(alone, before);
    Object.assign(state, counted);
    rmSync(folder, { recursive: true, force: true });
    restoreModes();
    task.model.zeroGrad();
    for (const optimizer of optimizers) optimizer.zeroGrad();
    task.attach?.(run);
    source.seek({ epoch: state.epoch, batch: state.batch });
  }
}

/** What a trial does otherwise than its run. */
export interface TrialOptions {
  steps: number;
  /** Callbacks beside the model's own hooks, which are the only ones of the run. */
  callbacks?: readonly Callback[];
  /** Cuts batches that do not fit into memory, where the run does. @default true */
  mayCut?: boolean;
  /** Lets the run's schedules go on. @default true */
  isScheduled?: boolean;
}

/** Trains a run for a few steps from the first batch on; nothing is judged, logged or kept. Only within `undone`. */
export async function tryTraining(
  run: Run,
  { steps, callbacks = [], mayCut = true, isScheduled = true }: TrialOptions,
): Promise<void> {
  const { config, task } = run;
  const trial: Run = {
    ...run,
    config: {
      ...config,
      autoFindBatchSize: config.autoFindBatchSize && mayCut,
      maxEpochs: -1,
      minEpochs: 0,
      maxSteps: steps,
      minSteps: 0,
      maxTime: undefined,
      hasValidation: false,
      numSanityValSteps: 0,
    },
    schedules: isScheduled ? run.schedules : [],
    callbacks: [...callbacks, ...(task.hooks === undefined ? [] : [task.hooks])],
    state: initialState(),
    stop: undefined,
    log: () => {},
    flush: () => Promise.resolve(),
  };
  task.attach?.(trial);
  await train(trial);
}

/** Puts the random generators back after a search. */
export async function withRng<T>(search: () => Promise<T>): Promise<T> {
  const rng = getRngState();
  try {
    return await search();
  } finally {
    setRngState(rng);
    rng.dispose();
  }
}
