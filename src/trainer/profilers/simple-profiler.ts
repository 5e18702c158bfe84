// How long each action takes, in Lightning's table.
import { UsageError, pythonFloat } from "../../base/index.ts";
import { Profiler } from "./profiler.ts";
import type { ProfilerConfig } from "./profiler.ts";

/** Options by Lightning's names. */
export interface SimpleProfilerConfig extends ProfilerConfig {
  /** Also tells the calls and the share of the time. @default true */
  extended?: boolean;
}

/**
 * Times every action, and reports mean and sum. The whole is the time since the profiler was made.
 *
 * @example
 * const profiler = new SimpleProfiler();
 * profiler.profile("sleep", () => undefined);
 * profiler.recordedDurations.get("sleep")?.length; // => 1
 */
export class SimpleProfiler extends Profiler {
  /** Seconds of each call of each action. */
  readonly recordedDurations = new Map<string, number[]>();
  readonly #extended: boolean;
  readonly #startedAt = performance.now();
  /** When the actions began that are under way, in milliseconds. */
  readonly #current = new Map<string, number>();

  constructor({ extended = true, ...config }: SimpleProfilerConfig = {}) {
    super(config);
    this.#extended = extended;
  }

  start(action: string): void {
    if (this.#current.has(action))
      throw new UsageError(`SimpleProfiler: "${action}" has been started already. Stop it first.`);
    this.#current.set(action, performance.now());
  }

  stop(action: string): void {
    const end = performance.now();
    const start = this.#current.get(action);
    if (start === undefined)
      throw new UsageError(`SimpleProfiler: "${action}" was never started. Start it before it is stopped.`);
    this.#current.delete(action);
    const durations = this.recordedDurations.get(action);
    const seconds = (end - start) / 1000;
    if (durations === undefined) this.recordedDurations.set(action, [seconds]);
    else durations.push(seconds);
  }

  override summary(): string {
    const total = (performance.now() - this.#startedAt) / 1000;
    const rows = Array.from(this.recordedDurations, ([action, durations]) => {
      const sum = durations.reduce((all, seconds) => all + seconds, 0);
      return { action, calls: durations.length, sum, mean: sum / durations.length };
    });
    const title = `${this.title()}\n`;
    if (rows.length === 0) return `${title}\n`;
    if (!this.#extended) {
      rows.sort((a, b) => b.mean - a.mean);
      const cells = rows.map(({ action, mean, sum }) => [action, general(mean), general(sum)]);
      return title + layOut(["Action", "Mean duration (s)", "Total time (s)"], cells);
    }
    rows.sort((a, b) => b.sum - a.sum);
    const calls = rows.reduce((all, row) => all + row.calls, 0);
    const whole = ["Total", "-", String(calls), general(total), "100 %"];
    const cells = rows.map(({ action, mean, calls: count, sum }) => [
      action,
      general(mean),
      String(count),
      general(sum),
      general((100 * sum) / total),
    ]);
    return (
      title +
      layOut(["Action", "Mean duration (s)", "Num calls", "Total time (s)", "Percentage %"], cells, whole)
    );
  }
}

/** Lays rows out between rules; `whole` stands above the others, between rules of its own. */
function layOut(titles: readonly string[], rows: readonly string[][], whole?: readonly string[]): string {
  const width = Math.max(...rows.map(([action]) => action!.length));
  const line = ([action = "", ...cells]: readonly string[]): string =>
    `\n|  ${action.padEnd(width)}\t|${cells.map((cell) => `  ${cell.padEnd(15)}\t|`).join("")}`;
  const header = line(titles);
  const rule = `\n${"-".repeat(expandTabs(header).length)}`;
  const above = whole === undefined ? "" : line(whole) + rule;
  return `${rule}${header}${rule}${above}${rows.map(line).join("")}${rule}\n`;
}

function expandTabs(text: string): string {
  let column = 0;
  return Array.from(text, (character) => {
    if (character === "\n") column = -1;
    const expanded = character === "\t" ? " ".repeat(8 - (column % 8)) : character;
    column += expanded.length;
    return expanded;
  }).join("");
}

/** Writes a number with 5 digits as Python's `{:.5}` does. */
function general(value: number): string {
  const rounded = Number(value.toPrecision(5));
  if (Math.abs(rounded) < 1e4) return pythonFloat(rounded);
  return rounded.toExponential().replace(/e\+(\d)$/u, "e+0$1");
}
