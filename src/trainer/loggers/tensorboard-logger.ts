// Metrics as event files that TensorBoard shows, laid out as Lightning's TensorBoardLogger.
import { appendFileSync, mkdirSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { writeFileAtomic } from "../../base/index.ts";
import { configToYaml, flatten } from "../../config/index.ts";
import { cutTo } from "./cut-to.ts";
import type { TrainingLogger } from "./logger.ts";
import { hparamsEvents, scalarsEvent, versionEvent } from "./tensorboard/events.ts";
import { versionName } from "./version-name.ts";

/** Options by Lightning's names. */
export interface TensorBoardLoggerOptions {
  saveDir: string;
  /** @default "lightning_logs" */
  name?: string;
  /** @default the next free number, as `version_0` */
  version?: string | number;
  /** Begins the names of metrics. @default "" */
  prefix?: string;
}

/**
 * Writes `<saveDir>/<name>/version_<n>/events.out.tfevents.*` and `hparams.yaml`. Each call is in the file when it
 * returns: a run that dies leaves a file that TensorBoard reads to its end.
 */
export class TensorBoardLogger implements TrainingLogger {
  readonly name = "tensorboard";
  readonly #folder: string;
  readonly #prefix: string;
  #version: string;
  #file: string | undefined;

  constructor({ saveDir, name = "lightning_logs", version, prefix = "" }: TensorBoardLoggerOptions) {
    this.#folder = join(saveDir, name);
    this.#version = versionName(this.#folder, version);
    this.#prefix = prefix;
  }

  /** Folder of the files. */
  get logDir(): string {
    return join(this.#folder, this.#version);
  }

  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#file !== undefined) return; // the log goes on
    this.#append(hparamsEvents(now(), flattenValues(params), []));
    writeFileAtomic(join(this.logDir, "hparams.yaml"), await configToYaml(params));
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const scalars = Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [
        this.#prefix === "" ? name : `${this.#prefix}-${name}`,
        value,
      ]),
    );
    this.#append(scalarsEvent(now(), step, scalars));
  }

  stateDict(): Record<string, unknown> {
    if (this.#file === undefined) return {};
    return { version: this.#version, file: basename(this.#file), bytes: statSync(this.#file).size };
  }

  loadStateDict({ version, file, bytes }: Readonly<Record<string, unknown>>): void {
    if (typeof version !== "string" || typeof file !== "string") return;
    const path = join(this.#folder, basename(version), basename(file));
    if (!cutTo(path, bytes as number)) return;
    this.#version = basename(version);
    this.#file = path;
  }

  #append(events: Buffer): void {
    if (this.#file === undefined) {
      mkdirSync(this.logDir, { recursive: true });
      const name = `events.out.tfevents.${Math.floor(now())}.${hostname()}.${process.pid}.0`;
      this.#file = join(this.logDir, name);
      appendFileSync(this.#file, versionEvent(now()));
    }
    appendFileSync(this.#file, events);
  }
}

/** Keeps numbers and booleans what they are, by dotted names. */
function flattenValues(params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(flatten(params)).map(([name, text]) => {
      const value = name
        .split(".")
        .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], params);
      return [name, typeof value === "number" || typeof value === "boolean" ? value : text];
    }),
  );
}

function now(): number {
  return Date.now() / 1000;
}
