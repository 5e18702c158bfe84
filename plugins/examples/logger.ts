// A logger: keeps the best value of each metric in a file of its own, for a person to look at.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { registerLogger } from "sconce";
import type { TrainingLogger } from "sconce/trainer";
import * as z from "zod";

const schema = z.strictObject({ path: z.string().min(1), mode: z.enum(["min", "max"]).default("min") });

/** Writes `path` anew at each flush and at the end: a metric, its best value and that value's step, in a line each. */
export class BestValues implements TrainingLogger {
  static readonly schema = schema;
  readonly name = "best_values";
  readonly config: z.output<typeof schema>;
  readonly #best = new Map<string, { value: number; step: number }>();

  constructor(config: z.output<typeof schema>) {
    this.config = config;
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const sign = this.config.mode === "min" ? 1 : -1;
    for (const [name, value] of Object.entries(metrics)) {
      const best = this.#best.get(name);
      if (best === undefined || sign * value < sign * best.value) this.#best.set(name, { value, step });
    }
  }

  flush(): void {
    const lines = Array.from(this.#best, ([name, { value, step }]) => `${name}\t${value}\t${step}`);
    mkdirSync(dirname(this.config.path), { recursive: true });
    writeFileSync(this.config.path, `${lines.sort().join("\n")}\n`);
  }

  finalize(): void {
    this.flush();
  }
}

registerLogger("best_values", BestValues);
