// What this process uses, and what the machine's disks move. MLflow has no names for these; they stand beside its own.
import { readFileSync, readdirSync } from "node:fs";

interface Bytes {
  read: number;
  written: number;
}

interface Reading {
  /** Microseconds that the process has computed, and that have passed. */
  cpu: number;
  clock: number;
  process: Bytes | undefined;
  disks: Bytes | undefined;
}

const bytesOfSector = 512; // in /proc/diskstats, whatever the disk has
const virtualDisks = /^(loop|ram|zram|dm-|md|sr|fd)/; // they lie on others, or on none

/** Reads what the process uses. Bytes count from when the sampler was made; Linux alone tells of them. */
export class ProcessMetricsSampler {
  readonly #first = read();
  #last = this.#first;

  /** Returns `system/process_cpu_utilization_percentage` (of one core) and so on, in MLflow's units. */
  sample(): Record<string, number> {
    const now = read();
    const { cpu, clock } = this.#last;
    this.#last = now;
    return {
      "system/process_cpu_utilization_percentage":
        now.clock > clock ? (100 * (now.cpu - cpu)) / (now.clock - clock) : 0,
      // not the proportional set size: the kernel takes 0.1 s and more to add that up for a process of 1.5 GB
      "system/process_memory_usage_megabytes": process.memoryUsage.rss() / 1e6,
      ...since("system/process_disk", now.process, this.#first.process),
      ...since("system/disk", now.disks, this.#first.disks),
    };
  }
}

function since(name: string, now: Bytes | undefined, first: Bytes | undefined): Record<string, number> {
  if (now === undefined || first === undefined) return {};
  return {
    [`${name}_read_megabytes`]: (now.read - first.read) / 1e6,
    [`${name}_write_megabytes`]: (now.written - first.written) / 1e6,
  };
}

function read(): Reading {
  const { user, system } = process.cpuUsage();
  return {
    cpu: user + system,
    clock: performance.now() * 1000,
    process: readProcessBytes(),
    disks: readDiskBytes(),
  };
}

function readProcessBytes(): Bytes | undefined {
  const text = readText("/proc/self/io");
  const bytes = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, "m").exec(text ?? "")?.[1]);
  const [read, written] = [bytes("read_bytes"), bytes("write_bytes")];
  return Number.isNaN(read + written) ? undefined : { read, written };
}

/** Adds up whole disks: /proc/diskstats lists their partitions too. */
function readDiskBytes(): Bytes | undefined {
  const text = readText("/proc/diskstats");
  if (text === undefined) return undefined;
  const disks = new Set(listFolder("/sys/block").filter((name) => !virtualDisks.test(name)));
  if (disks.size === 0) return undefined;
  const bytes = { read: 0, written: 0 };
  for (const line of text.split("\n")) {
    const columns = line.trim().split(/\s+/);
    if (!disks.has(columns[2] ?? "")) continue;
    bytes.read += Number(columns[5]) * bytesOfSector;
    bytes.written += Number(columns[9]) * bytesOfSector;
  }
  return bytes;
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // another system, or a container that does not tell
  }
}
