// Saves the run while it trains, and keeps the best and the newest checkpoints.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { UsageError, logger } from "../../base/index.ts";
import { saveCheckpoint } from "../checkpoint.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface ModelCheckpointConfig {
  /** Folder of the checkpoints; each is `epoch=E-step=S` in it. @default the run's own */
  dirpath?: string | undefined;
  /** Metric by which checkpoints are ranked; undefined: the newest are kept. */
  monitor?: string | undefined;
  /** @default "min" */
  mode?: "min" | "max" | undefined;
  /** How many of the best to keep; -1 keeps all, 0 none. @default 1 */
  saveTopK?: number;
  /** Also keeps the newest. @default false */
  saveLast?: boolean;
  /** Saves after so many steps; undefined: after each validation, or each epoch where nothing is validated. */
  everyNTrainSteps?: number | undefined;
  /** Saves after so many epochs. */
  everyNEpochs?: number | undefined;
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
  readonly config: ModelCheckpointConfig;
  #saved: Saved[] = [];
  #newestStep = -1;
  #dirpath: string | undefined;

  constructor(config: ModelCheckpointConfig = {}) {
    this.config = config;
    this.#dirpath = config.dirpath;
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

  /** Removes what a killed process left half written. */
  onTrainStart(run: Run): void {
    const dirpath = this.#folder(run);
    if (!existsSync(dirpath)) return;
    for (const name of readdirSync(dirpath))
      if (name.endsWith(".tmp")) rmSync(join(dirpath, name), { recursive: true, force: true });
  }

  async onTrainBatchEnd(run: Run): Promise<void> {
    const { everyNTrainSteps } = this.config;
    if (everyNTrainSteps !== undefined && run.state.step % everyNTrainSteps === 0) await this.#save(run);
  }

  async onValidationEnd(run: Run): Promise<void> {
    const { everyNTrainSteps, everyNEpochs } = this.config;
    if (everyNTrainSteps === undefined && everyNEpochs === undefined) await this.#save(run);
  }

  async onTrainEpochEnd(run: Run): Promise<void> {
    const { everyNTrainSteps, everyNEpochs } = this.config;
    const due =
      everyNEpochs !== undefined
        ? run.state.epoch % everyNEpochs === 0
        : everyNTrainSteps === undefined && !run.config.hasValidation;
    if (due) await this.#save(run);
  }

  async onTrainEnd(run: Run): Promise<void> {
    // the last validation was of other weights: what is saved only because the run ends has no rank
    if (this.config.saveLast === true || run.stop === "signal") await this.#save(run, { ranked: false });
  }

  stateDict(): Record<string, unknown> {
    return { saved: this.#saved };
  }

  loadStateDict({ saved }: Readonly<Record<string, unknown>>): void {
    this.#saved = saved as Saved[];
    this.#newestStep = Math.max(-1, ...this.#saved.map(({ step }) => step));
  }

  #folder({ checkpointFolder }: Run): string {
    this.#dirpath ??= checkpointFolder;
    if (this.#dirpath !== undefined) return this.#dirpath;
    throw new UsageError("model_checkpoint: the run has no folder for checkpoints. Set dirpath.");
  }

  async #save(run: Run, { ranked } = { ranked: true }): Promise<void> {
    const { monitor, saveTopK = 1, saveLast = false } = this.config;
    const dirpath = this.#folder(run);
    const { epoch, step, metrics } = run.state;
    if (step === this.#newestStep || (saveTopK === 0 && !saveLast && run.stop !== "signal")) return;
    const name = `epoch=${epoch}-step=${step}`;
    const value = ranked && monitor !== undefined ? (metrics[monitor] ?? NaN) : NaN;
    const before = this.#saved;
    // first, as the list is part of what is saved
    this.#saved = [...before, { name, value: Number.isNaN(value) ? null : value, step }];
    this.#drop(saveTopK);
    try {
      await run.flush();
      await saveCheckpoint(run, join(dirpath, name));
    } catch (error) {
      this.#saved = before;
      throw error;
    }
    this.#newestStep = step;
    logger.debug(`checkpoint ${basename(dirpath)}/${name}`);
    this.#removeDropped(dirpath, step);
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
    const kept = new Set(this.#saved.map(({ name }) => name));
    for (const name of readdirSync(dirpath)) {
      const step = /^epoch=\d+-step=(\d+)$/.exec(name)?.[1];
      if (step !== undefined && Number(step) <= newestStep && !kept.has(name))
        rmSync(join(dirpath, name), { recursive: true, force: true });
    }
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
