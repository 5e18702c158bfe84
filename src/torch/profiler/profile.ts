// One profile: records the operators of this thread through libtorch's Kineto, all the time or by a schedule.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { UsageError, writeFileAtomic } from "../../base/index.ts";
import { isAvailable as isCudaAvailable } from "../cuda.ts";
import { native } from "../native.ts";
import type { Recorded, RecordedEvent } from "../native.ts";
import { EventAverages } from "./averages.ts";
import type { AveragesOptions } from "./averages.ts";
import { eventsOf, memoryChanges } from "./events.ts";
import type { MemoryChange, ProfiledEvent } from "./events.ts";
import { countProfiles } from "./record-function.ts";
import type { ProfilerAction } from "./schedule.ts";

/** What a profile can record. */
export type ProfilerActivity = "cpu" | "cuda";

/** Options of `profile`. */
export interface ProfileOptions {
  /** `cuda` adds the kernels of GPUs to the trace. @default ["cpu"], and "cuda" where there is a GPU */
  activities?: readonly ProfilerActivity[];
  /** Records the shapes of arguments. @default false */
  recordShapes?: boolean;
  /** Records allocations. @default false */
  profileMemory?: boolean;
  /** Counts the operations of matrix products, convolutions and elementwise sums and products. @default false */
  withFlops?: boolean;
  /** What to do in each step, which `step()` ends; see `torch.profiler.schedule`. @default records all the time */
  schedule?: (step: number) => ProfilerAction;
  /** Called with the profile at the end of each cycle of the schedule, and at the end of a record without one. */
  onTraceReady?: (profile: Profile) => void;
}

/**
 * Records what `run` calls and returns the profile; a promise of it where `run` returns one.
 *
 * @example
 * const profile = torch.profiler.profile({}, () => torch.ones([2, 3]).matmul(torch.ones([3, 4])));
 * profile.keyAverages().get("aten::mm").count; // => 1
 */
export function profile(
  options: ProfileOptions,
  run: (profile: Profile) => Promise<unknown>,
): Promise<Profile>;
export function profile(options: ProfileOptions, run: (profile: Profile) => unknown): Profile;
export function profile(
  options: ProfileOptions,
  run: (profile: Profile) => unknown,
): Profile | Promise<Profile> {
  const started = new Profile(options).start();
  let result: unknown;
  try {
    result = run(started);
  } catch (error) {
    started.stop();
    throw error;
  }
  if (result instanceof Promise) return result.finally(() => started.stop()).then(() => started);
  started.stop();
  return started;
}

/** Holds what was recorded between `start` and `stop`, or in the last cycle of a schedule. */
export class Profile {
  /** Number of the step, from 0. */
  stepNum = 0;
  readonly #options: ProfileOptions;
  readonly #activities: readonly ProfilerActivity[];
  #action: ProfilerAction = "none";
  #isStarted = false;
  #isPrepared = false;
  #isStepOpen = false;
  #recorded: Recorded | undefined;
  #raw: RecordedEvent[] | undefined;
  #isSaved = false;

  constructor(options: ProfileOptions = {}) {
    this.#options = options;
    this.#activities = options.activities ?? (isCudaAvailable() ? ["cpu", "cuda"] : ["cpu"]);
    for (const activity of this.#activities) {
      if (activity !== "cpu" && activity !== "cuda") {
        throw new UsageError(
          `profiler: activities must be "cpu" or "cuda", got ${JSON.stringify(activity)}.`,
        );
      }
    }
    if (this.#activities.includes("cuda") && !isCudaAvailable()) {
      throw new UsageError('profiler: the activity "cuda" needs a GPU, and none is found. Leave it out.');
    }
  }

