import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parityReport } from "./parity/report.ts";
import type { PythonNames } from "./parity/report.ts";
import { hasName } from "./parity/surface.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const names = JSON.parse(read("tests/goldens/torch/parity-names.json")) as PythonNames;

test("docs/parity.md is current; npm run parity writes it anew", () => {
  expect(read("docs/parity.md")).toBe(parityReport(names));
});

test("a name counts where it is, in TypeScript's spelling", () => {
  expect(hasName("torch", "log_softmax")).toBe(true);
  expect(hasName("torch", "no_such_name")).toBe(false);
  expect(hasName("torch.Tensor", "add_")).toBe(true);
  expect(hasName("torch.Tensor", "zeros")).toBe(false);
  expect(hasName("torch.nn", "Linear")).toBe(true);
  expect(hasName("io", "save_file")).toBe(true);
  expect(() => hasName("torch.nowhere", "add")).toThrowErrorMatchingInlineSnapshot(
    `[Error: parity: the namespace torch.nowhere has no place in sconce/torch.]`,
  );
});

test("what is missing is told from what is left out on purpose", () => {
  const report = parityReport({ version: "9.9", "torch.linalg": ["norm", "no_such_name", "q_scale"] });
  expect(report).toContain("| `torch.linalg` | 1 | 3 | 33 % | 1 | 1 |");
  expect(report).toContain("To do: `no_such_name`.");
  expect(report).toContain("Left out (old quantized tensors, which training does not use): `q_scale`.");
});
