// State dicts of optimizers, between torch.optim of Python and ours: each goes on where the other stopped.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as torch from "sconce/torch";
import { beforeAll, describe, expect, test } from "vitest";
import "../../matchers.ts";
import { compatPython, compatSkipReason, runPython } from "../python.ts";

const { optim, nn } = torch;

/** Options with Python's names; what both sides call the same. */
const cases: Record<string, Record<string, unknown>> = {
  Adadelta: { lr: 0.5, rho: 0.8, weight_decay: 0.01 },
  Adafactor: { lr: 0.05, weight_decay: 0.01 },
  Adagrad: { lr: 0.1, lr_decay: 0.01, initial_accumulator_value: 0.1 },
  Adam: { lr: 0.02, betas: [0.8, 0.95], amsgrad: true },
  AdamW: { lr: 0.02, weight_decay: 0.1 },
  Adamax: { lr: 0.05, betas: [0.8, 0.95] },
  ASGD: { lr: 0.05, t0: 2, lambd: 0.01 },
  LBFGS: { lr: 0.1, max_iter: 3, history_size: 4, line_search_fn: "strong_wolfe" },
  Muon: { lr: 0.05, weight_decay: 0.1 },
  NAdam: { lr: 0.02, momentum_decay: 0.01 },
  RAdam: { lr: 0.05, betas: [0.8, 0.9] },
  RMSprop: { lr: 0.02, momentum: 0.9, centered: true },
  Rprop: { lr: 0.02, etas: [0.6, 1.3] },
  SGD: { lr: 0.05, momentum: 0.9, nesterov: true },
  SparseAdam: { lr: 0.05 },
};

const steps = 8;
const table = torch.tensor([[0.5, -1, 2], [1.5, 0.25, -0.5], [-2, 1, 0.75], [0.1, 0.2, -0.3]]); // prettier-ignore

/** Trains rows of a table towards 1 in Python, from a checkpoint of each case, and saves another. */
const train = `
import json, sys, torch
cases, folder, jobs = json.loads(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
for name, options in cases.items():
    for start, source, target in jobs:
        checkpoint = torch.load(f"{folder}/{name}-{source}.pt", weights_only=True)
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
        torch.save({"weight": weight.detach(), "optimizer": optimizer.state_dict()}, f"{folder}/{name}-{target}.pt")
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
    const folder = mkdtempSync(join(tmpdir(), "sconce-compat-"));
    const path = (name: string, file: string) => join(folder, `${name}-${file}.pt`);
    const python = (...jobs: [start: number, from: string, to: string][]) =>
      runPython(train, JSON.stringify(cases), folder, JSON.stringify(jobs));

    beforeAll(() => {
      compatPython();
      for (const [name, options] of Object.entries(cases)) {
        torch.save({ weight: table }, path(name, "start"));
        trainHere(name, options, 0, path(name, "start"), path(name, "here"));
      }
      python([0, "start", "python"], [steps, "python", "python-python"], [steps, "here", "here-python"]);
    }, 1_800_000);

    test("every optimizer of torch.optim is tried", () => {
      const names = runPython(
        "import json, torch; o = torch.optim; print(json.dumps([n for n in dir(o) if isinstance(getattr(o, n), type) " +
          "and issubclass(getattr(o, n), o.Optimizer) and n != 'Optimizer']))",
      );
      expect(Object.keys(cases).sort()).toEqual((names as string[]).sort());
    });

    test.each(Object.entries(cases))("%s goes on in Python, and back here", (name, options) => {
      trainHere(name, options, steps, path(name, "python"), path(name, "python-here"));
      const expected = read(path(name, "python-python")).weight;
      expect(expected).not.toBeAllclose(read(path(name, "python")).weight, { atol: 1e-4 });
      expect(read(path(name, "here-python")).weight).toBeAllclose(expected, { atol: 1e-5 });
      expect(read(path(name, "python-here")).weight).toBeAllclose(expected, { atol: 1e-5 });
    });
  },
);