  start(): this {
    if (this.#isStarted) throw new UsageError("profiler: it is started already. Stop it first.");
    this.#isStarted = true;
    this.#change(this.#actionOf(this.stepNum));
    this.#openStep();
    return this;
  }

  /** Ends a step of the schedule and begins the next. */
  step(): void {
    if (!this.#isStarted) throw new UsageError("profiler: a step ends only between start() and stop().");
    this.#closeStep();
    this.stepNum++;
    this.#change(this.#actionOf(this.stepNum));
    this.#openStep();
  }

  /** Ends the record. Does nothing where it has ended. */
  stop(): void {
    if (!this.#isStarted) return;
    this.#closeStep();
    this.#isStarted = false;
    // what is being recorded is handed over, though its cycle is not full
    if (this.#action === "record") this.#action = "recordAndSave";
    this.#change("none");
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  /** Returns every call that was recorded, ordered by its start. */
  events(): ProfiledEvent[] {
    return eventsOf(this.#events());
  }

  /** Sums the calls up by operator. */
  keyAverages(options: AveragesOptions = {}): EventAverages {
    if (options.groupByInputShape === true && this.#options.recordShapes !== true) {
      throw new UsageError("profiler: groupByInputShape needs shapes. Profile with recordShapes: true.");
    }
    const { profileMemory: memory = false, withFlops: flops = false } = this.#options;
    return new EventAverages(this.events(), options, { memory, flops });
  }

  /** Lists allocations and deallocations, with what is held after each. */
  memoryTimeline(): MemoryChange[] {
    if (this.#options.profileMemory !== true) {
      throw new UsageError("profiler: memory was not recorded. Profile with profileMemory: true.");
    }
    return memoryChanges(this.#events());
  }

  /** Writes the memory timeline as JSON: a list of `{ timeUs, bytes, totalBytes, device }`. */
  exportMemoryTimeline(path: string): void {
    writeFileAtomic(path, JSON.stringify(this.memoryTimeline()));
  }

  /** Writes the trace, which chrome://tracing and https://ui.perfetto.dev show; compressed where the path ends in `.gz`. */
  exportChromeTrace(path: string): void {
    const recorded = this.#need();
    if (this.#isSaved) throw new UsageError("profiler: libtorch writes a trace once. Copy the file.");
    // Kineto writes bit by bit, and says nothing where it cannot
    const folder = mkdtempSync(join(dirname(path), ".trace-"));
    try {
      const temporary = join(folder, "trace.json");
      native.saveTrace(recorded, temporary);
      this.#isSaved = true;
      const trace = readFileSync(temporary);
      writeFileAtomic(path, path.endsWith(".gz") ? gzipSync(trace) : trace);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #events(): RecordedEvent[] {
    const recorded = this.#need();
    return (this.#raw ??= native.profilerEvents(recorded));
  }

  #need(): Recorded {
    if (this.#recorded === undefined) {
      throw new UsageError(
        "profiler: nothing is recorded yet. Call stop() first, or step() to the end of a cycle of the schedule.",
      );
    }
    return this.#recorded;
  }

  #actionOf(step: number): ProfilerAction {
    return this.#options.schedule?.(step) ?? "record";
  }

  /** Goes from what the last step did to what the next does. */
  #change(next: ProfilerAction): void {
    const last = this.#action;
    this.#action = next;
    const wasRecording = last === "record" || last === "recordAndSave";
    const records = next === "record" || next === "recordAndSave";
    if (wasRecording && (last === "recordAndSave" || !records)) this.#finish(last === "recordAndSave");
    const isRecording = wasRecording && last !== "recordAndSave" && records;
    if (next === "warmup" || (records && !isRecording)) this.#prepare();
    if (records && !isRecording) {
      native.startProfiler();
      countProfiles(1);
    }
    if (last === "warmup" && next === "none") {
      native.startProfiler(); // only a started one can be given up
      native.stopProfiler();
      this.#isPrepared = false;
    }
  }

  #prepare(): void {
    if (this.#isPrepared) return;
    const { recordShapes = false, profileMemory = false, withFlops = false } = this.#options;
    native.prepareProfiler(this.#activities.includes("cuda"), recordShapes, profileMemory, withFlops);
    this.#isPrepared = true;
  }

  #finish(isWhole: boolean): void {
    this.#recorded = native.stopProfiler();
    countProfiles(-1);
    this.#isPrepared = this.#isSaved = false;
    this.#raw = undefined;
    if (isWhole) this.#options.onTraceReady?.(this);
  }

  // in a trace, steps stand under their numbers
  #openStep(): void {
    if (this.#options.schedule === undefined || this.#action === "none" || this.#action === "warmup") return;
    native.enterRecord(`ProfilerStep#${this.stepNum}`);
    this.#isStepOpen = true;
  }

  #closeStep(): void {
    if (this.#isStepOpen) native.leaveRecord();
    this.#isStepOpen = false;
  }
}
