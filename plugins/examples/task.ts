// A task: trains by the same config from several seeds, and tells how far luck carries (Bouthillier et al. 2021).
import { FrameworkTrainer, type Task, type TaskContext, type TaskResult, registerTask } from "sconce";
import * as z from "zod";

const schema = z.strictObject({ count: z.int().min(2).default(3), monitor: z.string().default("test_loss") });

/**
 * Trains `count` times, from the config's seed on. Metrics are means over the seeds, with their standard deviations as
 * `NAME_std`; run, model and checkpoint are those of the seed with the lowest `monitor`.
 */
export class Seeds implements Task {
  static readonly schema = schema;
  readonly config: z.output<typeof schema>;

  constructor(config: z.output<typeof schema>) {
    this.config = config;
  }

  async train({ config, projectRoot, progress }: TaskContext): Promise<TaskResult> {
    const { count, monitor } = this.config;
    const results: TaskResult[] = [];
    for (let n = 0; n < count; n++) {
      const seeded = { ...config, seed: Number(config["seed"] ?? 42) + n };
      const trainer = new FrameworkTrainer(seeded, { projectRoot, ...(progress && { progress }) });
      results.push(await trainer.train());
    }
    const missing = results.find(({ metrics }) => metrics[monitor] === undefined);
    if (missing !== undefined)
      throw new Error(
        `seeds: nothing logs ${monitor}; there are ${Object.keys(missing.metrics).join(", ")}.`,
      );
    const best = results.reduce((a, b) => (b.metrics[monitor]! < a.metrics[monitor]! ? b : a));
    const names = Object.keys(best.metrics);
    const spread = names.map(
      (name) => [name, spreadOf(results.map(({ metrics }) => metrics[name]!))] as const,
    );
    return {
      ...best,
      metrics: Object.fromEntries(
        spread.flatMap(([name, { mean, std }]) => [
          [name, mean],
          [`${name}_std`, std],
        ]),
      ),
    };
  }
}

function spreadOf(values: number[]): { mean: number; std: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (values.length - 1)) };
}

registerTask("seeds", Seeds);
