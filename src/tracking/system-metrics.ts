// MLflow's system metrics by its names: from /proc and statfs, or from node:os where there is no /proc.
import { readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import { UsageError } from "../base/index.ts";
import { GpuMetricsSampler } from "./gpu-metrics.ts";
import { ProcessMetricsSampler } from "./process-metrics.ts";

/** Holds the sum of all cores' time, in any unit. */
interface CpuTimes {
  busy: number;
  total: number;
}

/** Reads the load of machine and process once per call. The first reading covers the time since the sampler was made. */
export class SystemMetricsSampler {
  readonly #process = new ProcessMetricsSampler();
  #cpu = readCpuTimes();
  readonly #network = readNetworkBytes();

  /** Returns metrics with MLflow's names, `system/cpu_utilization_percentage` and so on, in its units. */
  sample(): Record<string, number> {
    const cpu = readCpuTimes();
    const total = cpu.total - this.#cpu.total;
    const busy = cpu.busy - this.#cpu.busy;
    this.#cpu = cpu;
    const memory = readMemory();
    const metrics: Record<string, number> = {
      "system/cpu_utilization_percentage": total > 0 ? clampPercent((100 * busy) / total) : 0,
      "system/system_memory_usage_megabytes": memory.used / 1e6,
      "system/system_memory_usage_percentage": clampPercent((100 * memory.used) / memory.total),
      ...diskMetrics("/"),
      ...this.#process.sample(),
    };
    const network = readNetworkBytes();
    if (network !== undefined && this.#network !== undefined) {
      metrics["system/network_receive_megabytes"] = (network.received - this.#network.received) / 1e6;
      metrics["system/network_transmit_megabytes"] = (network.sent - this.#network.sent) / 1e6;
    }
    return Object.fromEntries(
      Object.entries(metrics).map(([key, value]) => [key, Math.round(value * 10) / 10]),
    );
  }
}

/** Says how often and where to the samples go. */
export interface SystemMetricsOptions {
  /** @default MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL in seconds, else 10000 */
  intervalMs?: number;
  /** Samples that are logged as one, by their means. @default MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING, else 1 */
  samplesBeforeLogging?: number;
  /** Tells machines apart: `system/<nodeId>/...`. @default MLFLOW_SYSTEM_METRICS_NODE_ID, else nothing */
  nodeId?: string | undefined;
  /** Step of the first sample, for a run that goes on. @default 0 */
  firstStep?: number;
  /** Receives each sample with its number as the step, as `ActiveRun.logMetrics` does. */
  log(metrics: Record<string, number>, step: number): void;
}

/** Samples until the returned function is called. The timer keeps no process alive, and one last sample ends it. */
export function startSystemMetrics({
  intervalMs = 1000 * numberOf("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", 10),
  samplesBeforeLogging = numberOf("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", 1),
  nodeId = process.env["MLFLOW_SYSTEM_METRICS_NODE_ID"],
  firstStep = 0,
  log,
}: SystemMetricsOptions): () => void {
  const sampler = new SystemMetricsSampler();
  const gpus = new GpuMetricsSampler();
  const prefix = nodeId ? `system/${nodeId}/` : "system/";
  let samples: Record<string, number>[] = [];
  let step = firstStep;
  let [isSampling, isStopped] = [false, false];
  const write = () => {
    const merged = Object.entries(mergeSamples(samples));
    samples = [];
    log(Object.fromEntries(merged.map(([name, value]) => [name.replace("system/", prefix), value])), step++);
  };
  const sample = async () => {
    if (isSampling) return; // the cards have not answered yet
    isSampling = true;
    const machine = sampler.sample();
    const cards = await gpus.sample();
    isSampling = false;
    if (isStopped) return;
    samples.push({ ...machine, ...cards });
    if (samples.length >= samplesBeforeLogging) write();
  };
  const timer = setInterval(() => void sample(), intervalMs);
  timer.unref();
  return () => {
    if (isStopped) return;
    isStopped = true;
    clearInterval(timer);
    samples.push(sampler.sample());
    write();
  };
}

/** Tells whether a run logs system metrics: as it says, else as `MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING` does. */
export function logsSystemMetrics(given: boolean | undefined, { byDefault = false } = {}): boolean {
  if (given !== undefined) return given;
  const name = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING";
  const word = process.env[name]?.toLowerCase();
  if (word === undefined || word === "") return byDefault;
  if (["true", "1"].includes(word)) return true;
  if (["false", "0"].includes(word)) return false;
  throw new UsageError(`${name}: must be true, false, 1 or 0, got "${word}".`);
}

/** Returns the step at which the system metrics of a run go on. */
export function nextSystemStep(latest: readonly { key: string; step: number }[]): number {
  const steps = latest.filter(({ key }) => key.startsWith("system/")).map(({ step }) => step);
  return Math.max(-1, ...steps) + 1;
}

/** Returns the means of samples; of bytes that are counted from the beginning, the last. */
function mergeSamples(samples: readonly Record<string, number>[]): Record<string, number> {
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample)))];
  return Object.fromEntries(
    names.map((name) => {
      const values = samples.flatMap((sample) => sample[name] ?? []);
      const isCounted = /_(receive|transmit|read|write)_megabytes$/.test(name);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return [name, isCounted ? values.at(-1)! : Math.round(mean * 10) / 10];
    }),
  );
}

