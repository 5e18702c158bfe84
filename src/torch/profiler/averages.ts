// A profile summed up by operator, and its table as PyTorch prints it.
import { UsageError, suggestion } from "../../base/index.ts";
import type { ProfiledEvent } from "./events.ts";

/** All calls of one operator, or of one operator with arguments of the same shapes. Times are in microseconds. */
export interface EventAverage {
  key: string;
  count: number;
  /** With what the operator called, and without. */
  cpuTimeTotal: number;
  selfCpuTimeTotal: number;
  /** The mean of `cpuTimeTotal`. */
  cpuTime: number;
  /** Bytes allocated less bytes freed. */
  cpuMemoryUsage: number;
  selfCpuMemoryUsage: number;
  flops: number;
  /** Empty unless the calls are grouped by shape. */
  inputShapes: number[][];
  isTopLevel: boolean;
}

const sortKeys = [
  "cpuTimeTotal",
  "selfCpuTimeTotal",
  "cpuTime",
  "cpuMemoryUsage",
  "selfCpuMemoryUsage",
  "flops",
  "count",
] as const;

/** What a table can be sorted by. */
export type SortKey = (typeof sortKeys)[number];

/** Options of `Profile.keyAverages`. */
export interface AveragesOptions {
  /** Keeps calls with arguments of other shapes apart; needs `recordShapes`. @default false */
  groupByInputShape?: boolean;
}

/** Options of `EventAverages.table`. */
export interface TableOptions {
  /** Largest first; without it, in the order of the first calls. */
  sortBy?: SortKey;
  /** @default 100 */
  rowLimit?: number;
  /** Stands above the table. */
  header?: string;
  /** Leaves out what other operators called. @default false */
  topLevelEventsOnly?: boolean;
  /** Characters, after which a name is cut. @default 55 */
  maxNameColumnWidth?: number;
}

interface Columns {
  memory: boolean;
  flops: boolean;
}

/** Holds the sums by operator; a list to read, and a table to print. */
export class EventAverages implements Iterable<EventAverage> {
  readonly #averages: readonly EventAverage[];
  readonly #columns: Columns;

  constructor(
    events: readonly ProfiledEvent[],
    { groupByInputShape = false }: AveragesOptions,
    columns: Columns,
  ) {
    this.#averages = sumUp(events, groupByInputShape);
    this.#columns = columns;
  }

  [Symbol.iterator](): Iterator<EventAverage> {
    return this.#averages[Symbol.iterator]();
  }

  /** Returns the operator's sums, or undefined where it was not called. */
  get(key: string): EventAverage | undefined {
    return this.#averages.find((average) => average.key === key);
  }

  /** Time of all operators without what they called: what was recorded in all. */
  get selfCpuTimeTotal(): number {
    return this.#averages.reduce((total, { selfCpuTimeTotal }) => total + selfCpuTimeTotal, 0);
  }

