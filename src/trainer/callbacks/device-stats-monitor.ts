// Logs how busy the machine and the process are.
import { readFileSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

interface Reading {
  /** Milliseconds that the cores have worked, and that have passed on all of them. */
  busy: number;
  total: number;
  /** Milliseconds that this process has worked, and the time on the clock. */
  process: number;
  clock: number;
}

/**
 * Logs, whenever metrics are logged, as `DeviceStatsMonitor.<hook>/<name>`: `cpu_percent`, `cpu_vm_percent` (memory)
 * and, on Linux, `cpu_swap_percent` of the machine; `process_cpu_percent` (of one core) and `process_rss_bytes`.
 */
export class DeviceStatsMonitor implements Callback {
  readonly name = "device_stats_monitor";
  readonly #isOn: boolean;
  #before = read();

  /** With `cpuStats: false` logs nothing, as there is no other device. */
  constructor({ cpuStats = true }: { cpuStats?: boolean } = {}) {
    this.#isOn = cpuStats;
  }

  onTrainBatchStart(run: Run): void {
    this.#log(run, "on_train_batch_start", run.state.step + 1);
  }

  onTrainBatchEnd(run: Run): void {
    this.#log(run, "on_train_batch_end", run.state.step);
  }

  #log(run: Run, hook: string, step: number): void {
    if (!this.#isOn || step % run.config.logEveryNSteps !== 0) return;
    const before = this.#before;
    const now = (this.#before = read());
    const stats: Record<string, number | undefined> = {
      cpu_percent: share(now.busy - before.busy, now.total - before.total),
      cpu_vm_percent: share(totalmem() - freemem(), totalmem()),
      cpu_swap_percent: swapPercent(),
      process_cpu_percent: share(now.process - before.process, now.clock - before.clock),
      process_rss_bytes: process.memoryUsage.rss(),
    };
    const named = Object.entries(stats).flatMap(([name, value]) =>
      value === undefined ? [] : [[`DeviceStatsMonitor.${hook}/${name}`, value] as const],
    );
    run.log(Object.fromEntries(named));
  }
}

function read(): Reading {
  const { user, system } = process.cpuUsage();
  let [busy, total] = [0, 0];
  for (const { times } of cpus()) {
    const passed = Object.values(times).reduce((sum, time) => sum + time, 0);
    total += passed;
    busy += passed - times.idle;
  }
  return { busy, total, process: (user + system) / 1000, clock: performance.now() };
}

function share(part: number, whole: number): number {
  return whole > 0 ? (100 * part) / whole : 0;
}

/** Reads it where the system tells; undefined elsewhere. */
function swapPercent(): number | undefined {
  if (process.platform !== "linux") return undefined;
  const text = readFileSync("/proc/meminfo", "utf8");
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const total = kilobytes("SwapTotal");
  return share(total - kilobytes("SwapFree"), total);
}
