// Which operators the time goes to, by libtorch's profiler: a table, and a trace for Chrome.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { profiler } from "../../torch/index.ts";
import { Profiler } from "./profiler.ts";
import type { ProfiledStage, ProfilerConfig } from "./profiler.ts";

/** Options by Lightning's names; those of `torch.profiler.profile` stand beside them. */
export interface PyTorchProfilerConfig extends ProfilerConfig, profiler.ProfileOptions {
  /** Keeps calls with arguments of other shapes apart; needs `recordShapes`. @default false */
  groupByInputShapes?: boolean;
  /** Writes a trace of each kind of step into the folder. @default true */
  exportToChrome?: boolean;
  /** Rows of the table; -1: all. @default 20 */
  rowLimit?: number;
  /** What the table is sorted by. @default "cpuTimeTotal" */
  sortByKey?: profiler.SortKey;
  /** Names the modules in the trace. @default true */
  recordModuleNames?: boolean;
  /** Further options of the table. */
  tableOptions?: Omit<profiler.TableOptions, "sortBy" | "rowLimit">;
}

// what ends a step of the schedule; each kind is recorded by itself
const stepActions = ["run_training_batch", "validation_step", "test_step", "predict_step"];
// one step is left alone, one prepares, three are recorded
const defaultSchedule = { wait: 1, warmup: 1, active: 3, repeat: 1 };
const stepsOfSchedule = 5;

/**
 * Records the operators of a few steps: of training, of validation, of test and of prediction, each kind until its
 * schedule has come to the end of a cycle. By default that is three steps after two that are left out; a stage of fewer
 * than five steps is recorded whole.
 */
export class PyTorchProfiler extends Profiler {
  readonly #config: PyTorchProfilerConfig;
  #active: { kind: string; profile: profiler.Profile } | undefined;
  /** The table of each kind that was recorded. */
  readonly #tables = new Map<string, string>();
  readonly #scopes: Disposable[] = [];
  #forgetModules: (() => void) | undefined;
  #steps = Infinity;
  #hasTrained = false;

  constructor(config: PyTorchProfilerConfig = {}) {
    super(config);
    this.#config = config;
  }

  override setup(stage: ProfiledStage): void {
    super.setup(stage);
    this.#steps = stage.steps;
    this.#hasTrained = false;
    this.#tables.clear();
    if (this.#config.recordModuleNames ?? true) this.#forgetModules = profiler.recordModules(stage.model);
  }

  start(action: string): void {
    const kind = kindOf(action);
    if (kind !== undefined && this.#active === undefined && this.#isDue(kind)) this.#begin(kind);
    this.#scopes.push(profiler.recordFunction(action));
  }

  stop(action: string): void {
    this.#scopes.pop()?.[Symbol.dispose]();
    const kind = kindOf(action);
    if (kind === undefined || kind !== this.#active?.kind) return;
    this.#active.profile.step();
    if (this.#tables.has(kind)) this.#end();
  }

  /** Ends what is being recorded, and returns a table for each kind of step. */
  override summary(): string {
    this.#end();
    if (this.#tables.size === 0) return "";
    const tables = Array.from(this.#tables, ([kind, table]) => `Profile stats for: ${kind}\n${table}`);
    return [this.title(), ...tables].join("\n");
  }

  override teardown(): void {
    this.#end();
    this.#forgetModules?.();
    this.#forgetModules = undefined;
  }

  /** Whether steps of this kind are still to be recorded; those of the validation before training are not. */
  #isDue(kind: string): boolean {
    if (kind === "run_training_batch") this.#hasTrained = true;
    else if (this.stage === "fit" && !this.#hasTrained) return false;
    return !this.#tables.has(kind);
  }

  #begin(kind: string): void {
    const { schedule = this.#ownSchedule(), ...options } = this.#config;
    const profile = new profiler.Profile({
      ...options,
      ...(schedule !== undefined && { schedule }),
      onTraceReady: (ready) => {
        if (!this.#tables.has(kind)) this.#keep(kind, ready);
      },
    });
    this.#active = { kind, profile };
    profile.start();
  }

  #end(): void {
    const active = this.#active;
    this.#active = undefined;
    active?.profile.stop();
  }

  #ownSchedule(): profiler.ProfileOptions["schedule"] {
    return this.#steps < stepsOfSchedule ? undefined : profiler.schedule(defaultSchedule);
  }

  #keep(kind: string, profile: profiler.Profile): void {
    const {
      groupByInputShapes = false,
      rowLimit = 20,
      sortByKey = "cpuTimeTotal",
      tableOptions,
      exportToChrome = true,
      onTraceReady,
    } = this.#config;
    const averages = profile.keyAverages({ groupByInputShape: groupByInputShapes });
    const limit = rowLimit === -1 ? Infinity : rowLimit;
    this.#tables.set(kind, averages.table({ ...tableOptions, sortBy: sortByKey, rowLimit: limit }));
    if (onTraceReady !== undefined) onTraceReady(profile);
    else if (exportToChrome && this.dirpath !== undefined) {
      mkdirSync(this.dirpath, { recursive: true });
      profile.exportChromeTrace(join(this.dirpath, this.fileName(".pt.trace.json", kind)));
    }
  }
}

function kindOf(action: string): string | undefined {
  return stepActions.find((kind) => action.endsWith(kind));
}
