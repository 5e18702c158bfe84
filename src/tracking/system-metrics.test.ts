import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { SystemMetricsSampler, startSystemMetrics } from "./system-metrics.ts";

test("a sample has MLflow's names and sensible values", async () => {
  const sampler = new SystemMetricsSampler();
  const until = Date.now() + 200;
  while (Date.now() < until); // work that the sample must show
  const metrics = sampler.sample();
  const names = [
    "system/cpu_utilization_percentage",
    "system/disk_available_megabytes",
    "system/disk_usage_megabytes",
    "system/disk_usage_percentage",
    "system/system_memory_usage_megabytes",
    "system/system_memory_usage_percentage",
  ];
  const network = ["system/network_receive_megabytes", "system/network_transmit_megabytes"];
  expect(Object.keys(metrics).sort()).toEqual(
    [...names, ...(process.platform === "linux" ? network : [])].sort(),
  );
  for (const [name, value] of Object.entries(metrics)) {
    expect(Number.isFinite(value), name).toBe(true);
    expect(value, name).toBeGreaterThanOrEqual(0);
    if (name.endsWith("percentage")) expect(value, name).toBeLessThanOrEqual(100);
  }
  expect(metrics["system/cpu_utilization_percentage"]).toBeGreaterThan(1);
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