function numberOf(variable: string, byDefault: number): number {
  const text = process.env[variable];
  if (text === undefined || text === "") return byDefault;
  const value = Number(text);
  if (value > 0) return value;
  throw new UsageError(`${variable}: must be a number above 0, got "${text}".`);
}

function readCpuTimes(): CpuTimes {
  // /proc/stat counts the whole host; a container with fewer cores is measured by its own cgroup
  const cgroup = readCgroupCpu();
  if (cgroup !== undefined) return cgroup;
  const times = cpus().map(({ times: { user, nice, sys, irq, idle } }) => ({
    busy: user + nice + sys + irq,
    idle,
  }));
  const busy = times.reduce((sum, core) => sum + core.busy, 0);
  return { busy, total: times.reduce((sum, core) => sum + core.idle, busy) };
}

function readCgroupCpu(): CpuTimes | undefined {
  const [quota, period] = readText("/sys/fs/cgroup/cpu.max")?.split(/\s+/) ?? [];
  const usage = /^usage_usec (\d+)/m.exec(readText("/sys/fs/cgroup/cpu.stat") ?? "")?.[1];
  const cores = Number(quota) / Number(period);
  if (usage === undefined || !(cores > 0)) return undefined;
  return { busy: Number(usage), total: (Number(process.hrtime.bigint()) / 1000) * cores };
}

function readMemory(): { used: number; total: number } {
  const limit = Number(readText("/sys/fs/cgroup/memory.max"));
  const current = Number(readText("/sys/fs/cgroup/memory.current"));
  if (limit > 0 && limit < totalmem() && current > 0) {
    // file pages count as used by the cgroup but are given back under pressure
    const cache = Number(
      /^inactive_file (\d+)/m.exec(readText("/sys/fs/cgroup/memory.stat") ?? "")?.[1] ?? 0,
    );
    return { used: Math.max(0, current - cache), total: limit };
  }
  const info = readText("/proc/meminfo") ?? "";
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(info)?.[1]);
  const total = kilobytes("MemTotal");
  const available = kilobytes("MemAvailable");
  if (total > 0 && available >= 0) return { used: (total - available) * 1024, total: total * 1024 };
  return { used: totalmem() - freemem(), total: totalmem() };
}

function readNetworkBytes(): { received: number; sent: number } | undefined {
  const lines = readText("/proc/net/dev")?.split("\n").slice(2);
  if (lines === undefined) return undefined;
  const bytes = { received: 0, sent: 0 };
  for (const line of lines) {
    const [, counters] = line.split(":");
    const fields = counters?.trim().split(/\s+/).map(Number) ?? [];
    bytes.received += fields[0] ?? 0;
    bytes.sent += fields[8] ?? 0;
  }
  return bytes;
}

function diskMetrics(path: string): Record<string, number> {
  const { blocks, bfree, bavail, bsize } = statfsSync(path);
  const used = (blocks - bfree) * bsize;
  const available = bavail * bsize;
  return {
    // of what a user may use, as df and psutil count
    "system/disk_usage_percentage":
      used + available > 0 ? clampPercent((100 * used) / (used + available)) : 0,
    "system/disk_usage_megabytes": used / 1e6,
    "system/disk_available_megabytes": available / 1e6,
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function clampPercent(value: number): number {
  return Math.min(100, Math.max(0, value));
}
