// What the machine grants this process, which in a container is less than what the machine has.
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";

/** Returns how many processors may be used at once: the affinity mask and the container's quota; may be a fraction. */
export function cpuLimit(): number {
  const [quota, period] = (read("/sys/fs/cgroup/cpu.max") ?? "max").split(" "); // cgroup v2: "150000 100000"
  const v2 = Number(quota) / Number(period);
  const v1 =
    Number(read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")) /
    Number(read("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
  return Math.min(availableParallelism(), ...[v2, v1].filter((limit) => limit > 0));
}

/** Returns the bytes of memory that may be used: the machine's, or the container's limit if that is lower. */
export function memoryLimitBytes(): number {
  const limits = [read("/sys/fs/cgroup/memory.max"), read("/sys/fs/cgroup/memory/memory.limit_in_bytes")].map(
    Number,
  );
  return Math.min(totalmem(), ...limits.filter((limit) => limit > 0));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
