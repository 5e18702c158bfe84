// Metrics as a CSV file, laid out as Lightning's CSVLogger.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { writeFileAtomic } from "../../base/index.ts";
import { configToYaml } from "../../config/index.ts";
import type { TrainingLogger } from "./logger.ts";
import { versionName } from "./version-name.ts";

/** Options by Lightning's names. */
export interface CSVLoggerOptions {
  saveDir: string;
  /** @default "lightning_logs" */
  name?: string;
  /** @default the next free number, as `version_0` */
  version?: string | number;
}

/**
 * Writes `<saveDir>/<name>/version_<n>/metrics.csv`, one row a call with an empty cell for what was not logged, and
 * `hparams.yaml`. A metric that comes later gets its column, and the file is written anew.
 */
export class CSVLogger implements TrainingLogger {
  readonly name = "csv";
  readonly #folder: string;
  #version: string;
  #columns: string[] = [];
  #rows: Record<string, number>[] = [];
  #continues = false;

  constructor({ saveDir, name = "lightning_logs", version }: CSVLoggerOptions) {
    this.#folder = join(saveDir, name);
    this.#version = versionName(this.#folder, version);
  }

  /** Folder of the files. */
  get logDir(): string {
    return join(this.#folder, this.#version);
  }

  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#continues) return;
    mkdirSync(this.logDir, { recursive: true });
    writeFileAtomic(join(this.logDir, "hparams.yaml"), await configToYaml(params));
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const row = { ...metrics, step };
    const fresh = Object.keys(row).filter((key) => !this.#columns.includes(key));
    this.#rows.push(row);
    const path = join(this.logDir, "metrics.csv");
    if (fresh.length === 0) {
      appendFileSync(path, this.#line(row));
      return;
    }
    mkdirSync(this.logDir, { recursive: true });
    this.#columns = [...this.#columns, ...fresh].sort();
    this.#writeAll(path);
  }

  stateDict(): Record<string, unknown> {
    return { version: this.#version, rows: this.#rows.length };
  }

  loadStateDict({ version, rows }: Readonly<Record<string, unknown>>): void {
    if (typeof version !== "string") return;
    const path = join(this.#folder, basename(version), "metrics.csv");
    if (!existsSync(path)) return;
    const read = readMetrics(readFileSync(path, "utf8"));
    this.#version = basename(version);
    this.#continues = true;
    this.#rows = read.slice(0, rows as number);
    this.#columns = [...new Set(this.#rows.flatMap((row) => Object.keys(row)))].sort();
    this.#writeAll(path);
  }

  #writeAll(path: string): void {
    const header = `${this.#columns.map(cell).join(",")}\n`;
    writeFileAtomic(path, header + this.#rows.map((each) => this.#line(each)).join(""));
  }

  #line(row: Readonly<Record<string, number>>): string {
    return `${this.#columns.map((column) => number(row[column])).join(",")}\n`;
  }
}

function cell(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Reads a file that `CSVLogger` wrote; what is torn at its end is left out. */
function readMetrics(text: string): Record<string, number>[] {
  const records: string[][] = [];
  let record: string[] = [];
  for (const [, field = "", end] of text.matchAll(/("(?:[^"]|"")*"|[^,\n]*)([,\n])/g)) {
    record.push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
    if (end === ",") continue;
    records.push(record);
    record = [];
  }
  const [columns = [], ...rows] = records;
  return rows.map((fields) =>
    Object.fromEntries(
      columns.flatMap((column, i) => (fields[i] === "" ? [] : [[column, numberOf(fields[i]!)] as const])),
    ),
  );
}

function numberOf(text: string): number {
  return text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text); // nan is NaN
}

/** Writes a number as Python reads it. */
function number(value: number | undefined): string {
  if (value === undefined) return "";
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
}
