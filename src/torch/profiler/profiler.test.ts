// torch.profiler against what libtorch records, and against PyTorch's counts and layout.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import * as torch from "../index.ts";

const { FlopCounter, Profile, profile, recordFunction, recordModules, schedule, tensorboardTraceHandler } =
  torch.profiler;
const dist = new URL("../../../dist/src/torch/index.js", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "sconce-profiler-"));
afterAll(() => rmSync(folder, { recursive: true }));

function work(): void {
  torch.scope(() => {
    const a = torch.ones([30, 40], { requiresGrad: true });
    recordFunction("forward", () =>
      a
        .mm(torch.ones([40, 50]))
        .relu()
        .sum(),
    ).backward();
  });
}

describe("a profile", () => {
  const whole = profile({ recordShapes: true, profileMemory: true, withFlops: true }, work);

  test("holds every operator, forward and backward, under the scopes that the user named", () => {
    const averages = whole.keyAverages();
    expect(averages.get("aten::mm")?.count).toBe(2);
    expect(averages.get("forward")?.count).toBe(1);
    expect(averages.get("autograd::engine::evaluate_function: MmBackward0")?.count).toBe(1);
    const mm = whole.events().find(({ name }) => name === "aten::mm")!;
    expect([mm.parent?.name, mm.inputShapes]).toEqual(["forward", [[30, 40], [40, 50]]]); // prettier-ignore
    expect(mm.startUs).toBeGreaterThanOrEqual(mm.parent!.startUs);
    expect(mm.endUs).toBeLessThanOrEqual(mm.parent!.endUs);
  });

  test("splits time, memory and operations between callers and what they call", () => {
    const averages = [...whole.keyAverages()];
    const events = whole.events();
    const roots = events.filter(({ parent }) => parent === undefined);
    const total = roots.reduce((sum, { cpuTimeTotal }) => sum + cpuTimeTotal, 0);
    expect(whole.keyAverages().selfCpuTimeTotal).toBeCloseTo(total, 3);
    for (const { selfCpuTimeTotal, cpuTimeTotal } of averages) {
      expect(selfCpuTimeTotal).toBeLessThanOrEqual(cpuTimeTotal + 1e-9);
    }
    const forward = whole.keyAverages().get("forward")!;
    // ones [40, 50], its product and relu, the sum: 3 arrays of floats and one number, all alive at the end
    expect(forward.cpuMemoryUsage).toBe(4 * (40 * 50 + 2 * 30 * 50 + 1));
    expect(whole.keyAverages().get("aten::mm")!.flops).toBe(2 * 30 * 40 * 50 * 2);
  });

  test("keeps calls with other shapes apart where asked to", () => {
    const apart = [...whole.keyAverages({ groupByInputShape: true })].filter(({ key }) => key === "aten::mm");
    expect(apart.map(({ inputShapes, count }) => [inputShapes, count])).toEqual([
      [[[30, 40], [40, 50]], 1], // prettier-ignore
      [[[30, 50], [50, 40]], 1], // prettier-ignore
    ]);
    expect(() =>
      profile({}, work).keyAverages({ groupByInputShape: true }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: profiler: groupByInputShape needs shapes. Profile with recordShapes: true.]`,
    );
  });

  test("prints PyTorch's table", () => {
    const lines = whole
      .keyAverages()
      .table({ sortBy: "cpuTimeTotal", rowLimit: 3, header: "one step" })
      .split("\n");
    // copied from what PyTorch prints
    const rule =
      "-------------------------------------------------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------  ";
    const titles =
      "                                                   Name    Self CPU %      Self CPU   CPU total %     CPU total  CPU time avg       CPU Mem  Self CPU Mem    # of Calls  Total KFLOPs  ";
    expect(lines.slice(0, 5)).toEqual(["=".repeat(rule.length - 2), "one step", rule, titles, rule]);
    expect(lines.slice(8)).toEqual([rule, expect.stringMatching(/^Self CPU time total: [\d.]+[mu]s$/), ""]);
    for (const row of lines.slice(5, 8)) {
      expect(row).toMatch(
        /^ *\S.*?  +[\d.]+%  +[\d.]+[mu]s  +[\d.]+%  +[\d.]+[mu]s  +[\d.]+[mu]s  +-?[\d.]+ K?B  +-?[\d.]+ K?B  +\d+  +(--|[\d.]+)  $/,
      );
      expect(row).toHaveLength(rule.length);
    }
    expect(() =>
      whole.keyAverages().table({ sortBy: "cpu_time" as "count" }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: profiler: unknown sortBy "cpu_time". Did you mean "cpuTime"? Valid: count, cpuMemoryUsage, cpuTime, cpuTimeTotal, flops, selfCpuMemoryUsage, selfCpuTimeTotal.]`,
    );
  });

  test("is written as a trace that Chrome reads, once", () => {
    const path = join(folder, "trace.json");
    whole.exportChromeTrace(path);
    const { traceEvents } = JSON.parse(readFileSync(path, "utf8")) as {
      traceEvents: { ph: string; name: string; cat?: string; ts: number; dur?: number }[];
    };
    const mm = traceEvents.filter(({ name, ph }) => name === "aten::mm" && ph === "X");
    expect(mm.map(({ cat }) => cat)).toEqual(["cpu_op", "cpu_op"]);
    for (const { ts, dur } of mm) expect(ts > 0 && dur! > 0).toBe(true);
    expect(traceEvents.some(({ name, cat }) => name === "forward" && cat === "user_annotation")).toBe(true);
    expect(readdirSync(folder)).toEqual(["trace.json"]);
    expect(() => whole.exportChromeTrace(path)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: profiler: libtorch writes a trace once. Copy the file.]`,
    );
  });

  test("tells what memory was held when", () => {
    const timeline = whole.memoryTimeline();
    expect(timeline.length).toBeGreaterThan(5);
    expect(timeline.at(-1)!.totalBytes).toBe(timeline.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(Math.max(...timeline.map(({ totalBytes }) => totalBytes))).toBeGreaterThan(4 * 40 * 50);
    const path = join(folder, "memory.json");
    whole.exportMemoryTimeline(path);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(timeline);
    expect(() => profile({}, work).memoryTimeline()).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: profiler: memory was not recorded. Profile with profileMemory: true.]`,
    );
  });
});

