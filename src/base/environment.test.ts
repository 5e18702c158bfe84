// The limits of control groups, in the forms that machines and containers show them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { cpuLimit, memoryLimitBytes, outOfMemoryKills } from "./environment.ts";

const root = mkdtempSync(join(tmpdir(), "sconce-cgroups-"));
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
}

test("version 2: the group of the process, or one around it, sets the limit", () => {
  write({
    "proc/self/cgroup": "0::/user.slice/job.scope",
    "sys/fs/cgroup/user.slice/job.scope/cpu.max": "max 100000",
    "sys/fs/cgroup/user.slice/job.scope/memory.max": "2000000000",
    "sys/fs/cgroup/user.slice/cpu.max": "50000 100000",
    "sys/fs/cgroup/user.slice/memory.max": "max",
  });
  expect([cpuLimit(root), memoryLimitBytes(root)]).toEqual([0.5, 2e9]);
});

test("version 2 in a container, which sees its own group as the root", () => {
  write({
    "proc/self/cgroup": "0::/",
    "sys/fs/cgroup/cpu.max": "75000 100000",
    "sys/fs/cgroup/memory.max": "1000000000",
  });
  expect([cpuLimit(root), memoryLimitBytes(root)]).toEqual([0.75, 1e9]);
});

test("version 1, of the process and in a container that hides the groups around it", () => {
  write({
    "proc/self/cgroup": "5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n1:name=systemd:/",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "80000",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
    "sys/fs/cgroup/memory/docker/1f/memory.limit_in_bytes": "3000000000",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
  });
  expect([cpuLimit(root), memoryLimitBytes(root)]).toEqual([0.8, 3e9]);
});

test("without limits, or without control groups, all that the machine has", () => {
  const all = [availableParallelism(), totalmem()];
  expect([cpuLimit(root), memoryLimitBytes(root)]).toEqual(all);
  write({
    "proc/self/cgroup": "4:cpu,cpuacct:/",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
  });
  expect([cpuLimit(root), memoryLimitBytes(root)]).toEqual(all);
});

test("kills for want of memory are counted in either version, the group's own or one around it", () => {
  expect(outOfMemoryKills(root)).toBe(0);
  write({
    "proc/self/cgroup": "0::/job",
    "sys/fs/cgroup/job/memory.events": "low 0\noom 4\noom_kill 3",
    "sys/fs/cgroup/memory.events": "oom_kill 5",
  });
  expect(outOfMemoryKills(root)).toBe(5);
  rmSync(root, { recursive: true });
  write({
    "proc/self/cgroup": "5:memory:/docker/1f",
    "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2",
  });
  expect(outOfMemoryKills(root)).toBe(2);
});
