// Python on modules that Sconce logged: MLflow's python_function flavour, and the weights alone.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { logModel } from "sconce/tasks";
import { nn, randn } from "sconce/torch";
import type { Tensor } from "sconce/torch";
import { ActiveRun, SqliteStore, registerModelVersion } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeLayers } from "../../../src/models/layers/architecture.ts";
import { knownLayers } from "../../../src/models/layers/settings.ts";
import { pythonLoader } from "../../../src/tracking/models/python-loader.ts";
import { goldenCases, layerOf } from "../../golden-layers.ts";
import "../../matchers.ts";
import { compatSkipReason, runPython } from "../python.ts";

const load = `
import json, sys, mlflow, mlflow.artifacts, numpy, torch
from safetensors.torch import load_file
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
x = numpy.array(json.loads(sys.argv[4]), dtype="float32")
model = mlflow.pyfunc.load_model("models:/net/1")
folder = mlflow.artifacts.download_artifacts("models:/net/1")
info = mlflow.models.get_model_info(f"runs:/{sys.argv[2]}/model")
read = mlflow.models.Model.load(folder)
import sconce_torch_model
module = sconce_torch_model.load(folder + "/data")
print(json.dumps({
    "pyfunc": model.predict(x).tolist(),
    "run": mlflow.pyfunc.load_model(f"runs:/{sys.argv[2]}/model").predict(x).tolist(),
    "module": module(torch.from_numpy(x)).tolist(),
    "text": repr(module),
    "training": module.training,
    "trained": all(p.requires_grad for p in module.parameters()),
    "keys": sorted(load_file(folder + "/data/model.safetensors")),
    "flavors": sorted(read.flavors),
    "signature": [repr(info.signature.inputs), repr(info.signature.outputs)],
    "example": model.input_example.tolist(),
    "logged": mlflow.get_logged_model(sys.argv[3]).status.value,
}))
`;

const loadWeights = `
import json, sys, mlflow, mlflow.artifacts, torch
from safetensors.torch import load_file
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
folder = mlflow.artifacts.download_artifacts(f"models:/{sys.argv[2]}")
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)
    def forward(self, x):
        return self.fc(x).relu()
net = Net()
net.load_state_dict(load_file(folder + "/data/model.safetensors"))
print(json.dumps({
    "output": net(torch.tensor(json.loads(sys.argv[3]))).tolist(),
    "flavors": sorted(mlflow.models.Model.load(folder).flavors),
    "info": mlflow.models.get_model_info(f"models:/{sys.argv[2]}").flavors["sconce"]["model_class"],
}))
`;

const predictAll = `
import json, sys, mlflow, numpy
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
as_array = lambda value: numpy.array(value, dtype="float32")
answers = []
for model_id, given in zip(json.loads(sys.argv[2]), json.loads(sys.argv[3])):
    data = {name: as_array(value) for name, value in given.items()} if isinstance(given, dict) else as_array(given)
    answers.append(mlflow.pyfunc.load_model("models:/" + model_id).predict(data).tolist())
print(json.dumps(answers))
`;

const buildAll = `
import json, sys
source, cases = json.loads(open(sys.argv[1]).read())
loader = {}
exec(source, loader)
print(json.dumps([repr(loader["_build"](case)) for case in cases]))
`;

class Net extends nn.Module {
  readonly fc = new nn.Linear(3, 2);
  override forward(x: Tensor): Tensor {
    return this.fc.forward(x).relu();
  }
}

function lists(tensors: Record<string, Tensor>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.tolist()]));
}

