// MLflow's system metrics by its names: from /proc and statfs, or from node:os where there is no /proc.
import { readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";

/** Holds the sum of all cores' time, in any unit. */
interface CpuTimes {
  busy: number;
  total: number;
}

/** Reads the machine's load once per call. The first reading covers the time since the sampler was made. */
export class SystemMetricsSampler {
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
  /** Receives each sample with its number as the step, as `ActiveRun.logMetrics` does. */
  log(metrics: Record<string, number>, step: number): void;
}

/** Samples until the returned function is called. The timer keeps no process alive, and one last sample ends it. */
export function startSystemMetrics({
  intervalMs = defaultInterval(),
  log,
}: SystemMetricsOptions): () => void {
  const sampler = new SystemMetricsSampler();
  let step = 0;
  const timer = setInterval(() => log(sampler.sample(), step++), intervalMs);
  timer.unref();
  let isStopped = false;
  return () => {
    if (isStopped) return;
    isStopped = true;
    clearInterval(timer);
    log(sampler.sample(), step);
  };
}

function defaultInterval(): number {
  const seconds = Number(process.env["MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"]);
  return seconds > 0 ? seconds * 1000 : 10_000;
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
