// The arena of large tensors: blocks never overlap, free memory is used again, and it can be given back.
import { spawnSync } from "node:child_process";
import { totalmem } from "node:os";
import { describe, expect, test } from "vitest";
import { full, memoryStats, ones, scope, trimMemory } from "./index.ts";
import type { Tensor } from "./index.ts";

const megabyte = 2 ** 20;

/** Runs a module in a Node of its own and returns what it printed. */
function execute(
  code: string,
  { limit = "", env = {} }: { limit?: string; env?: Record<string, string> } = {},
) {
  const library = new URL("../../dist/src/torch/index.js", import.meta.url).href;
  const module = `import * as torch from ${JSON.stringify(library)}; ${code}`;
  const { stdout, stderr, status } = spawnSync(
    "bash",
    ["-c", `${limit} exec "$0" --input-type=module -e "$1"`, process.execPath, module],
    { encoding: "utf8", env: { ...process.env, OMP_NUM_THREADS: "1", ...env } },
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout.trim();
}

describe("large tensors", () => {
  test("keep what was written to them while others come and go", () => {
    // a fixed sequence of sizes from 32 KB, below the arena's smallest block, to 4 MB
    let state = 1;
    const random = (below: number): number => (state = (state * 48271) % 2147483647) % below;
    const live: { tensor: Tensor; value: number }[] = [];
    for (let i = 0; i < 2000; i++) {
      if (live.length > 30) {
        const [{ tensor, value }] = live.splice(random(live.length), 1) as [(typeof live)[0]];
        const [low, high] = [tensor.min().item(), tensor.max().item()];
        expect([low, high]).toEqual([value, value]);
        tensor.dispose();
      }
      const value = i % 1000;
      live.push({ tensor: full([8192 + random(megabyte)], value), value });
    }
    for (const { tensor } of live) tensor.dispose();
  });

  test("go back to the system by trimMemory", () => {
    trimMemory();
    const before = memoryStats().rss;
    scope(() => {
      for (let i = 0; i < 40; i++) ones([megabyte]); // 4 MB each
    });
    expect(memoryStats().rss - before).toBeGreaterThan(100 * megabyte); // kept for the next step
    trimMemory();
    expect(memoryStats().rss - before).toBeLessThan(40 * megabyte);
  });

  test("take the memory of those that were freed", () => {
    // sizes grow, so that no block fits the next tensor unless free neighbours join
    const grown = execute(`
      const start = torch.memoryStats().rss;
      for (let step = 1; step <= 60; step++) torch.scope(() => {
        for (let i = 0; i < 10; i++) torch.ones([step * 4096 + i * 1024]);
      });
      console.log(torch.memoryStats().rss - start);`);
    expect(Number(grown)).toBeLessThan(10 * 1.05 * megabyte + 24 * megabyte); // the last step's 10 MB, and code
  });

  test.each([
    { name: "under a limit of address space", limit: "ulimit -v 8000000;" },
    { name: "where glibc's variables are set", env: { MALLOC_MMAP_THRESHOLD_: "1048576" } },
  ])("work $name", ({ limit, env }) => {
    const code = `const x = torch.ones([1 << 20]); console.log(x.sum().item()); x.dispose();`;
    expect(execute(code, { ...(limit && { limit }), ...(env && { env }) })).toBe("1048576");
  });

  test("that are larger than memory can be are refused with libtorch's words, and the next one is made", () => {
    const code = `
      for (const bytes of [2 ** 42, 4 * ${totalmem()}])
        try { torch.ones([bytes / 4]); } catch (error) { console.log(error.message.split("\\n")[0]); }
      console.log(torch.ones([1 << 20]).sum().item());`;
    const [beyondArena, beyondMemory, sum] = execute(code).split("\n");
    expect(beyondArena).toContain("can't allocate memory");
    expect(beyondMemory).toContain("can't allocate memory");
    expect(sum).toBe("1048576");
  });
});
