// Metrics as a CSV file, laid out as Lightning's CSVLogger.
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/index.ts";
import { configToYaml } from "../../config/index.ts";
import type { TrainingLogger } from "./logger.ts";
import { versionName } from "./version-name.ts";

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
  /** Folder of the files. */
  readonly logDir: string;
  #columns: string[] = [];
  readonly #rows: Record<string, number>[] = [];

  constructor({ saveDir, name = "lightning_logs", version }: CSVLoggerOptions) {
    this.logDir = join(saveDir, name, versionName(join(saveDir, name), version));
  }

  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
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

/** Writes a number as Python reads it. */
function number(value: number | undefined): string {
  if (value === undefined) return "";
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
}
