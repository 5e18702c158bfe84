// Files that we write, read by Python's torch, safetensors and numpy.
import { copyFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as torch from "sconce/torch";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { compatPython, compatSkipReason, runPython } from "../python.ts";

const goldens = new URL("../../goldens/torch/", import.meta.url).pathname;

/** Prints whether two state dicts hold the same tensors, bit for bit. */
const compare = `
def same(a, b):
    a, b = a.detach().resolve_conj().resolve_neg(), b.detach().resolve_conj().resolve_neg()
    if a.dtype != b.dtype or a.shape != b.shape: return False
    if a.dtype.is_complex: a, b = torch.view_as_real(a), torch.view_as_real(b)
    a, b = (t.clone(memory_format=torch.contiguous_format).reshape(-1) for t in (a, b))
    return a.view(torch.uint8).equal(b.view(torch.uint8))
`;

describe.skipIf(compatSkipReason !== undefined)(
  `files in Python (${compatSkipReason ?? "asked for"})`,
  () => {
    let folder: string;
    beforeAll(() => void compatPython(), 1_800_000);
    beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "sconce-compat-"))));

    test("torch.load(weights_only=True) reads every dtype, stride and flag that torch.save wrote", () => {
      const theirs = join(goldens, "io", "tensors.pt");
      const ours = join(folder, "tensors.pt");
      torch.save(torch.load(theirs), ours);
      const source = `
import json, sys, torch
${compare}
a, b = (torch.load(path, weights_only=True) for path in sys.argv[1:])
c = torch.load(sys.argv[2], weights_only=True, mmap=True)
print(json.dumps({
    "names": list(a) == list(b),
    "differ": [n for n in a if not same(a[n], b[n]) or not same(a[n], c[n]) or a[n].stride() != b[n].stride()
               or type(a[n]) != type(b[n]) or a[n].requires_grad != b[n].requires_grad],
    "shared": b["base"].data_ptr() == b["transposed"].data_ptr(),
}))`;
      expect(runPython(source, theirs, ours)).toEqual({ names: true, differ: [], shared: true });
    });

    test("torch.load reads plain data and shared weights", () => {
      const path = join(folder, "plain.pt");
      const list = [1];
      const parameter = new torch.nn.Parameter(torch.ones([2]));
      torch.save(
        {
          numbers: [0, 255, 256, 65536, -1, 2 ** 40, -(2n ** 70n), 0.5, -0, Infinity],
          text: "é 🕯",
          bytes: Uint8Array.of(0, 255),
          none: null,
          flags: [true, false],
          set: new Set([1, "a"]),
          map: new Map<unknown, unknown>([[[1, "x"], 1], [null, 2]]), // prettier-ignore
          shared: [list, list],
          weights: { a: parameter, b: parameter },
          many: Array.from({ length: 300 }, (_, i) => `name ${i}`).concat("name 299"),
        },
        path,
      );
      const source = `
import sys, json, torch
x = torch.load(sys.argv[1], weights_only=True)
expected = {
    "numbers": [0, 255, 256, 65536, -1, 2**40, -(2**70), 0.5, -0.0, float("inf")],
    "text": "é 🕯", "bytes": b"\\x00\\xff", "none": None, "flags": [True, False], "set": {1, "a"},
    "map": {(1, "x"): 1, None: 2}, "shared": [[1], [1]],
    "many": [f"name {i}" for i in range(300)] + ["name 299"],
}
print(json.dumps([k for k in expected if x[k] != expected[k]] + [x["shared"][0] is x["shared"][1], x["weights"]["a"] is x["weights"]["b"], type(x["weights"]["a"]).__name__]))`;
      expect(runPython(source, path)).toEqual([true, true, "Parameter"]);
    });

    test("safetensors and transformers read shards that saveShardedSafetensors wrote", () => {
      const config = { model_type: "bert", architectures: ["BertModel"], hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16, vocab_size: 20, max_position_embeddings: 8 }; // prettier-ignore
      const made = `
import json, sys
from transformers import BertConfig, BertModel
BertModel(BertConfig(**json.loads(sys.argv[2]))).save_pretrained(sys.argv[1], max_shard_size="50GB")
print("null")`;
      const theirs = join(folder, "theirs");
      runPython(made, theirs, JSON.stringify(config));
      const ours = join(folder, "ours");
      const files = torch.saveShardedSafetensors(
        torch.loadSafetensors(join(theirs, "model.safetensors")),
        ours,
        {
          maxShardSize: "1KB",
        },
      );
      expect(files.length).toBeGreaterThan(3);
      copyFileSync(join(theirs, "config.json"), join(ours, "config.json"));
      const source = `
import json, sys, torch
from transformers import BertModel
a, b = (BertModel.from_pretrained(path).state_dict() for path in sys.argv[1:])
print(json.dumps([list(a) == list(b), all(a[n].equal(b[n]) for n in a)]))`;
      expect(runPython(source, theirs, ours)).toEqual([true, true]);
    }, 300_000);

    test("safetensors.torch.load_file reads every dtype that saveSafetensors wrote", () => {
      const theirs = join(goldens, "safetensors-narrow.safetensors");
      const ours = join(folder, "narrow.safetensors");
      torch.saveSafetensors(torch.loadSafetensors(theirs), ours, { format: "pt" });
      const source = `
import json, sys, torch
from safetensors import safe_open
${compare}
def read(path):
    with safe_open(path, "pt") as file: return {key: file.get_tensor(key) for key in file.keys()}
a, b = (read(path) for path in sys.argv[1:])
print(json.dumps([sorted(a) == sorted(b), [n for n in a if not same(a[n], b[n])]]))`;
      expect(runPython(source, theirs, ours)).toEqual([true, []]);
    });

    test("safetensors.torch.load_model reads what saveModel wrote, and loadModel what save_model wrote", () => {
      const [ours, theirs] = [join(folder, "ours.safetensors"), join(folder, "theirs.safetensors")];
      const tied = () => {
        const model = new torch.nn.Sequential(new torch.nn.Linear(3, 5), new torch.nn.Embedding(5, 3));
        (model.at(1) as unknown as { weight: torch.nn.Parameter }).weight = (
          model.at(0) as unknown as torch.nn.Linear
        ).weight;
        return model;
      };
      const model = tied();
      torch.saveModel(model, ours, { metadata: { format: "pt" } });
      const source = `
import json, sys, torch
from safetensors import safe_open
from safetensors.torch import load_model, save_model
def tied():
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Embedding(5, 3))
    model[1].weight = model[0].weight
    return model
model = tied()
missing, unexpected = load_model(model, sys.argv[1])
save_model(model, sys.argv[2], metadata={"format": "pt"})
a, b = (safe_open(path, "pt") for path in sys.argv[1:])
print(json.dumps([sorted(missing), unexpected, a.metadata() == b.metadata(), sorted(a.keys()) == sorted(b.keys())]))`;
      expect(runPython(source, ours, theirs)).toEqual([[], [], true, true]);
      const loaded = tied();
      expect(torch.loadModel(loaded, theirs)).toEqual({ missingKeys: [], unexpectedKeys: [] });
      const weights = loaded.stateDict();
      for (const [name, tensor] of model.stateDict()) expect(weights.get(name)!.equal(tensor)).toBe(true);
    });

    test("numpy.load reads .npz archives, compressed or not", () => {
      const theirs = join(goldens, "numpy", "plain.npz");
      const paths = [false, true].map((compressed) => {
        const path = join(folder, `${compressed}.npz`);
        torch.saveNpz(path, torch.loadNpz(theirs), { compressed });
        return path;
      });
      const source = `
import json, sys, numpy as np
files = [np.load(path) for path in sys.argv[1:]]
same = lambda a, b: a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() and a.flags.f_contiguous == b.flags.f_contiguous
print(json.dumps([[f.files == files[0].files, all(same(f[n], files[0][n]) for n in f.files)] for f in files[1:]]))`;
      expect(runPython(source, theirs, ...paths)).toEqual([[true, true], [true, true]]); // prettier-ignore
    });
  },
);
