// Saves the run while it trains, and keeps the best and the newest checkpoints.
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { UsageError, logger } from "../../base/index.ts";
import {
  markOf,
  numberRun,
  saveCheckpoint,
  saveError,
  saveWeights,
  settleSaves,
  stepOf,
} from "../checkpoint.ts";
import type { SaveMark } from "../checkpoint.ts";
import { secondsOf } from "../duration.ts";
import type { Duration } from "../duration.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";
import { checkpointName } from "./checkpoint-name.ts";

/** Options by Lightning's names. */
export interface ModelCheckpointConfig {
  /** Folder of the checkpoints. @default the run's own */
  dirpath?: string | undefined;
  /**
   * Template of their names, such as `{epoch}-{val_loss:.2f}`; `epoch` counts the epochs that are finished.
   * @default "{epoch}-{step}"
   */
  filename?: string | undefined;
  /** Writes `val_loss=` before the value of a metric in the name. @default true */
  autoInsertMetricName?: boolean;
  /** Adds `-v1`, `-v2` ... to a name that is taken; otherwise the earlier checkpoint is replaced. @default true */
  enableVersionCounter?: boolean;
  /** Metric by which checkpoints are ranked; undefined: the newest are kept. */
  monitor?: string | undefined;
  /** @default "min" */
  mode?: "min" | "max" | undefined;
  /** How many of the best to keep; -1 keeps all, 0 none. @default 1 */
  saveTopK?: number;
  /** Also saves when the run ends; with `link`, `last` in the folder points at the newest. @default false */
  saveLast?: boolean | "link";
  /** Keeps the weights and no more, from which no run can go on. @default false */
  saveWeightsOnly?: boolean;
  /** Saves when the training fails, so that it can go on from there. @default false */
  saveOnException?: boolean;
  /** Saves after so many steps. Of this, `trainTimeInterval` and `everyNEpochs` one can be given. */
  everyNTrainSteps?: number | undefined;
  /** Saves after the step at which so much time has passed. */
  trainTimeInterval?: Duration | undefined;
  /** Saves after so many epochs. @default 1, where nothing else is given */
  everyNEpochs?: number | undefined;
  /**
   * Saves at the end of epochs (true) or after validations (false). @default false where an epoch has several
   * validations, or not every epoch has one
   */
  saveOnTrainEpochEnd?: boolean | undefined;
  /** Says in the log what is saved. @default false */
  verbose?: boolean;
}

interface Saved {
  /** Name within `dirpath`, so that the folder may be moved. */
  name: string;
  /** Null where nothing is monitored, or nothing was measured at that moment. */
  value: number | null;
  step: number;
}

/** Saves checkpoints while the run trains, and keeps the best by a metric and the newest. */
export class ModelCheckpoint implements Callback {
  readonly name = "model_checkpoint";
  readonly isMonitoring = true;
  readonly config: ModelCheckpointConfig;
  #saved: Saved[] = [];
  #newestStep = -1;
  #dirpath: string | undefined;
  /** A save that waits for the end of the epoch, where all is measured and counted that belongs to it. */
  #isDeferred = false;
  /** Names to remove, when the checkpoint that does not list them is whole. */
  #dropped: string[] = [];
  #savedAt = 0;
  readonly #interval: number | undefined;
  #mark: SaveMark = { id: randomUUID(), number: 0 };

  constructor(config: ModelCheckpointConfig = {}) {
    refuseContradictions(config);
    this.config = config;
    this.#dirpath = config.dirpath;
    const { trainTimeInterval } = config;
    if (trainTimeInterval !== undefined)
      this.#interval = secondsOf(trainTimeInterval, "model_checkpoint: trainTimeInterval");
  }

  /** Folder of the checkpoints; undefined before the run begins where it is the run's own. */
  get dirpath(): string | undefined {
    return this.#dirpath;
  }