test("a schedule records the steps it names, and hands each cycle over", () => {
  const cycles: (number | undefined)[] = [];
  const steps: string[][] = [];
  const options = {
    schedule: schedule({ wait: 1, warmup: 1, active: 2, repeat: 2 }),
    onTraceReady: (cycle: torch.profiler.Profile) => {
      cycles.push(cycle.keyAverages().get("aten::mm")?.count);
      steps.push(cycle.events().flatMap(({ name }) => (name.startsWith("ProfilerStep") ? [name] : [])));
    },
  };
  profile(options, (running) => {
    for (let i = 0; i < 12; i++) {
      work();
      running.step();
    }
  });
  expect(cycles).toEqual([4, 4]);
  expect(steps).toEqual([["ProfilerStep#2", "ProfilerStep#3"], ["ProfilerStep#6", "ProfilerStep#7"]]); // prettier-ignore
  expect(() => schedule({ wait: 1, warmup: 1, active: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: profiler.schedule: active must be a whole number from 1, got 0.]`,
  );
});

test("a profile that is stopped within a cycle hands over what it has; before, it has nothing", () => {
  const running = new Profile({ schedule: schedule({ wait: 0, warmup: 1, active: 5 }) }).start();
  running.step();
  work();
  running.stop();
  running.stop();
  expect(running.keyAverages().get("aten::mm")?.count).toBe(2);
  const warming = new Profile({ schedule: schedule({ wait: 0, warmup: 1, active: 1 }) }).start();
  expect(() => warming.events()).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: profiler: nothing is recorded yet. Call stop() first, or step() to the end of a cycle of the schedule.]`,
  );
  warming.stop();
  expect(profile({}, work).keyAverages().get("aten::mm")?.count).toBe(2); // the next one starts afresh
});

test("an error ends the profile, a promise is waited for, and two at once are refused", async () => {
  const stop = () => {
    throw new Error("stop");
  };
  expect(() => profile({}, stop)).toThrow("stop");
  const later = await profile({}, async () => {
    await Promise.resolve();
    work();
  });
  expect(later.keyAverages().get("aten::mm")?.count).toBe(2);
  expect(() => profile({}, () => profile({}, work))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: prepareProfiler: a profile is being recorded. Stop it first]`,
  );
  expect(recordFunction("outside of any", () => 1)).toBe(1);
});

test("nothing is said on standard error, and a process that is recording may exit", () => {
  const script = `
    import { ones, profiler } from ${JSON.stringify(dist)};
    profiler.profile({}, () => ones([2]).add(1));
    new profiler.Profile().start();
    ones([2]).add(1);
    process.exit(3);`;
  const args = ["--input-type=module", "--eval", script];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect([status, stderr]).toEqual([3, ""]);
});

test("a scope may be held open over an await, and ends with the record at the latest", async () => {
  const recorded = await profile({}, async () => {
    const open = recordFunction("open");
    work();
    await Promise.resolve();
    work();
    open[Symbol.dispose]();
    open[Symbol.dispose]();
    recordFunction("never closed");
  });
  const [open] = recorded.events().filter(({ name }) => name === "open");
  expect(open!.children.filter(({ name }) => name === "forward")).toHaveLength(2);
  const last = recorded.events().find(({ name }) => name === "never closed")!;
  expect(last.endUs).toBeGreaterThanOrEqual(last.startUs);
  for (let i = 0; i < 3; i++) {
    const next = new Profile().start();
    const scope = recordFunction(`over the end ${i}`);
    work();
    next.stop();
    new Profile().start().stop(); // what the scope belonged to is gone
    scope[Symbol.dispose]();
    expect(next.keyAverages().get(`over the end ${i}`)?.count).toBe(1);
  }
});

test("modules stand in a profile under their names, until they are forgotten", () => {
  const network = new torch.nn.Sequential(new torch.nn.Linear(4, 3), new torch.nn.Tanh());
  const forget = recordModules(network);
  const run = () => profile({}, () => torch.scope(() => void network.forward(torch.ones([2, 4]))));
  const named = run().keyAverages();
  expect([named.get("Linear: 0")?.count, named.get("Tanh: 1")?.count]).toEqual([1, 1]);
  forget();
  expect(run().keyAverages().get("Linear: 0")).toBeUndefined();
  expect(Object.keys(network)).not.toContain("forward");
});

test("a trace handler writes each cycle into a file of its own, compressed where asked to", () => {
  const traces = join(folder, "traces");
  const cycle = schedule({ wait: 0, warmup: 1, active: 1, repeat: 2 });
  for (const useGzip of [false, true]) {
    const onTraceReady = tensorboardTraceHandler(traces, { workerName: `gzip-${useGzip}`, useGzip });
    profile({ schedule: cycle, onTraceReady }, (running) => {
      for (let i = 0; i < 4; i++) {
        work();
        running.step();
      }
    });
  }
  const names = readdirSync(traces).sort();
  expect(names).toHaveLength(4);
  for (const name of names.slice(0, 2)) expect(name).toMatch(/^gzip-false\.\d{19}\.pt\.trace\.json$/);
  for (const name of names.slice(2)) expect(name).toMatch(/^gzip-true\.\d{19}\.pt\.trace\.json\.gz$/);
  const bytes = readFileSync(join(traces, names[3]!));
  const { traceEvents } = JSON.parse(gunzipSync(bytes).toString()) as { traceEvents: { name: string }[] };
  expect(traceEvents.filter(({ name }) => name === "aten::mm")).toHaveLength(2);
});

describe("a profile of a network's step holds what PyTorch's does", () => {
  // written by tools/golden/profiler.py
  type Count = [name: string, shapes: number[][], count: number];
  const golden = JSON.parse(
    readFileSync(new URL("../../../tests/goldens/torch/profiler.json", import.meta.url), "utf8"),
  ) as Record<string, Count[]>;
  const { nn } = torch;
  const networks: Record<string, [network: torch.nn.Sequential, shape: number[]]> = {
    mlp: [new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2)), [3, 4]],
    conv: [
      new nn.Sequential(
        new nn.Conv2d(2, 3, 3),
        new nn.BatchNorm2d(3),
        new nn.ReLU(),
        new nn.Flatten(),
        new nn.Linear(12, 2),
      ),
      [2, 2, 4, 4],
    ],
    norm: [
      new nn.Sequential(new nn.LayerNorm(6), new nn.GELU(), new nn.Linear(6, 6), new nn.Softmax(-1)),
      [5, 6],
    ],
  };
  // the first gradient of all, a one, is allocated by another operator
  const seed = new Set(["aten::empty", "aten::empty_strided"]);

  test.each(Object.keys(golden))("%s: the operators, their shapes and how often", (name) => {
    const [network, shape] = networks[name]!;
    const x = torch.ones(shape);
    const step = () => torch.scope(() => (network.forward(x) as torch.Tensor).sum().backward());
    step();
    const averages = [...profile({ recordShapes: true }, step).keyAverages({ groupByInputShape: true })].map(
      ({ key, inputShapes, count }) => [key, inputShapes, count] as const,
    );
    const lines = (counts: readonly (readonly [string, number[][], number])[]) =>
      counts
        .filter(([key]) => !seed.has(key))
        .map(([key, shapes, count]) => `${key} ${JSON.stringify(shapes)} x${count}`)
        .sort();
    expect(lines(averages)).toEqual(lines(golden[name]!));
  });
});

describe("FlopCounter counts what PyTorch's does", () => {
  // written by tools/golden/runtime.py
  const golden = JSON.parse(
    readFileSync(new URL("../../../tests/goldens/torch/flops.json", import.meta.url), "utf8"),
  ) as Record<string, { forward: number; backward: number }>;
  const grad = (...shape: number[]) => torch.ones(shape, { requiresGrad: true });
  const none = undefined as unknown as torch.Tensor;
  const cases: Record<string, () => torch.Tensor> = {
    mm: () => grad(3, 4).mm(grad(4, 5)),
    linear: () => torch.nn.functional.linear(grad(2, 3, 4), grad(5, 4), grad(5)),
    bmm: () => grad(2, 3, 4).bmm(grad(2, 4, 5)),
    baddbmm: () => torch.baddbmm(grad(2, 3, 5), grad(2, 3, 4), grad(2, 4, 5)),
    conv1d: () => torch.conv1d(grad(2, 3, 9), grad(4, 3, 3), { bias: grad(4), stride: 2, padding: 1 }),
    conv2d: () => torch.conv2d(grad(2, 4, 8, 7), grad(6, 2, 3, 2), { padding: 1, dilation: 2, groups: 2 }),
    conv3d: () => torch.conv3d(grad(1, 2, 4, 4, 4), grad(3, 2, 2, 2, 2)),
    conv_transpose2d: () =>
      torch.convTranspose2d(grad(2, 3, 5, 5), grad(3, 4, 3, 3), { stride: 2, outputPadding: 1 }),
    conv2d_frozen: () => torch.conv2d(torch.ones([2, 4, 8, 8]), grad(6, 4, 3, 3)),
    attention_math: () =>
      torch.ops.aten.scaled_dot_product_attention(
        grad(2, 3, 5, 8),
        grad(2, 3, 6, 8),
        grad(2, 3, 6, 8),
        none,
        0.5,
      ),
  };

  test.each(Object.keys(golden))("%s", (name) => {
    const counter = new FlopCounter();
    const y = counter.run(cases[name]!);
    expect(counter.totalFlops).toBe(golden[name]!.forward);
    counter.reset();
    counter.run(() => y.sum().backward());
    expect(counter.totalFlops).toBe(golden[name]!.backward);
  });

  test("for the fused attention too, whose backward computes the scores anew", () => {
    const counter = new FlopCounter();
    const [q, k, v] = [grad(2, 3, 5, 8), grad(2, 3, 6, 8), grad(2, 3, 6, 8)];
    counter.run(() =>
      (torch.ops.aten.scaled_dot_product_attention(q, k, v) as torch.Tensor).sum().backward(),
    );
    const product = 2 * 2 * 3 * 5 * 6 * 8;
    expect(Object.values(counter.flopCounts)).toEqual([2 * product, 5 * product]);
    expect(counter.run(() => torch.ones([2]).add(1).tolist())).toEqual([2, 2]);
    expect(counter.totalFlops).toBe(7 * product);
    expect(() => counter.run(() => counter.run(() => 1))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: startFlops: operations are being counted already. Stop the other counter first]`,
    );
  });
});
