// Floating-point operations by module, as torch.utils.flop_counter counts them. Totals alone: torch.profiler.FlopCounter.
import { native } from "../native.ts";
import type { Module } from "../nn/module.ts";
import { ModuleTracker } from "./module-tracker.ts";

/** Counts by operator. */
export type OperatorCounts = Record<string, number>;

/** Options of `FlopCounterMode`. */
export interface FlopCounterModeOptions {
  /** Levels of modules that `getTable` shows. @default 2 */
  depth?: number;
}

/**
 * Counts the floating-point operations of a model by module, in forward and in backward, where `run` computes it.
 * The counts of a module hold those of the modules within it; `Global` is all that was computed.
 *
 * @example
 * const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
 * const counter = new torch.utils.flopCounter.FlopCounterMode(model);
 * counter.run(() => model.forward(torch.ones([3, 4])));
 * counter.getTotalFlops(); // => 288
 * counter.getFlopCounts()["Sequential.0"]; // => { "aten::addmm": 192 }
 */
export class FlopCounterMode {
  readonly model: Module;
  readonly depth: number;
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(model: Module, { depth = 2 }: FlopCounterModeOptions = {}) {
    this.model = model;
    this.depth = depth;
  }

  /** Counts what `run` computes on this thread, from zero. */
  run<T>(run: () => T): T {
    this.#counts.clear();
    native.startFlops();
    const tracker = new ModuleTracker(this.model, () => this.#add(native.takeFlops(), tracker.active));
    try {
      return run();
    } finally {
      this.#add(native.stopFlops(), tracker.active);
      tracker.stop();
    }
  }

  getTotalFlops(): number {
    return totalOf(this.#counts.get("Global"));
  }

  /** Returns the counts by module, each by operator. */
  getFlopCounts(): Record<string, OperatorCounts> {
    return Object.fromEntries(
      Array.from(this.#counts, ([name, counts]) => [name, Object.fromEntries(counts)]),
    );
  }

  /** Lays the counts out as PyTorch does: modules down to `depth`, each with its operators. */
  getTable({ depth = this.depth }: FlopCounterModeOptions = {}): string {
    const total = this.getTotalFlops();
    const unit = unitOf(total);
    let isWhole = false; // a module holds all that was computed
    const row = (name: string, flops: number) => [name, inUnit(flops, unit), shareOf(flops, total)];
    const rowsOf = (name: string, indent: string): string[][] => {
      const counts = this.#counts.get(name)!;
      const flops = totalOf(counts);
      isWhole ||= flops >= total;
      return [
        row(indent + name, flops),
        ...Array.from(counts, ([operator, count]) => row(`${indent} - ${operator}`, count)),
      ];
    };
    const modules = [...this.#counts.keys()].filter((name) => name !== "Global").sort();
    let rows = modules.flatMap((name) => {
      const level = name.split(".").length;
      return level > depth ? [] : rowsOf(name, " ".repeat(level - 1));
    });
    if (this.#counts.has("Global") && !isWhole)
      rows = [...rowsOf("Global", ""), ...rows.map(([name, ...rest]) => [` ${name}`, ...rest])];
    if (rows.length === 0) rows = [["Global", "0", "0%"]];
    return layOut([["Module", "FLOP", "% Total"], ...rows]);
  }

  #add(taken: readonly (readonly [operator: string, flops: number])[], modules: ReadonlySet<string>): void {
    for (const name of ["Global", ...modules]) {
      for (const [operator, flops] of taken) {
        let counts = this.#counts.get(name);
        if (counts === undefined) this.#counts.set(name, (counts = new Map()));
        counts.set(operator, (counts.get(operator) ?? 0) + flops);
      }
    }
  }
}

function totalOf(counts: ReadonlyMap<string, number> | undefined): number {
  return Array.from(counts?.values() ?? []).reduce((total, flops) => total + flops, 0);
}

const units = ["", "K", "M", "B", "T"];

/** One unit for the whole table: that in which the total has two to four digits before the point. */
function unitOf(flops: number): number {
  const digits = String(flops).length;
  return Math.max(0, Math.min(units.length - 1, Math.floor((digits - 2) / 3)));
}

function inUnit(flops: number, unit: number): string {
  return (flops / 1000 ** unit).toFixed(unit === 0 ? 0 : 3) + units[unit]!;
}

function shareOf(flops: number, total: number): string {
  return total === 0 ? "0%" : `${((100 * flops) / total).toFixed(2)}%`;
}

function layOut(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((title, column) =>
    Math.max(title.length + 2, ...rows.map((cells) => cells[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
  const [header, ...body] = rows;
  return [line(header!), widths.map((width) => "-".repeat(width)).join("  "), ...body.map(line)].join("\n");
}
