// Names are MLflow's. Golden: tools/golden/mlflow_system_metrics.py
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { ActiveRun } from "./client/run.ts";
import { openStore } from "./open-store.ts";
import { SystemMetricsSampler, logsSystemMetrics, startSystemMetrics } from "./system-metrics.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../tests/goldens/tracking/system-metrics.json", import.meta.url), "utf8"),
) as { names: string[] };
afterEach(() => void vi.unstubAllEnvs());

test("a sample has MLflow's names and sensible values", async () => {
  const sampler = new SystemMetricsSampler();
  const until = Date.now() + 200;
  while (Date.now() < until); // work that the sample must show
  const metrics = sampler.sample();
  expect(Object.keys(metrics)).toEqual(expect.arrayContaining(golden.names));
  const own = Object.keys(metrics).filter((name) => !golden.names.includes(name));
  const io = ["process_disk_read", "process_disk_write", "disk_read", "disk_write"];
  expect(own).toEqual([
    "system/process_cpu_utilization_percentage",
    "system/process_memory_usage_megabytes",
    ...(process.platform === "linux" ? io.map((name) => `system/${name}_megabytes`) : []),
  ]);
  for (const [name, value] of Object.entries(metrics)) {
    expect(Number.isFinite(value), name).toBe(true);
    expect(value, name).toBeGreaterThanOrEqual(0);
    if (name.endsWith("percentage") && !name.includes("process_cpu"))
      expect(value, name).toBeLessThanOrEqual(100);
  }
  expect(metrics["system/cpu_utilization_percentage"]).toBeGreaterThan(1);
  expect(metrics["system/process_cpu_utilization_percentage"]).toBeGreaterThan(0);
  expect(metrics["system/process_memory_usage_megabytes"]).toBeGreaterThan(10);
  expect(metrics["system/system_memory_usage_megabytes"]).toBeGreaterThan(10);
});

test("samples come by the interval with rising steps, and one more at the end", async () => {
  const steps: number[] = [];
  const stop = startSystemMetrics({ intervalMs: 20, log: (_metrics, step) => steps.push(step) });
  await sleep(150);
  stop();
  stop();
  const count = steps.length;
  expect(count).toBeGreaterThanOrEqual(3);
  expect(steps).toEqual(Array.from({ length: count }, (_, step) => step));
  await sleep(50);
  expect(steps).toHaveLength(count);
});

test.skipIf(process.platform !== "linux")("what the process writes to a disk is counted", () => {
  const sampler = new SystemMetricsSampler();
  const folder = mkdtempSync(join(homedir(), ".sconce-test-")); // the temporary folder may be memory
  const file = openSync(join(folder, "file"), "w");
  writeSync(file, Buffer.alloc(5e6, 1));
  fsyncSync(file);
  closeSync(file);
  rmSync(folder, { recursive: true });
  expect(sampler.sample()["system/process_disk_write_megabytes"]).toBeGreaterThanOrEqual(5);
});

test("MLflow's variables say how often, how many at once, and of which machine", async () => {
  vi.stubEnv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.01");
  vi.stubEnv("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "3");
  vi.stubEnv("MLFLOW_SYSTEM_METRICS_NODE_ID", "node_0");
  const steps: number[] = [];
  const names = new Set<string>();
  const stop = startSystemMetrics({
    firstStep: 7,
    log: (metrics, step) => {
      steps.push(step);
      for (const name of Object.keys(metrics)) names.add(name);
    },
  });
  await vi.waitFor(() => expect(steps.length).toBeGreaterThan(2));
  stop();
  expect(steps).toEqual(Array.from(steps, (_, i) => 7 + i));
  expect([...names].every((name) => name.startsWith("system/node_0/"))).toBe(true);
  vi.stubEnv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "often");
  expect(() => startSystemMetrics({ log: () => {} })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL: must be a number above 0, got "often".]`,
  );
});

test("a run logs them as it says, else as MLflow's variable does, and goes on counting", async () => {
  expect([logsSystemMetrics(undefined), logsSystemMetrics(undefined, { byDefault: true })]).toEqual([
    false,
    true,
  ]);
  vi.stubEnv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "False");
  expect([logsSystemMetrics(undefined, { byDefault: true }), logsSystemMetrics(true)]).toEqual([false, true]);
  vi.stubEnv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "maybe");
  expect(() => logsSystemMetrics(undefined)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING: must be true, false, 1 or 0, got "maybe".]`,
  );
  vi.stubEnv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "1");
  vi.stubEnv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05");
  const folder = mkdtempSync(join(homedir(), ".sconce-test-"));
  const store = await openStore(`sqlite:///${folder}/mlflow.db`);
  const run = await ActiveRun.start({ store, experimentName: "system", journalFolder: false });
  await sleep(130);
  await run.end();
  const key = "system/process_memory_usage_megabytes";
  const steps = async () => (await store.metricHistory(run.runId, key)).map(({ step }) => step);
  const before = (await steps()).length;
  expect(before).toBeGreaterThan(1);
  const again = await ActiveRun.resume(store, run.runId, { journalFolder: false });
  await sleep(80);
  await again.end();
  const all = await steps();
  expect(all.length).toBeGreaterThan(before);
  expect(all).toEqual(Array.from(all, (_, step) => step));
  const off = await ActiveRun.start({
    store,
    experimentName: "system",
    journalFolder: false,
    logSystemMetrics: false,
  });
  await off.end();
  expect((await store.getRun(off.runId)).data.metrics).toEqual({});
  await store.close();
  rmSync(folder, { recursive: true });
});

test("a sample costs far less than a hundredth of the interval", () => {
  const sampler = new SystemMetricsSampler();
  const times = Array.from({ length: 20 }, () => {
    const startedAt = performance.now();
    sampler.sample();
    return performance.now() - startedAt;
  }).sort((a, b) => a - b);
  console.log(`a sample of system metrics: ${times[10]!.toFixed(2)} ms`);
  expect(times[10]).toBeLessThan(20); // of 10 s
});
