// Switches of libtorch: determinism and threads; what a build without CUDA says of GPUs.
import { execFileSync, spawnSync } from "node:child_process";
import { afterEach, describe, expect, test } from "vitest";
import * as torch from "./index.ts";

const dist = new URL("../../dist/src/torch/index.js", import.meta.url).href;

afterEach(() => torch.useDeterministicAlgorithms(false));

describe("deterministic algorithms", () => {
  const state = () => [
    torch.areDeterministicAlgorithmsEnabled(),
    torch.isDeterministicAlgorithmsWarnOnlyEnabled(),
    torch.getDeterministicDebugMode(),
  ];

  test("are asked for by switch, word or number", () => {
    expect(state()).toEqual([false, false, 0]);
    torch.useDeterministicAlgorithms(true);
    expect(state()).toEqual([true, false, 2]);
    torch.useDeterministicAlgorithms(true, { warnOnly: true });
    expect(state()).toEqual([true, true, 1]);
    torch.setDeterministicDebugMode("error");
    expect(state()).toEqual([true, false, 2]);
    torch.setDeterministicDebugMode(0);
    expect(state()).toEqual([false, false, 0]);
    expect(() => torch.setDeterministicDebugMode(3 as 2)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: setDeterministicDebugMode: mode must be one of default, warn, error or 0, 1, 2, got 3.]`,
    );
  });

  test("refuse an operator that has none", () => {
    const put = () => torch.zeros([4]).put_(torch.tensor([0, 0]).long(), torch.ones([2]));
    expect(put().shape).toEqual([4]);
    torch.useDeterministicAlgorithms(true);
    expect(put).toThrow(/put_ does not have a deterministic implementation/);
  });

  test("only warn where that is wished, in one line on standard error", () => {
    const script = `
      import { ones, tensor, useDeterministicAlgorithms, zeros } from ${JSON.stringify(dist)};
      useDeterministicAlgorithms(true, { warnOnly: true });
      zeros([4]).put_(tensor([0, 0]).long(), ones([2]));`;
    const args = ["--input-type=module", "--eval", script];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([status, stderr.split("\n").length]).toEqual([0, 2]);
    expect(stderr).toMatch(/^warn: libtorch: put_ does not have a deterministic implementation/);
  });

  test("fill what nobody has written yet, unless told not to", () => {
    torch.useDeterministicAlgorithms(true);
    expect(torch.empty([2]).tolist()).toEqual([NaN, NaN]);
    torch.useDeterministicAlgorithms(true, { fillUninitializedMemory: false });
    torch.full([1000], 7).dispose();
    expect(torch.empty([1000]).isnan().all().item()).toBe(false);
  });
});

test("numbers of threads are set and told, and nonsense is refused", () => {
  const before = torch.getNumThreads();
  torch.setNumThreads(2);
  expect(torch.getNumThreads()).toBe(2);
  torch.setNumThreads(before);
  expect(() => torch.setNumThreads(0)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: setNumThreads: the number of threads must be a whole number from 1, got 0.]`,
  );
  const script = `
    import { getNumInteropThreads, setNumInteropThreads } from ${JSON.stringify(dist)};
    setNumInteropThreads(3);
    console.log(getNumInteropThreads());`;
  const args = ["--input-type=module", "--eval", script];
  expect(execFileSync(process.execPath, args, { encoding: "utf8" })).toBe("3\n");
});

describe.skipIf(torch.cuda.deviceCount() > 0)("without a GPU, torch.cuda", () => {
  test("says so where it is asked, and lets a program that seeds and frees run on", () => {
    expect([torch.cuda.isAvailable(), torch.cuda.deviceCount()]).toEqual([false, 0]);
    torch.cuda.manualSeedAll(1);
    torch.cuda.manualSeed(1);
    torch.cuda.emptyCache();
  });

  test.skipIf(torch.backends.cudaAvailable())("refuses what needs one, and says what is missing", () => {
    expect(() => torch.cuda.memoryAllocated()).toThrowErrorMatchingInlineSnapshot(
      `[SetupError: cuda.memoryStats: needs a build with CUDA, and the linked libtorch 2.13.0 has none. Ask torch.cuda.isAvailable() first.]`,
    );
    for (const name of ["synchronize", "getDeviceName", "maxMemoryAllocated", "currentDevice"] as const) {
      expect(() => torch.cuda[name]()).toThrow(torch.version);
    }
    expect(() => torch.cuda.setDevice(0)).toThrow("needs a build with CUDA");
  });
});

describe("float32 matrix products", () => {
  afterEach(() => torch.setFloat32MatmulPrecision("highest"));

  test("have a precision that is set by a word", () => {
    expect(torch.getFloat32MatmulPrecision()).toBe("highest");
    for (const precision of ["high", "medium", "highest"] as const) {
      torch.setFloat32MatmulPrecision(precision);
      expect(torch.getFloat32MatmulPrecision()).toBe(precision);
    }
    expect(() => torch.setFloat32MatmulPrecision("low" as "high")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: setFloat32MatmulPrecision: precision must be one of highest, high, medium, got "low".]`,
    );
    expect(torch.getFloat32MatmulPrecision()).toBe("highest");
  });
});

test("denormal numbers are zero where that is set", () => {
  const small = torch.tensor([1e-310], { dtype: "float64" });
  const isSupported = torch.setFlushDenormal(true);
  const flushed = small.mul(1).item();
  torch.setFlushDenormal(false);
  expect(flushed).toBe(isSupported ? 0 : 1e-310);
  expect(small.mul(1).item()).toBe(1e-310);
});
