// Who frees tensors: scopes, dispose, the garbage collector; and tensors in worker threads.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import { dispose, keep, memoryStats, nn, ones, scope, tensor } from "./index.ts";
import type { Tensor } from "./index.ts";

const dist = new URL("../../dist/src/torch/index.js", import.meta.url);
const isBuilt = existsSync(dist);

describe("scope", () => {
  test("frees what is made inside but what is returned, however deep", () => {
    const before = liveTensors();
    let lost!: Tensor;
    const kept = scope(() => {
      lost = ones([1]);
      const made = [ones([1]), ones([2]), ones([3]), ones([4]), ones([5])];
      return {
        list: [made[0]!, [made[1]!]],
        map: new Map([["a", made[2]!]]),
        set: new Set([made[3]!]),
        nested: { deep: { x: made[4]! } },
        text: "no tensor",
        nothing: null,
      };
    });
    expect(lost.isDisposed).toBe(true);
    const tensors = [
      kept.list[0],
      (kept.list[1] as Tensor[])[0],
      kept.map.get("a"),
      ...kept.set,
      kept.nested.deep.x,
    ];
    expect((tensors as Tensor[]).map((x) => x.numel)).toEqual([1, 2, 3, 4, 5]);
    dispose(kept);
    expect(liveTensors()).toBe(before);
  });

  test("hands what is returned to the scope around it", () => {
    const before = liveTensors();
    let inner!: Tensor;
    const outer = scope(() => {
      inner = scope(() => ones([2]));
      expect(inner.isDisposed).toBe(false);
      return scope(() => inner.mul(2));
    });
    expect([inner.isDisposed, outer.tolist()]).toEqual([true, [2, 2]]);
    outer.dispose();
    expect([liveTensors(), memoryStats().openScopes]).toEqual([before, 0]);
  });

  test("returns a tensor from outside unharmed, and twice the same one", () => {
    const x = ones([1]);
    expect(scope(() => x)).toBe(x);
    const [a, b] = scope(() => {
      const y = x.add(1);
      return [y, y];
    });
    expect([a === b, a!.item(), x.item()]).toEqual([true, 2, 1]);
  });

  test("frees everything when it throws, and stays usable", () => {
    const before = liveTensors();
    expect(() =>
      scope(() => {
        ones([1]);
        scope(() => {
          ones([1]);
          throw new Error("stop");
        });
      }),
    ).toThrow("stop");
    expect([liveTensors(), memoryStats().openScopes]).toEqual([before, 0]);
  });

  test("refuses a promise, and frees what was made before it", async () => {
    const before = liveTensors();
    expect(() => scope(async () => ones([1]))).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: torch.scope: the callback must be synchronous, got a promise. Await outside the scope, and open one per synchronous part.]`,
    );
    await Promise.resolve();
    expect([liveTensors(), memoryStats().openScopes]).toEqual([before, 0]);
  });

  test("works with using, and may be disposed twice", () => {
    const before = liveTensors();
    const opened = scope();
    const x = ones([1]);
    const kept = keep(ones([1]));
    opened[Symbol.dispose]();
    opened[Symbol.dispose]();
    expect([x.isDisposed, kept.isDisposed, memoryStats().openScopes]).toEqual([true, false, 0]);
    kept.dispose();
    expect(liveTensors()).toBe(before);
  });

  test("lets keep() take a tensor out of every scope", () => {
    let kept!: Tensor;
    scope(() => scope(() => void (kept = keep(ones([2])))));
    expect(kept.tolist()).toEqual([1, 1]);
  });

  test("lets a weight and its gradient survive", () => {
    const { weight } = scope(() => {
      const parameter = new nn.Parameter(ones([2]));
      parameter.mul(3).sum().backward();
      return { weight: parameter };
    });
    expect([weight.tolist(), weight.grad!.tolist()]).toEqual([[1, 1], [3, 3]]); // prettier-ignore
  });

  test("keeps the number of tensors where it was over many steps of training", () => {
    const layer = new nn.Linear(8, 8);
    const step = () =>
      scope(() => {
        layer.zeroGrad();
        layer
          .forward(ones([4, 8]))
          .square()
          .mean()
          .backward();
      });
    step();
    const before = liveTensors();
    for (let i = 0; i < 200; i++) step();
    expect(liveTensors()).toBe(before);
  });
});

test("dispose frees tensors wherever they stand, and leaves other values alone", () => {
  const [a, b] = [ones([1]), ones([1])];
  dispose([a, { b }, 1, null, "x", undefined], new Map());
  expect([a.isDisposed, b.isDisposed]).toEqual([true, true]);
  expect(tensor([1])[Symbol.dispose]()).toBe(undefined);
});

test.skipIf(!isBuilt)("tensors that nobody holds are collected, in a loop that never awaits", () => {
  const script = `
    const { memoryStats, ones } = await import(${JSON.stringify(dist.href)});
    for (let i = 0; i < 200; i++) ones([250_000]);
    const start = process.memoryUsage().rss;
    for (let i = 0; i < 2000; i++) ones([250_000]); // 1 MB each
    const grown = (process.memoryUsage().rss - start) / 2 ** 20;
    globalThis.gc();
    console.log(JSON.stringify({ grown, live: memoryStats().liveTensors }));`;
  const args = ["--expose-gc", "--input-type=module", "--eval", script];
  const { grown, live } = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as {
    grown: number;
    live: number;
  };
  expect(grown).toBeLessThan(400); // MB, of 2,000 allocated
  expect(live).toBeLessThan(5);
});

test.skipIf(!isBuilt)("two workers in turn load the addon and compute, beside the main thread", async () => {
  const x = ones([2]);
  for (const value of [2, 3]) {
    const source = `
      import { parentPort } from "node:worker_threads";
      import { full, scope } from ${JSON.stringify(dist.href)};
      parentPort.postMessage(scope(() => full([2, 2], ${value}).matmul(full([2, 2], 1)).tolist()));`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const [result, code] = await Promise.all([
      new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject)),
      new Promise((resolve) => worker.once("exit", resolve)),
    ]);
    expect([result, code]).toEqual([[[2 * value, 2 * value], [2 * value, 2 * value]], 0]); // prettier-ignore
    expect(x.add(1).tolist()).toEqual([2, 2]);
  }
});
