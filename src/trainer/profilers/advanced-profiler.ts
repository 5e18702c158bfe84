// Which functions of the program the time goes to, by V8's sampling profiler.
import { mkdirSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";
import { UsageError, invariant, writeFileAtomic } from "../../base/index.ts";
import { functionTimes } from "./cpu-profile.ts";
import type { CpuProfile, FunctionTime, Stretch } from "./cpu-profile.ts";
import { Profiler } from "./profiler.ts";
import type { ProfiledStage, ProfilerConfig } from "./profiler.ts";

/** Options by Lightning's names. */
export interface AdvancedProfilerConfig extends ProfilerConfig {
  /** How many functions an action's table lists: a number of them, or a share below 1. @default all */
  lineCountRestriction?: number | undefined;
  /** Writes `<stage>.cpuprofile` into the folder, which Chrome's DevTools and VS Code open. @default true */
  dumpStats?: boolean;
}

/**
 * Samples the functions that run, a thousand times a second, and reports for each action those that took longest. Time
 * in an operator counts to the function that called it. The samples of a whole stage are held in memory: meant for
 * short runs.
 */
export class AdvancedProfiler extends Profiler {
  readonly #lines: number;
  readonly #dumps: boolean;
  #session: Session | undefined;
  readonly #open = new Map<string, number>();
  readonly #stretches = new Map<string, Stretch[]>();

  constructor({ lineCountRestriction = Infinity, dumpStats = true, ...config }: AdvancedProfilerConfig = {}) {
    super(config);
    if (!(lineCountRestriction > 0)) {
      throw new UsageError(
        `AdvancedProfiler: lineCountRestriction must be a number of functions or a share below 1, got ${lineCountRestriction}.`,
      );
    }
    this.#lines = lineCountRestriction;
    this.#dumps = dumpStats;
  }

  override setup(stage: ProfiledStage): void {
    super.setup(stage);
    this.#begin();
  }

  start(action: string): void {
    this.#begin();
    this.#open.set(action, microseconds());
  }

  stop(action: string): void {
    const start = this.#open.get(action);
    if (start === undefined)
      throw new UsageError(`AdvancedProfiler: "${action}" was never started. Start it before it is stopped.`);
    this.#open.delete(action);
    const stretches = this.#stretches.get(action);
    const stretch = [start, microseconds()] as const;
    if (stretches === undefined) this.#stretches.set(action, [stretch]);
    else stretches.push(stretch);
  }

  /** Ends the record, writes it where it is dumped, and returns a table for each action. */
  override summary(): string {
    if (this.#session === undefined) return "";
    const now = microseconds();
    const { profile } = post(this.#session, "Profiler.stop") as { profile: CpuProfile };
    this.teardown();
    this.#dump(profile);
    const offset = profile.endTime - now; // V8 has a clock of its own
    const tables = Array.from(this.#stretches, ([action, stretches]) => {
      const shifted = stretches.map(([start, end]) => [start + offset, end + offset] as const);
      return { action, times: functionTimes(profile, shifted) };
    }).filter(({ times }) => times.length > 0);
    this.#stretches.clear();
    return [
      this.title(),
      ...tables.flatMap(({ action, times }) => [`Profile stats for: ${action}`, this.#table(times)]),
    ].join("\n");
  }

  override teardown(): void {
    this.#session?.disconnect();
    this.#session = undefined;
    this.#open.clear();
  }

  #begin(): void {
    if (this.#session !== undefined) return;
    const session = new Session();
    session.connect();
    post(session, "Profiler.enable");
    post(session, "Profiler.start");
    this.#session = session;
  }

  #dump(profile: CpuProfile): void {
    if (!this.#dumps || this.dirpath === undefined) return;
    mkdirSync(this.dirpath, { recursive: true });
    writeFileAtomic(join(this.dirpath, this.fileName(".cpuprofile")), JSON.stringify(profile));
  }

  #table(times: readonly FunctionTime[]): string {
    const count = this.#lines < 1 ? Math.ceil(this.#lines * times.length) : this.#lines;
    const rows = times.slice(0, count).map(({ name, place, selfMs, totalMs }) => {
      const cells = [selfMs, totalMs].map((ms) => ms.toFixed(1).padStart(12));
      return `${cells.join("")}  ${name}${place === "" ? "" : ` ${place}`}`;
    });
    return [`${"self ms".padStart(12)}${"total ms".padStart(12)}  function`, ...rows, ""].join("\n");
  }
}

function microseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Sends a message to the inspector of this thread, which answers at once. */
function post(session: Session, method: string): unknown {
  let answer: { error: Error | null; result: unknown } | undefined;
  session.post(method, (error: Error | null, result: unknown) => (answer = { error, result }));
  invariant(answer !== undefined, `AdvancedProfiler: ${method} was not answered`);
  if (answer.error !== null) throw answer.error;
  return answer.result;
}
