// Saves the run while it trains, and keeps the best and the newest checkpoints.
import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { logger } from "../../base/index.ts";
import { saveCheckpoint } from "../checkpoint.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface ModelCheckpointConfig {
  /** Folder of the checkpoints; each is `epoch=E-step=S` in it. */
  dirpath: string;
  /** Identifies config and data, see `saveCheckpoint`. */
  fingerprint: string;
  /** Metric by which checkpoints are ranked; undefined: the newest is the best. */
  monitor?: string | undefined;
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
  /** NaN where nothing is monitored, or was measured yet. */
  value: number | null;
  step: number;
}

export class ModelCheckpoint implements Callback {
  readonly name = "model_checkpoint";
  readonly config: ModelCheckpointConfig;
  #saved: Saved[] = [];
  #newestStep = -1;

  constructor(config: ModelCheckpointConfig) {
    this.config = config;
  }

  /** Folder of the best checkpoint so far; undefined before the first. */
  get best(): string | undefined {
    const best = this.#ranked()[0];
    return best === undefined ? undefined : join(this.config.dirpath, best.name);
  }

  /** Value of the monitored metric at the best checkpoint. */
  get bestValue(): number | undefined {
    return this.#ranked()[0]?.value ?? undefined;
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
    if (this.config.saveLast === true || run.stop === "signal") await this.#save(run);
  }

  stateDict(): Record<string, unknown> {
    return { saved: this.#saved };
  }

  loadStateDict({ saved }: Readonly<Record<string, unknown>>): void {
    this.#saved = saved as Saved[];
    this.#newestStep = Math.max(-1, ...this.#saved.map(({ step }) => step));
  }

  async #save(run: Run): Promise<void> {
    const { dirpath, fingerprint, monitor } = this.config;
    const { epoch, step, metrics } = run.state;
    if (step === this.#newestStep) return;
    const name = `epoch=${epoch}-step=${step}`;
    const before = this.#saved;
    this.#saved = [
      ...before,
      { name, value: monitor === undefined ? null : (metrics[monitor] ?? null), step },
    ];
    const dropped = this.#drop(run);
    try {
      await saveCheckpoint(run, join(dirpath, name), fingerprint);
    } catch (error) {
      this.#saved = before;
      throw error;
    }
    this.#newestStep = step;
    logger.debug(`checkpoint ${basename(dirpath)}/${name}`);
    // only now that the new one is whole
    for (const { name: old } of dropped) rmSync(join(dirpath, old), { recursive: true, force: true });
  }

  /** Takes out of the list what is neither among the best nor needed to resume. */
  #drop(run: Run): Saved[] {
    const { saveTopK = 1, saveLast = false } = this.config;
    if (saveTopK === -1) return [];
    const keep = new Set(this.#ranked().slice(0, saveTopK));
    const newest = this.#saved.at(-1)!;
    // the one being written is kept whatever its rank: a run that is killed resumes from it
    if (saveLast || run.stop === "signal" || saveTopK > 0) keep.add(newest);
    const dropped = this.#saved.filter((saved) => !keep.has(saved));
    this.#saved = this.#saved.filter((saved) => keep.has(saved));
    return dropped;
  }

  #ranked(): Saved[] {
    const { mode } = this.config;
    const rank = ({ value, step }: Saved) => {
      if (mode === undefined || this.config.monitor === undefined) return step;
      if (value === null || Number.isNaN(value)) return -Infinity;
      return mode === "max" ? value : -value;
    };
    return [...this.#saved].sort((a, b) => rank(b) - rank(a) || b.step - a.step);
  }
}
