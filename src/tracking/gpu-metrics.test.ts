// Graphics cards by MLflow's names and numbers, from a program that answers as nvidia-smi does.
// Golden: tools/golden/mlflow_system_metrics.py
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GpuMetricsSampler } from "./gpu-metrics.ts";

interface Card {
  utilization: number | null;
  used: number;
  total: number;
  power: number | null;
  limit: number | null;
}
const golden = JSON.parse(
  readFileSync(new URL("../../tests/goldens/tracking/system-metrics.json", import.meta.url), "utf8"),
) as { cards: Card[]; gpu: Record<string, number> };

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "sconce-gpu-"))));
afterEach(() => rmSync(folder, { recursive: true }));

/** Makes a program of a shell script, which counts its calls. */
function program(script: string): string {
  const path = join(folder, "nvidia-smi");
  writeFileSync(path, `#!/bin/sh\necho called >> "${folder}/calls"\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const calls = () =>
  existsSync(join(folder, "calls"))
    ? readFileSync(join(folder, "calls"), "utf8").trim().split("\n").length
    : 0;

const line = ({ utilization, used, total, power, limit }: Card, index: number) =>
  [index, utilization, used, total, power?.toFixed(2), limit?.toFixed(2)]
    .map((value) => value ?? (value === null ? "[N/A]" : "[Not Supported]"))
    .join(", ");

test("cards have MLflow's names and numbers, and what one does not tell is left out", async () => {
  const asked = "--query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw,enforced.power.limit";
  const smi = program(
    `[ "$*" = "${asked} --format=csv,noheader,nounits" ] || exit 2\nprintf '%s\\n' ${golden.cards
      .map((card, index) => `'${line(card, index)}'`)
      .join(" ")}`,
  );
  expect(await new GpuMetricsSampler(smi).sample()).toEqual(golden.gpu);
});

test("a machine without nvidia-smi has no cards", async () => {
  const sampler = new GpuMetricsSampler(join(folder, "none"));
  expect(await sampler.sample()).toEqual({});
  program("echo '0, 1, 1, 1, 1, 1'"); // another of that name does not matter any more
  expect(await sampler.sample()).toEqual({});
});

test("a driver that does not answer is asked once", async () => {
  const sampler = new GpuMetricsSampler(
    program("echo 'NVIDIA-SMI has failed because it could not communicate with the driver.'; exit 9"),
  );
  expect([await sampler.sample(), await sampler.sample(), calls()]).toEqual([{}, {}, 1]);
});

test("nonsense gives nothing", async () => {
  const sampler = new GpuMetricsSampler(program("echo 'no devices'; echo 'x, 1, 2, 3, 4, 5'"));
  expect(await sampler.sample()).toEqual({});
});