  /** Folder of the best checkpoint so far; undefined when nothing is monitored, or was measured yet. */
  get best(): string | undefined {
    const best = this.#ranked()[0];
    return best === undefined || best.value === null ? undefined : join(this.#dirpath!, best.name);
  }

  /** Value of the monitored metric at the best checkpoint. */
  get bestValue(): number | undefined {
    return this.#ranked()[0]?.value ?? undefined;
  }

  /** Settles what a killed process left half written. */
  async onTrainStart(run: Run): Promise<void> {
    this.#savedAt = performance.now();
    const folder = this.#folder(run);
    await settleSaves(folder);
    this.#mark = { ...this.#mark, number: numberRun(folder, this.#mark, run.state.step) };
  }

  async onTrainBatchEnd(run: Run): Promise<void> {
    const { everyNTrainSteps, monitor } = this.config;
    const now = performance.now();
    const isTime = this.#interval !== undefined && now - this.#savedAt >= this.#interval * 1000;
    if (isTime) this.#savedAt = now;
    if (!isTime && (everyNTrainSteps === undefined || run.state.step % everyNTrainSteps !== 0)) return;
    // what is monitored is measured at once, when this was the epoch's last step
    if (monitor !== undefined && validationFollows(run)) this.#isDeferred = true;
    else await this.#save(run);
  }

  async onValidationEnd(run: Run): Promise<void> {
    if (run.isSanityChecking || this.#savesAtEpochEnd(run) || !this.#isEpochDue(run)) return;
    if (run.state.batch === 0) this.#isDeferred = true;
    else await this.#save(run);
  }

  async onTrainEpochEnd(run: Run): Promise<void> {
    if (this.#isDeferred || (this.#savesAtEpochEnd(run) && this.#isEpochDue(run))) await this.#save(run);
    this.#isDeferred = false;
  }

  async onTrainEnd(run: Run): Promise<void> {
    const { saveLast = false } = this.config;
    // the last validation was of other weights: what is saved only because the run ends has no rank
    if (run.hasNewWeights) await this.#save(run);
    else if (saveLast !== false || run.stop === "signal") await this.#save(run, { ranked: false });
  }

  async onException(run: Run): Promise<void> {
    const { saveOnException = false } = this.config;
    if (saveOnException && !run.isSanityChecking && run.state.step > 0)
      await this.#save(run, { ranked: false });
  }

  stateDict(): Record<string, unknown> {
    return { saved: this.#saved, dropped: this.#dropped, mark: this.#mark };
  }

  loadStateDict({ saved, dropped, mark }: Readonly<Record<string, unknown>>): void {
    if (mark !== undefined) this.#mark = mark as SaveMark;
    this.#saved = saved as Saved[];
    this.#dropped = (dropped as string[] | undefined) ?? [];
    this.#newestStep = Math.max(-1, ...this.#saved.map(({ step }) => step));
  }

  #savesAtEpochEnd({ config }: Run): boolean {
    const isOnceAnEpoch = config.valCheckInterval === undefined && config.checkValEveryNEpoch === 1;
    return this.config.saveOnTrainEpochEnd ?? (isOnceAnEpoch || !config.hasValidation);
  }

  /** Whether the epoch that is under way, or has just ended, is one to save. */
  #isEpochDue({ state }: Run): boolean {
    const { everyNTrainSteps, everyNEpochs } = this.config;
    const every = everyNEpochs ?? (everyNTrainSteps === undefined && this.#interval === undefined ? 1 : 0);
    const epoch = state.batch === 0 ? state.epoch : state.epoch + 1;
    return every > 0 && epoch % every === 0;
  }

  #folder({ checkpointFolder }: Run): string {
    this.#dirpath ??= checkpointFolder;
    if (this.#dirpath !== undefined) return this.#dirpath;
    throw new UsageError("model_checkpoint: the run has no folder for checkpoints. Set dirpath.");
  }

  async #save(run: Run, { ranked } = { ranked: true }): Promise<void> {
    const { monitor, saveTopK = 1, saveLast = false, saveWeightsOnly = false, verbose = false } = this.config;
    const dirpath = this.#folder(run);
    const { step, metrics } = run.state;
    const isNeeded = saveTopK !== 0 || saveLast !== false || !ranked;
    if ((step === this.#newestStep && !run.hasNewWeights) || !isNeeded) return;
    const name = this.#nameOf(run, dirpath);
    const value = ranked && monitor !== undefined ? (metrics[monitor] ?? NaN) : NaN;
    const before = this.#saved;
    // first, as the list is part of what is saved
    const others = before.filter((saved) => saved.name !== name);
    this.#saved = [...others, { name, value: Number.isNaN(value) ? null : value, step }];
    this.#drop(saveTopK);
    const kept = new Set(this.#saved.map((saved) => saved.name));
    this.#dropped = [...this.#dropped, ...before.map((saved) => saved.name)].filter((old) => !kept.has(old));
    try {
      await run.flush();
      await (saveWeightsOnly ? saveWeights : saveCheckpoint)(run, join(dirpath, name), this.#mark);
    } catch (error) {
      this.#saved = before;
      throw error;
    }
    this.#newestStep = step;
    logger[verbose ? "info" : "debug"](`checkpoint ${basename(dirpath)}/${name}`);
    if (saveLast === "link") link(dirpath, name);
    this.#removeDropped(dirpath, step);
  }

  #nameOf({ state, hasNewWeights }: Run, dirpath: string): string {
    const { filename, autoInsertMetricName = true, enableVersionCounter = true } = this.config;
    const metrics = { ...state.metrics, epoch: state.epoch, step: state.step };
    const name = checkpointName(filename ?? "{epoch}-{step}", metrics, { autoInsertMetricName });
    // a checkpoint of the same step is what an interrupted run left of this one
    const isTaken = (candidate: string) => {
      const path = join(dirpath, candidate);
      return existsSync(path) && (hasNewWeights || stepOf(path) !== state.step || !this.#isOwn(path));
    };
    if (!enableVersionCounter || !isTaken(name)) return name;
    let version = 1;
    while (isTaken(`${name}-v${version}`)) version++;
    return `${name}-v${version}`;
  }

  /** Takes out of the list what is neither among the best nor needed to resume. */
  #drop(saveTopK: number): void {
    if (saveTopK === -1) return;
    // the newest is kept whatever its rank: a run that is killed resumes from it
    const keep = new Set([...this.#ranked().slice(0, saveTopK), this.#saved.at(-1)!]);
    this.#saved = this.#saved.filter((saved) => keep.has(saved));
  }

  /** Removes folders that the list does not name, left by a killed process too; newer ones may be resumed from. */
  #removeDropped(dirpath: string, newestStep: number): void {
    for (const path of this.#dropped.map((name) => join(dirpath, name))) if (this.#isOwn(path)) remove(path);
    this.#dropped = [];
    if (this.config.filename !== undefined) return;
    const kept = new Set(this.#saved.map(({ name }) => name));
    for (const name of readdirSync(dirpath)) {
      const step = /^epoch=\d+-step=(\d+)(-v\d+)?$/.exec(name)?.[1];
      if (step === undefined || Number(step) > newestStep || kept.has(name)) continue;
      if (this.#isOwn(join(dirpath, name))) remove(join(dirpath, name));
    }
  }

  /** Whether this callback saved a checkpoint, in this run or before it went on; other runs may use the folder too. */
  #isOwn(path: string): boolean {
    return markOf(path)?.id === this.#mark.id;
  }

  #ranked(): Saved[] {
    const { mode = "min" } = this.config;
    return [...this.#saved].sort((a, b) => {
      if (a.value === null || b.value === null) {
        if (a.value !== b.value) return a.value === null ? 1 : -1;
        return b.step - a.step; // nothing to rank by: the newest
      }
      if (a.value === b.value) return a.step - b.step; // the first to be so good
      return (mode === "max") === a.value > b.value ? -1 : 1;
    });
  }
}

/** Points `last` at a checkpoint, without a moment in which it points nowhere. */
function link(dirpath: string, name: string): void {
  const last = join(dirpath, "last");
  const temporary = `${last}.${process.pid}.tmp`;
  try {
    rmSync(temporary, { force: true });
    symlinkSync(name, temporary);
    renameSync(temporary, last);
  } catch (error) {
    throw saveError(last, error);
  }
}

/** Removes a checkpoint that is no longer wanted; one that stays does no harm. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    logger.warn(`${path}: the old checkpoint stays, ${(error as Error).message}`);
  }
}

/** Whether the step that was the last of its epoch is followed by a validation. */
function validationFollows({ config, source, state }: Run): boolean {
  const isLast = state.batch >= source.batchesPerEpoch;
  const isDue = config.valCheckInterval === undefined && (state.epoch + 1) % config.checkValEveryNEpoch === 0;
  return config.hasValidation && isLast && isDue;
}

function refuseContradictions(config: ModelCheckpointConfig): void {
  const { everyNTrainSteps, everyNEpochs, trainTimeInterval, monitor, saveTopK = 1 } = config;
  const triggers = Object.entries({ everyNTrainSteps, everyNEpochs, trainTimeInterval }).flatMap(
    ([name, value]) => (value === undefined ? [] : [name]),
  );
  if (triggers.length > 1) {
    throw new UsageError(
      `model_checkpoint: one of everyNTrainSteps, everyNEpochs and trainTimeInterval can be given, got ${triggers.join(" and ")}. Use two callbacks.`,
    );
  }
  if (monitor !== undefined || [-1, 0, 1].includes(saveTopK)) return;
  throw new UsageError(
    `model_checkpoint: saveTopK must be -1, 0 or 1 without a monitor, got ${saveTopK}. Set monitor to the metric that ranks.`,
  );
}
