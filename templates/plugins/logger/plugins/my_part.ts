// A logger: appends what a run logs to a text file. sconce train takes it as +loggers.my_part={}, a program gives it to
// the trainer: new Trainer({ logger: registry.createLogger("my_part", { path: "metrics.tsv" }) }).
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { registerLogger } from "sconce";
import type { TrainingLogger } from "sconce/trainer";
import * as z from "zod";

const schema = z.strictObject({ path: z.string().default("metrics.tsv") });

/** Writes a line of step, name and value for each metric. */
export class MyPart implements TrainingLogger {
  static readonly schema = schema;
  readonly name = "my_part";
  readonly path: string;

  constructor({ path }: z.output<typeof schema>) {
    this.path = resolve(path);
    mkdirSync(dirname(this.path), { recursive: true });
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const lines = Object.entries(metrics).map(([name, value]) => `${step}\t${name}\t${value}\n`);
    appendFileSync(this.path, lines.join(""));
  }
}

registerLogger("my_part", MyPart);
