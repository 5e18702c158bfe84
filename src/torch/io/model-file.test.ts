// Models as files, beside those of Python's safetensors. tools/golden/safetensors_io.py writes the goldens.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import * as torch from "../index.ts";
import { arange, loadModel, loadSafetensors, nn, ones, readSafetensorsHeader, saveModel, saveSafetensors } from "../index.ts"; // prettier-ignore
import type { Tensor } from "../index.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-model-"));
afterAll(() => rmSync(folder, { recursive: true }));
const goldens = fileURLToPath(new URL("../../../tests/goldens/torch/", import.meta.url));
const theirs = join(goldens, "safetensors-model.safetensors");
type Report = {
  changes: Record<string, string | null> & { add?: string[] };
  missing: string[];
  unexpected: string[];
};
const golden = JSON.parse(readFileSync(join(goldens, "safetensors-model.json"), "utf8")) as {
  metadata: Record<string, string>;
  names: string[];
  reports: Report[];
};

/** Tied weights, and a buffer inside another. */
class Shared extends nn.Module {
  readonly output = new nn.Linear(3, 5);
  readonly embedding = new nn.Embedding(5, 3);
  declare readonly whole: Tensor;

  constructor() {
    super();
    (this.embedding as { weight: nn.Parameter }).weight = this.output.weight;
    this.registerBuffer("whole", arange(6));
    this.registerBuffer("a_part", this.whole.narrow(0, 2, 2));
    this.registerBuffer("turned", arange(6).reshape([2, 3]).t());
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

test("saveModel writes the names and metadata that save_model does", () => {
  const path = join(folder, "model.safetensors");
  const model = new Shared();
  saveModel(model, path, { metadata: { format: "pt" } });
  const { tensors, metadata } = readSafetensorsHeader(path);
  expect([...tensors.keys()].toSorted()).toEqual(golden.names);
  expect(metadata).toEqual(golden.metadata);
  const loaded = new Shared();
  expect(loadModel(loaded, path)).toEqual({ missingKeys: [], unexpectedKeys: [] });
  expect(loaded.embedding.weight.equal(model.output.weight)).toBe(true);
});

test("loadModel loads what save_model wrote", () => {
  const model = new Shared();
  expect(loadModel(model, theirs)).toEqual({ missingKeys: [], unexpectedKeys: [] });
  const file = loadSafetensors(theirs);
  expect(model.output.weight.equal(file.get("embedding.weight")!)).toBe(true);
  expect(model.stateDict().get("turned")!.equal(file.get("turned")!)).toBe(true);
});

describe("loadModel reports as load_model does", () => {
  test.each(golden.reports)("$changes", ({ changes, missing, unexpected }) => {
    const state = new Map<string, Tensor>();
    for (const [name, value] of loadSafetensors(theirs)) {
      const renamed = name in changes ? (changes[name] ?? null) : name;
      if (renamed !== null) state.set(renamed, value);
    }
    for (const name of changes.add ?? []) state.set(name, ones([5, 3]));
    const path = join(folder, "changed.safetensors");
    saveSafetensors(state, path);
    const found = loadModel(new Shared(), path, { strict: false });
    expect(found.missingKeys.toSorted()).toEqual(missing);
    expect(found.unexpectedKeys.toSorted()).toEqual(unexpected);
    const load = () => loadModel(new Shared(), path);
    if (missing.length + unexpected.length === 0) load();
    else expect(load).toThrow([...missing, ...unexpected][0]);
  });
});

test("the metadata of the caller stay, and need not be there", () => {
  const path = join(folder, "kept.safetensors");
  saveModel(new Shared(), path, { metadata: { a_part: "mine" } });
  expect(readSafetensorsHeader(path).metadata).toEqual({
    a_part: "mine",
    "output.weight": "embedding.weight",
  });
  saveModel(new nn.Linear(2, 2), path);
  expect(readSafetensorsHeader(path).metadata).toEqual({});
});

test("parts of one memory are saved alone, or refused where they overlap", () => {
  const path = join(folder, "parts.safetensors");
  const memory = arange(8);
  const model = (spans: [number, number][]) => {
    const made = new nn.Sequential(new nn.Linear(1, 1));
    for (const [i, [start, length]] of spans.entries()) {
      made.registerBuffer(`part${i}`, memory.narrow(0, start, length));
    }
    return made;
  };
  const halves: [number, number][] = [[0, 4], [4, 4]]; // prettier-ignore
  saveModel(model(halves), path);
  expect(loadSafetensors(path).get("part1")!.tolist()).toEqual([4, 5, 6, 7]);
  expect(loadModel(model(halves), path).missingKeys).toEqual([]);
  expect(() => saveModel(model([[0, 5], [4, 4]]), path)).toThrowErrorMatchingInlineSnapshot(`[UsageError: saveModel: of tensors that share memory one must cover all of it, got part0, part1, which are parts. Give each its own memory with clone().]`); // prettier-ignore
  expect(torch.loadSafetensors(path).size).toBe(4); // nothing was written
});

test("the error of a strict load lists all names", () => {
  const path = join(folder, "other.safetensors");
  saveModel(new nn.Linear(3, 2), path);
  const message = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return (error as Error).message.replace(folder, "FOLDER");
    }
    return "";
  };
  expect(message(() => loadModel(new nn.Sequential(new nn.Linear(3, 2)), path))).toMatchInlineSnapshot(
    `"loadModel: FOLDER/other.safetensors must hold the tensors of Sequential; missing: 0.bias, 0.weight; unexpected: bias, weight. Load the file of the same architecture, or set strict to false."`,
  );
  expect(() => loadModel(new nn.Linear(2, 2), path, { strict: false })).toThrow(/shape/);
});
