// State dicts of optimizers, between torch.optim of Python and ours: each goes on where the other stopped.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as torch from "sconce/torch";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import "../../matchers.ts";
import { compatPython, compatSkipReason, runPython } from "../python.ts";

const { optim, nn } = torch;

/** Options with Python's names; what both sides call the same. */
const cases: Record<string, Record<string, unknown>> = {
  Adam: { lr: 0.02, betas: [0.8, 0.95], amsgrad: true },
  SGD: { lr: 0.05, momentum: 0.9, nesterov: true },
  SparseAdam: { lr: 0.05 },
};

const steps = 8;
const table = torch.tensor([[0.5, -1, 2], [1.5, 0.25, -0.5], [-2, 1, 0.75], [0.1, 0.2, -0.3]]); // prettier-ignore

/** Trains rows of a table towards 1 in Python, from a checkpoint where there is one, and saves a checkpoint. */
const train = `
import json, sys, torch
name, options, start, source, target = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
checkpoint = torch.load(source, weights_only=True)
weight = torch.nn.Parameter(checkpoint["weight"].clone())
optimizer = getattr(torch.optim, name)([weight], **options)
if "optimizer" in checkpoint: optimizer.load_state_dict(checkpoint["optimizer"])
for step in range(start, start + ${steps}):
    def closure():
        optimizer.zero_grad()
        rows = torch.tensor([step % 4, (step + 1) % 4, step % 4])
        y = torch.nn.functional.embedding(rows, weight, sparse=name == "SparseAdam")
        loss = ((y - 1) ** 2).sum()
        loss.backward()
        return loss
    optimizer.step(closure)
torch.save({"weight": weight.detach(), "optimizer": optimizer.state_dict()}, target)
print("{}")
`;

interface Checkpoint {
  weight: torch.Tensor;
  optimizer?: torch.optim.OptimizerStateDict;
}

/** Reads a checkpoint; a dictionary of Python's is a map. */
function read(path: string): Checkpoint {
  const plain = (value: unknown): unknown => {
    if (value instanceof Map)
      return Object.fromEntries(Array.from(value, ([key, item]) => [key, plain(item)]));
    return Array.isArray(value) ? value.map(plain) : value;
  };
  return plain(torch.load(path)) as Checkpoint;
}

/** Does as the Python above. */
function trainHere(name: string, options: Record<string, unknown>, start: number, from: string, to: string) {
  const checkpoint = read(from);
  const layer = nn.Embedding.fromPretrained(checkpoint.weight.clone(), {
    freeze: false,
    sparse: name === "SparseAdam",
  });
  type Maker = new (params: Iterable<torch.Tensor>, options: object) => torch.optim.Optimizer;
  const Optimizer = (optim as unknown as Record<string, Maker>)[name]!;
  const optimizer = new Optimizer(layer.parameters(), optim.camelCaseKeys(options));
  if (checkpoint.optimizer !== undefined) optimizer.loadStateDict(checkpoint.optimizer);
  for (let step = start; step < start + steps; step++) {
    optimizer.step(() => {
      optimizer.zeroGrad();
      const rows = torch.tensor([step % 4, (step + 1) % 4, step % 4].map(BigInt));
      const loss = layer.forward(rows).sub(1).pow(2).sum();
      loss.backward();
      return loss;
    });
  }
  torch.save({ weight: layer.weight.detach(), optimizer: optimizer.stateDict() }, to);
}

describe.skipIf(compatSkipReason !== undefined)(
  `optimizers in Python (${compatSkipReason ?? "asked for"})`,
  () => {
    let folder: string;
    beforeAll(() => void compatPython(), 1_800_000);
    beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "sconce-compat-"))));

    test.each(Object.entries(cases))(
      "%s goes on in Python, and back here",
      (name, options) => {
        const path = (file: string) => join(folder, `${file}.pt`);
        torch.save({ weight: table }, path("start"));
        const python = (start: number, from: string, to: string) =>
          runPython(train, name, JSON.stringify(options), String(start), path(from), path(to));
        python(0, "start", "python");
        python(steps, "python", "python-python");
        trainHere(name, options, 0, path("start"), path("here"));
        python(steps, "here", "here-python");
        trainHere(name, options, steps, path("python"), path("python-here"));
        const expected = read(path("python-python")).weight;
        expect(expected).not.toBeAllclose(read(path("python")).weight, { atol: 1e-4 });
        expect(read(path("here-python")).weight).toBeAllclose(expected, { atol: 1e-5 });
        expect(read(path("python-here")).weight).toBeAllclose(expected, { atol: 1e-5 });
      },
      120_000,
    );
  },
);
