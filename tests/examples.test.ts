// The examples, for a few steps each; a GPT follows PyTorch's losses. tools/golden/char_gpt.py writes them.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadSafetensors } from "sconce/torch";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { main as charGpt } from "../examples/char-gpt.ts";
import { main as convnet } from "../examples/convnet.ts";
import { main as mnist } from "../examples/mnist.ts";
import { drawsSerially } from "./draws-serially.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sconce-examples-"));

beforeAll(() => {
  vi.stubEnv("SCONCE_DATA", ""); // the digits that the example draws
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterAll(() => rmSync(folder, { recursive: true }));

test("mnist learns the digits", () => {
  const { losses, accuracy } = mnist({ epochs: 2 });
  expect(mean(losses.slice(-8))).toBeLessThan(0.8 * mean(losses.slice(0, 8)));
  expect(accuracy).toBeGreaterThan(0.4);
});

test("convnet learns the digits and leaves weights that load", () => {
  const weights = join(folder, "convnet.safetensors");
  const { losses, accuracy } = convnet({ steps: 40, batchSize: 16, weights });
  expect(mean(losses.slice(-8))).toBeLessThan(0.5 * mean(losses.slice(0, 8)));
  expect(accuracy).toBeGreaterThan(0.8);
  expect([...loadSafetensors(weights).keys()]).toContain("features.0.1.running_mean");
});

test.skipIf(!drawsSerially())("char-gpt follows PyTorch's losses, dropout and all", () => {
  const file = new URL("goldens/examples/char-gpt.json", import.meta.url);
  const { options, text, losses } = JSON.parse(readFileSync(file, "utf8")) as {
    options: object;
    text: string;
    losses: number[];
  };
  writeFileSync(join(folder, "text.txt"), text);
  const ours = charGpt({ ...options, text: join(folder, "text.txt") });
  // 2e-7 on the CPU that wrote them; others round differently, and rounding grows with the steps
  const furthest = Math.max(...losses.map((loss, i) => Math.abs(loss - ours.losses[i]!)));
  expect(ours.losses).toHaveLength(losses.length);
  expect(furthest).toBeLessThan(1e-4);
  expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.5);
  expect(ours.sample).toHaveLength(301);
});

test("examples import nothing of this package but sconce/torch", () => {
  for (const name of readdirSync(join(root, "examples"))) {
    const source = readFileSync(join(root, "examples", name), "utf8");
    const imported = Array.from(source.matchAll(/from "([^"]+)"/g), (match) => match[1]!);
    const others = imported.filter((path) => !/^(node:|\.\/|sconce\/torch$)/.test(path));
    expect([name, others]).toEqual([name, []]);
  }
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
