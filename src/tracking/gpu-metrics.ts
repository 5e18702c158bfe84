// Load of NVIDIA's graphics cards by MLflow's names, asked of nvidia-smi: nothing is linked, and the training does not wait.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const fields = [
  "index",
  "utilization.gpu",
  "memory.used",
  "memory.total",
  "power.draw",
  "enforced.power.limit",
] as const;
const bytesOfMebibyte = 1024 * 1024;

/** Reads the load of all cards that the driver knows. Where there is no nvidia-smi or no driver, it is asked once. */
export class GpuMetricsSampler {
  readonly #program: string;
  #isThere = true;

  /** `program` is found by `PATH`. */
  constructor(program = "nvidia-smi") {
    this.#program = program;
  }

  /** Returns `system/gpu_0_utilization_percentage` and so on; what a card does not tell is left out. */
  async sample(): Promise<Record<string, number>> {
    if (!this.#isThere) return {};
    const words = [`--query-gpu=${fields.join(",")}`, "--format=csv,noheader,nounits"];
    try {
      const { stdout } = await run(this.#program, words, { timeout: 5000 });
      return Object.assign({}, ...stdout.trim().split("\n").map(metricsOf)) as Record<string, number>;
    } catch (error) {
      // one that takes too long may answer the next time
      this.#isThere = (error as { killed?: boolean }).killed === true;
      return {};
    }
  }
}

/** Reads one card's line of nvidia-smi, whose memory is in MiB and whose power in watts. */
function metricsOf(line: string): Record<string, number> {
  const texts = line.split(",").map((text) => text.trim());
  const [index, utilization, used, total, power, limit] = texts.map(
    (text) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN), // "[N/A]", "[Not Supported]"
  );
  if (texts.length !== fields.length || !Number.isInteger(index)) return {};
  const metrics = {
    memory_usage_percentage: (100 * used!) / total!,
    memory_usage_megabytes: (used! * bytesOfMebibyte) / 1e6,
    utilization_percentage: utilization!,
    power_usage_watts: power!,
    power_usage_percentage: (100 * power!) / limit!,
  };
  return Object.fromEntries(
    Object.entries(metrics)
      .filter(([, value]) => Number.isFinite(value))
      .map(([name, value]) => [`system/gpu_${index}_${name}`, Math.round(value * 10) / 10]),
  );
}