describe.skipIf(compatSkipReason !== undefined)(`torch modules (${compatSkipReason ?? "asked for"})`, () => {
  const root = mkdtempSync(join(tmpdir(), "sconce-compat-"));
  const path = join(root, "mlflow.db");
  let store: SqliteStore;
  let run: ActiveRun;
  beforeAll(async () => {
    store = await SqliteStore.open({ path });
    run = await ActiveRun.start({ store, experimentName: "nets", artifactLocation: join(root, "nets") });
  });
  afterAll(async () => {
    await run.end();
    await store.close();
  });

  test("layers of torch.nn load by pyfunc and as a module, and answer as here", async () => {
    const net = new nn.Sequential({
      conv: new nn.Conv2d(1, 4, 3, { padding: 1 }),
      norm: new nn.BatchNorm2d(4),
      block: new nn.Sequential(new nn.GELU(), new nn.AvgPool2d(2), new nn.Dropout(0.5), new nn.Flatten()),
      head: new nn.Linear(16, 3),
    });
    for (let i = 0; i < 3; i++) net.forward(randn([8, 1, 4, 4]));
    const x = randn([2, 1, 4, 4]);
    const model = await logModel(run, net, { inputExample: x });
    await registerModelVersion(store, { name: "net", source: `models:/${model.modelId}` });
    const seen = runPython(load, path, run.runId, model.modelId, JSON.stringify(x.tolist())) as Record<
      string,
      any
    >;
    const expected = net.eval().forward(x);
    for (const way of ["pyfunc", "run", "module"])
      expect(expected, way).toBeAllclose(seen[way], { atol: 1e-6 });
    expect(x).toBeAllclose(seen["example"], { atol: 1e-6 });
    expect(seen).toMatchObject({
      text: String(net),
      training: false,
      trained: true,
      keys: [...net.stateDict().keys()].sort(),
      flavors: ["python_function", "sconce"],
      signature: ["[Tensor('float32', (-1, 1, 4, 4))]", "[Tensor('float32', (-1, 3))]"],
      logged: "READY",
    });
  });

  test("attention layers and a transformer load by pyfunc, and answer as here", async () => {
    const net = new nn.Sequential(
      new nn.Linear(3, 8),
      new nn.TransformerEncoder(
        new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, activation: "gelu", batchFirst: true }),
        2,
      ),
      new nn.Linear(8, 2),
    );
    const attention = new nn.MultiheadAttention(8, 2, { kdim: 3, vdim: 5, addBiasKv: true });
    const transformer = new nn.Transformer(8, 2, {
      numEncoderLayers: 1,
      numDecoderLayers: 1,
      dimFeedforward: 16,
      normFirst: true,
    });
    const x = randn([2, 4, 3]);
    const [query, key, value] = [randn([4, 1, 8]), randn([6, 1, 3]), randn([6, 1, 5])];
    const [src, tgt] = [randn([5, 1, 8]), randn([3, 1, 8])];
    const ids: string[] = [];
    for (const module of [net, attention, transformer]) {
      ids.push((await logModel(run, module, { artifactPath: `m${ids.length}` })).modelId);
    }
    const inputs = [x.tolist(), lists({ query, key, value }), lists({ src, tgt })];
    const seen = runPython(predictAll, path, JSON.stringify(ids), JSON.stringify(inputs)) as number[][];
    const answers = [
      net.eval().forward(x),
      attention.eval().forward(query, key, value)[0],
      transformer.eval().forward(src, tgt),
    ];
    for (const [index, answer] of answers.entries())
      expect(answer).toBeAllclose(seen[index]!, { atol: 1e-5 });
  });

  test("of a class of its own, Python reads the weights", async () => {
    const net = new Net();
    const model = await logModel(run, net, { artifactPath: "own" });
    const x = randn([2, 3]);
    const seen = runPython(loadWeights, path, model.modelId, JSON.stringify(x.tolist())) as Record<
      string,
      any
    >;
    expect(net.forward(x)).toBeAllclose(seen["output"], { atol: 1e-6 });
    expect(seen).toMatchObject({ flavors: ["sconce"], info: "Net" });
  });

  test("every layer that is described is built by torch.nn as it prints itself here", () => {
    const made = goldenCases("layers")
      .filter(({ target, text }) => text !== undefined && knownLayers.has(target))
      .map((entry) => layerOf("layers", entry))
      .concat(
        new nn.Embedding(5, 3, { paddingIdx: 1, maxNorm: 1 }),
        new nn.EmbeddingBag(5, 3, { mode: "sum" }),
        new nn.LSTM(3, 4, { batchFirst: true, bidirectional: true, projSize: 2 }),
        new nn.GRU(3, 4, { numLayers: 2 }),
        new nn.RNNCell(3, 4, { nonlinearity: "relu" }),
        new nn.MultiheadAttention(8, 2, { kdim: 3, addBiasKv: true, batchFirst: true }),
        new nn.TransformerEncoder(new nn.TransformerEncoderLayer(8, 2, { activation: "gelu" }), 2, {
          norm: new nn.LayerNorm([8]),
        }),
        new nn.TransformerDecoder(new nn.TransformerDecoderLayer(8, 2, { bias: false }), 1),
        new nn.Transformer(8, 2, { numEncoderLayers: 1, numDecoderLayers: 1, normFirst: true }),
      )
      .flatMap((layer) => {
        const description = describeLayers(layer);
        return description === undefined ? [] : [{ text: String(layer), description }];
      });
    expect(made.length).toBeGreaterThan(120);
    const file = join(root, "layers.json");
    writeFileSync(file, JSON.stringify([pythonLoader, made.map(({ description }) => description)]));
    // JSON writes 1.0 as 1, which is the same setting
    const plain = (text: string) => text.replace(/\.0\b/g, "");
    expect((runPython(buildAll, file) as string[]).map(plain)).toEqual(made.map(({ text }) => plain(text)));
  });
});
