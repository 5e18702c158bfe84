// Metrics as one JSON object a line: for jq, scripts and tools that follow a file.
import { appendFileSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { cutTo } from "./cut-to.ts";
import type { LoggedStatus, TrainingLogger } from "./logger.ts";

/**
 * Appends `{"time", "step", "metrics"}` for each call, `{"time", "hyperparams"}` at the beginning and
 * `{"time", "status"}` at the end. NaN and infinities, which JSON lacks, are the texts `NaN`, `Infinity`, `-Infinity`.
 */
export class JSONLLogger implements TrainingLogger {
  readonly name = "jsonl";
  readonly path: string;
  #continues = false;

  constructor({ path }: { path: string }) {
    this.path = path;
  }

  logHyperparams(hyperparams: Readonly<Record<string, unknown>>): void {
    if (!this.#continues) this.#append({ hyperparams });
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    this.#append({ step, metrics });
  }

  finalize(status: LoggedStatus): void {
    this.#append({ status });
  }

  stateDict(): Record<string, unknown> {
    return { bytes: statSync(this.path, { throwIfNoEntry: false })?.size ?? 0 };
  }

  loadStateDict({ bytes }: Readonly<Record<string, unknown>>): void {
    this.#continues = cutTo(this.path, bytes as number);
  }

  #append(entry: object): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const line = JSON.stringify({ time: new Date().toISOString(), ...entry }, (_, value: unknown) =>
      typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
    );
    appendFileSync(this.path, `${line}\n`);
  }
}