  /** Lays the sums out as PyTorch's `key_averages().table()` does. */
  table(options: TableOptions = {}): string {
    const { sortBy, rowLimit = 100, header, topLevelEventsOnly = false, maxNameColumnWidth = 55 } = options;
    if (sortBy !== undefined && !sortKeys.includes(sortBy)) {
      throw new UsageError(
        `profiler: unknown sortBy "${String(sortBy)}". ${suggestion(sortBy, [...sortKeys])}`,
      );
    }
    if (this.#averages.length === 0) return "";
    const sorted = [...this.#averages];
    if (sortBy !== undefined) sorted.sort((a, b) => b[sortBy] - a[sortBy]);
    const rows = sorted.filter(({ isTopLevel }) => isTopLevel || !topLevelEventsOnly).slice(0, rowLimit);

    const columns = this.#layOut(sorted, maxNameColumnWidth);
    const line = (cells: readonly string[]): string =>
      cells.map((cell, i) => `${cell.padStart(columns[i]!.width)}  `).join("");
    const rule = columns.map(({ width }) => `${"-".repeat(width)}  `).join("");
    const width = columns.reduce((total, column) => total + column.width + 2, -2);
    return [
      ...(header === undefined ? [] : ["=".repeat(width), header]),
      ...(topLevelEventsOnly ? ["=".repeat(width), "This report only display top-level ops statistics"] : []),
      rule,
      line(columns.map(({ title }) => title)),
      rule,
      ...rows.map((row) => line(columns.map(({ cell }) => cell(row)))),
      rule,
      `Self CPU time total: ${formatTime(this.selfCpuTimeTotal)}\n`,
    ].join("\n");
  }

  #layOut(averages: readonly EventAverage[], maxNameColumnWidth: number): Column[] {
    const total = this.selfCpuTimeTotal;
    const nameWidth = Math.min(Math.max(...averages.map(({ key }) => key.length)) + 4, maxNameColumnWidth);
    const column = (title: string, cell: Column["cell"], width = 12): Column => ({ title, cell, width });
    const columns = [
      column("Name", ({ key }) => cut(key, maxNameColumnWidth), nameWidth),
      column("Self CPU %", (row) => formatShare(row.selfCpuTimeTotal, total)),
      column("Self CPU", (row) => formatTime(row.selfCpuTimeTotal)),
      column("CPU total %", (row) => formatShare(row.cpuTimeTotal, total)),
      column("CPU total", (row) => formatTime(row.cpuTimeTotal)),
      column("CPU time avg", (row) => formatTime(row.cpuTime)),
    ];
    if (this.#columns.memory) {
      columns.push(column("CPU Mem", (row) => formatMemory(row.cpuMemoryUsage)));
      columns.push(column("Self CPU Mem", (row) => formatMemory(row.selfCpuMemoryUsage)));
    }
    columns.push(column("# of Calls", ({ count }) => String(count)));
    if (averages.some(({ inputShapes }) => inputShapes.length > 0)) {
      const shapes = averages.map(({ inputShapes }) => formatShapes(inputShapes));
      const width = Math.min(Math.max(...shapes.map((text) => text.length)) + 4, 80);
      columns.push(column("Input Shapes", (row) => formatShapes(row.inputShapes).slice(0, width), width));
    }
    const counted = averages.map(({ flops }) => flops).filter((flops) => flops > 0);
    if (this.#columns.flops && counted.length > 0) {
      const [unit, scale] = flopsUnit(Math.min(...counted));
      columns.push(
        column(`Total ${unit}`, ({ flops }) => (flops > 0 ? (flops / scale).toFixed(3).padStart(8) : "--")),
      );
    }
    return columns;
  }
}

interface Column {
  title: string;
  width: number;
  cell: (row: EventAverage) => string;
}

function sumUp(events: readonly ProfiledEvent[], byShape: boolean): EventAverage[] {
  const averages = new Map<string, EventAverage>();
  for (const event of events) {
    const key = event.name.startsWith("ProfilerStep#") ? "ProfilerStep*" : event.name;
    const group = `${key} ${event.device} ${byShape ? formatShapes(event.inputShapes) : ""}`;
    let average = averages.get(group);
    if (average === undefined) {
      average = {
        key,
        count: 0,
        cpuTimeTotal: 0,
        selfCpuTimeTotal: 0,
        cpuTime: 0,
        cpuMemoryUsage: 0,
        selfCpuMemoryUsage: 0,
        flops: 0,
        inputShapes: byShape ? event.inputShapes : [],
        isTopLevel: event.parent === undefined,
      };
      averages.set(group, average);
    }
    average.count++;
    average.cpuTimeTotal += event.cpuTimeTotal;
    average.selfCpuTimeTotal += event.selfCpuTimeTotal;
    average.cpuTime = average.cpuTimeTotal / average.count;
    average.cpuMemoryUsage += event.cpuMemoryUsage;
    average.selfCpuMemoryUsage += event.selfCpuMemoryUsage;
    average.flops += event.flops;
  }
  return [...averages.values()];
}

function cut(name: string, width: number): string {
  return name.length >= width - 3 ? `${name.slice(0, width - 3)}...` : name;
}

function formatTime(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(3)}s`;
  return us >= 1e3 ? `${(us / 1e3).toFixed(3)}ms` : `${us.toFixed(3)}us`;
}

function formatShare(us: number, totalUs: number): string {
  return totalUs === 0 ? "NaN" : `${((us * 100) / totalUs).toFixed(2)}%`;
}

function formatMemory(bytes: number): string {
  for (const [unit, size] of [
    ["GB", 2 ** 30],
    ["MB", 2 ** 20],
    ["KB", 2 ** 10],
  ] as const) {
    // prettier-ignore
    if (Math.abs(bytes) >= size) return `${(bytes / size).toFixed(2)} ${unit}`;
  }
  return `${bytes} B`;
}

function formatShapes(shapes: readonly (readonly number[])[]): string {
  return shapes.length === 0 ? "" : `[${shapes.map((shape) => `[${shape.join(", ")}]`).join(", ")}]`;
}

function flopsUnit(flops: number): [unit: string, scale: number] {
  const units = ["FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs"];
  const power = Math.max(0, Math.min(Math.floor(Math.log10(flops) / 3), units.length - 1));
  return [units[power]!, 1000 ** power];
}
