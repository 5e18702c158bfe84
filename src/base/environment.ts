// What the machine grants this process, which in a container is less than what the machine has.
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";

/** Where the files of the kernel are: another folder than `/` for tests. */
const systemRoot = "/";

/** Returns how many processors may be used at once: the affinity mask and the container's quota; may be a fraction. */
export function cpuLimit(root = systemRoot): number {
  const quotas = limitsOf(root, "cpu", (folder, version) => {
    if (version === 1)
      return number(root, folder, "cpu.cfs_quota_us") / number(root, folder, "cpu.cfs_period_us");
    const [quota, period] = (read(root, folder, "cpu.max") ?? "max").split(" "); // "150000 100000"
    return Number(quota) / Number(period);
  });
  return Math.min(availableParallelism(), ...quotas);
}

/** Returns the bytes of memory that may be used: the machine's, or the container's limit if that is lower. */
export function memoryLimitBytes(root = systemRoot): number {
  const limits = limitsOf(root, "memory", (folder, version) =>
    number(root, folder, version === 1 ? "memory.limit_in_bytes" : "memory.max"),
  );
  return Math.min(totalmem(), ...limits);
}

/** Returns how many processes around this one the system has ended because memory ran out. */
export function outOfMemoryKills(root = systemRoot): number {
  const counts = limitsOf(root, "memory", (folder, version) => {
    const events = read(root, folder, version === 1 ? "memory.oom_control" : "memory.events") ?? "";
    return Number(/^oom_kill (\d+)$/m.exec(events)?.[1]);
  });
  return Math.max(0, ...counts);
}

/** Reads a limit, or a count, of the control groups that the process is in, up to the root: each may be the tightest. */
function limitsOf(
  root: string,
  controller: string,
  limitIn: (folder: string, version: 1 | 2) => number,
): number[] {
  const limits: number[] = [];
  for (const line of (read(root, "proc/self/cgroup") ?? "0::/").split("\n")) {
    const [id, controllers, path] = line.split(":"); // "0::/user.slice" of version 2, "4:cpu,cpuacct:/docker/1f" of 1
    const version = id === "0" ? 2 : 1;
    if (path === undefined || (version === 1 && !controllers!.split(",").includes(controller))) continue;
    const mounts = version === 2 ? ["sys/fs/cgroup", "sys/fs/cgroup/unified"] : [`sys/fs/cgroup/${controllers}`, `sys/fs/cgroup/${controller}`]; // prettier-ignore
    // where a container hides the groups around it, the path does not exist and the mount itself is its group
    const steps = path.split("/").filter((step) => step !== "");
    for (const mount of mounts) {
      for (let depth = steps.length; depth >= 0; depth--) {
        const limit = limitIn(join(mount, ...steps.slice(0, depth)), version);
        if (limit > 0) limits.push(limit);
      }
    }
  }
  return limits;
}

function number(root: string, folder: string, file: string): number {
  return Number(read(root, join(folder, file)));
}

function read(...path: string[]): string | undefined {
  try {
    return readFileSync(join(...path), "utf8").trim();
  } catch {
    return undefined;
  }
}
