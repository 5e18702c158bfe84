// Whole jobs on a tiny model: what the config asks for happens, and what goes wrong says so and damages nothing.
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import { makeTinyProject, tinyRows, writeRows } from "../../tests/fixtures/tiny-project.ts";
import type { TinyProject, TinyProjectOptions } from "../../tests/fixtures/tiny-project.ts";
import { SconceError, logger, writeFileAtomic } from "../base/index.ts";
import { dispose, loadSafetensors, noGrad, saveSafetensors } from "../torch/index.ts";
import { SqliteStore } from "../tracking/index.ts";
import { newestCheckpoint } from "../trainer/index.ts";
import type { Callback, Run } from "../trainer/index.ts";
import { BertTrainerTorch, InterruptedError, TextClassifier } from "./index.ts";
import type { ProgressListener, TrainResult } from "./index.ts";

let project: TinyProject;
afterEach(() => project?.remove());

function make(options: TinyProjectOptions = {}): TinyProject {
  return (project = makeTinyProject(options));
}

async function train(
  overrides: string[] = [],
  options: { callbacks?: Callback[]; progress?: ProgressListener } = {},
): Promise<TrainResult> {
  return (await BertTrainerTorch.fromFile(project.config, { overrides, ...options })).train();
}

/** Returns the error that training ends with; all paths in it begin with ROOT. */
async function failure(
  overrides: string[] = [],
  options: Parameters<typeof train>[1] = {},
): Promise<{ code: string; message: string }> {
  try {
    await train(overrides, options);
  } catch (error) {
    if (!SconceError.is(error)) throw error;
    return { code: error.code, message: error.message.replaceAll(project.root, "ROOT") };
  }
  throw new Error("the run went on");
}

async function stored(): Promise<{ status: string; reason: string | undefined }[]> {
  const store = await SqliteStore.open({ path: project.database });
  const runs = await store.searchRuns();
  await store.close();
  return runs.map(({ info, data }) => ({ status: info.status, reason: data.tags["sconce.end_reason"] }));
}

const record = () =>
  JSON.parse(readFileSync(join(project.runs().at(-1)!, "run.json"), "utf8")) as { status: string };

const weightsOf = (folder: string) => loadSafetensors(join(folder, "model.safetensors"));

/** Names of the weights that differ between two model folders. */
function changed(before: string, after: string): string[] {
  const [a, b] = [weightsOf(before), weightsOf(after)];
  return [...b.keys()].filter((name) => {
    const old = a.get(name) ?? a.get(name.replace(/^bert\./, ""));
    return old === undefined || !old.equal(b.get(name)!);
  });
}

describe("a finished run", () => {
  test("leaves a model, its record, its log, plots and evidence; the store says the same", async () => {
    make();
    const { modelFolder, metrics, runId, champion } = await train();
    const files = [
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "metrics.json",
      "run.json",
      "use_case.yaml",
    ];
    for (const file of files) expect(existsSync(join(modelFolder, file)), file).toBe(true);
    expect(existsSync(join(modelFolder, "run.lock"))).toBe(false);
    expect(readFileSync(join(modelFolder, "logs", "train.log"), "utf8")).toContain(
      "new weights, to be trained",
    );
    expect(record().status).toBe("FINISHED");
    expect(await stored()).toEqual([{ status: "FINISHED", reason: undefined }]);
    const store = await SqliteStore.open({ path: project.database });
    const { data } = await store.getRun(runId);
    const latest = Object.fromEntries(data.latestMetrics.map(({ key, value }) => [key, value]));
    expect(latest["test_f1"]).toBe(metrics["f1"]);
    expect(latest["val_f1"]).toBe(metrics["val_f1"]);
    await store.close();
    expect(champion?.promoted).toBe(true);
    expect(existsSync(join(project.champion, "run.lock"))).toBe(false);
  });

  test("learns separable words, and its model predicts what it measured", async () => {
    make({ train: tinyRows(300, 1), config: { trainer: { max_epochs: 10 }, optimizer: { lr: 1e-2 } } });
    const { metrics, modelFolder } = await train();
    expect(metrics["accuracy"]).toBeGreaterThan(0.9);
    const rows = tinyRows(21, 2);
    const predictions = await (
      await TextClassifier.fromPretrained(modelFolder)
    ).predict(rows.map(({ text }) => text));
    const right = predictions.filter(({ label }, i) => label === rows[i]!.label).length;
    expect(right / rows.length).toBeCloseTo(metrics["accuracy"]!, 12);
  });

  test("leaves no tensor behind", async () => {
    make();
    await train();
    const settle = async () => {
      for (let i = 0; i < 5; i++) {
        liveTensors();
        await new Promise((resolve) => setTimeout(resolve, 10)); // finalizers run in a later turn
      }
      return liveTensors();
    };
    const before = await settle();
    await train();
    expect(await settle()).toBe(before);
  });
});

describe("flags that concern the whole job", () => {
  test("fast_dev_run trains, validates and tests one batch, without checkpoint or champion", async () => {
    make();
    const rows: number[] = [];
    const result = await train(["trainer.fast_dev_run=true"], {
      callbacks: [{ name: "rows", onTrainBatchEnd: (_, { items }) => void rows.push(items) }],
    });
    expect(rows).toEqual([8]);
    expect(result.metrics["val_loss"]).toBeTypeOf("number");
    expect(result.champion).toBeUndefined();
    expect(result.modelUri).toBeUndefined();
    expect(existsSync(project.champion)).toBe(false);
    expect(existsSync(join(result.modelFolder, "checkpoints"))).toBe(false);
  });

  test("the delimiter of the data is that of the rows it is evaluated on, too", async () => {
    make({ config: { dataset: { delimiter: "^" } } });
    for (const name of ["train.csv", "test.csv"]) {
      const path = join(project.datasets, name);
      writeFileSync(path, readFileSync(path, "utf8").replaceAll(",", "^"));
    }
    const trainer = await BertTrainerTorch.fromFile(project.config);
    const { metrics, evaluation } = await trainer.train();
    expect(metrics["val_loss"]).toBeTypeOf("number");
    expect((await trainer.evaluate()).metrics.accuracy).toBe(evaluation.metrics.accuracy);
  });

  test("overfit_batches trains and validates on the same first rows, without champion", async () => {
    make({ config: { model: { dropout: 0, attention_dropout: 0 } } });
    const result = await train(["trainer.overfit_batches=1", "trainer.max_epochs=30", "optimizer.lr=0.01"]);
    expect(result.steps).toBe(30);
    expect(result.metrics["val_loss"]).toBeLessThan(0.3);
    expect(result.champion).toBeUndefined();
  });

  test("limit_train_batches and limit_test_batches take a part", async () => {
    make();
    const result = await train(["trainer.limit_train_batches=3", "trainer.limit_test_batches=1"]);
    expect(result.steps).toBe(6);
    expect(result.evaluation.rows).toBe(16);
    await expect(train(["trainer.limit_test_batches=0.1"])).rejects.toThrow("trainer.limit_test_batches");
  });

  test("enable_checkpointing false writes none", async () => {
    make();
    const { modelFolder } = await train(["trainer.enable_checkpointing=false"]);
    expect(existsSync(join(modelFolder, "checkpoints"))).toBe(false);
  });

  test.each([
    ["none", /^bert\.embeddings/, true],
    ["embeddings", /^bert\.embeddings/, false],
    ["embeddings", /^bert\.encoder/, true],
    ["encoder", /^bert\./, false],
    ["encoder", /^classifier/, true],
  ])("model.freeze=%s: weights %s are trained: %s", async (freeze, names, trained) => {
    make();
    // without decay a word that no row holds keeps its embedding: one of them must move
    const { modelFolder } = await train([`model.freeze=${freeze}`]);
    expect(changed(project.baseModel, modelFolder).some((name) => names.test(name))).toBe(trained);
  });

  test("dropouts of the model section replace those of the base model", async () => {
    make({ config: { model: { dropout: 0.3, attention_dropout: 0.2, classifier_dropout: 0.4 } } });
    const { modelFolder } = await train();
    expect(JSON.parse(readFileSync(join(modelFolder, "config.json"), "utf8"))).toMatchObject({
      hidden_dropout_prob: 0.3,
      attention_probs_dropout_prob: 0.2,
      classifier_dropout: 0.4,
    });
  });

  test.each(["32-true", "bf16-mixed", "bf16-true", "64-true"])(
    "precision %s trains to the end",
    async (precision) => {
      make({ config: { loss: { label_smoothing: 0.1 }, dataset: { class_weights: "inverse_frequency" } } });
      const { metrics, modelFolder } = await train([`trainer.precision=${precision}`]);
      expect(metrics["loss"]).toBeGreaterThan(0);
      const { dtype } = weightsOf(modelFolder).get("classifier.weight")!;
      expect(dtype).toBe({ "bf16-true": "bfloat16", "64-true": "float64" }[precision] ?? "float32");
    },
  );

  test("detect_anomaly and deterministic train as without", async () => {
    make({ config: { trainer: { max_epochs: 1, limit_train_batches: 1 } } }); // anomaly mode takes a second a step
    const plain = await train();
    const checked = await train(["trainer.detect_anomaly=true", "trainer.deterministic=true"]);
    expect(changed(plain.modelFolder, checked.modelFolder)).toEqual([]);
  });

  test("gradient_checkpointing and a profiler train as without, and the trace stands in the run's folder", async () => {
    make({ config: { model: { dropout: 0.1 }, trainer: { max_epochs: 1, limit_train_batches: 2 } } });
    const plain = await train();
    const other = await train(["model.gradient_checkpointing=true", "trainer.profiler=pytorch"]);
    expect(changed(plain.modelFolder, other.modelFolder)).toEqual([]);
    const trace = join(project.runs().at(-1)!, "fit-run_training_batch.pt.trace.json");
    const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as { traceEvents: { name: string }[] };
    const forwards = traceEvents.filter(({ name }) => name === "BertLayer: bert.encoder.layer.0");
    expect(forwards).toHaveLength(5); // twice in each of two steps, once in the validation
  });
});

describe("numbers that are not finite", () => {
  test("end the run as failed with the weight's name; the checkpoint before is whole", async () => {
    make({ config: { callbacks: [{ name: "model_checkpoint", every_n_train_steps: 1 }] } });
    const plant: Callback = {
      name: "plant",
      onTrainEpochStart({ state, task }: Run) {
        if (state.epoch !== 1) return;
        const weights = new Map(task.model.namedParameters());
        noGrad(() => void weights.get("bert.encoder.layer.1.output.dense.weight")!.fill_(NaN));
      },
    };
    const { code, message } = await failure([], { callbacks: [plant] });
    expect(code).toBe("training"); // exit code 1
    expect(message).toContain('The weight "bert.encoder.layer.1.output.dense.weight" holds NaN.');
    expect(record().status).toBe("FAILED");
    expect(await stored()).toEqual([{ status: "FAILED", reason: message }]);
    const checkpoint = (await newestCheckpoint(join(project.runs()[0]!, "checkpoints")))!;
    expect(checkpoint).toContain("epoch=0-step=8");
    for (const [name, weight] of weightsOf(checkpoint))
      expect(Boolean(weight.isfinite().all().item()), name).toBe(true);
  });

  test("that a middle module puts out end it with the module's name", async () => {
    make();
    const path = join(project.baseModel, "model.safetensors");
    const weights = loadSafetensors(path);
    const copies = new Map([...weights].map(([name, weight]) => [name, weight.clone()]));
    noGrad(() => void copies.get("encoder.layer.0.intermediate.dense.bias")!.fill_(3e38));
    dispose(weights);
    saveSafetensors(copies, path, { format: "pt" });
    const { message } = await failure(["trainer.num_sanity_val_steps=0"]);
    expect(message).toContain(
      '"bert.encoder.layer.0.intermediate" was the first module to put out infinity.',
    );
  });
});

test("weights that the last step made useless end the run when they are judged", async () => {
  make({ config: { scheduler: { name: "constant", warmup_ratio: undefined } } });
  const { code, message } = await failure([
    "trainer.max_steps=1",
    "trainer.max_epochs=-1",
    "optimizer.lr=1e38",
  ]);
  expect(code).toBe("training");
  expect(message).toMatch(
    /^classifier: the model must put out finite numbers\. The weight "bert\.[\w.]+" holds /,
  );
});

test("a full disk ends the run with its cause; once there is space the run goes on", async (context) => {
  const disk = mkdtempSync(join(tmpdir(), "sconce-disk-"));
  const mount = (...options: string[]) =>
    execFileSync("mount", ["-t", "tmpfs", "-o", options.join(","), "none", disk], { stdio: "pipe" });
  try {
    mount("size=1500k");
  } catch {
    rmSync(disk, { recursive: true });
    return context.skip("mounting a small disk is not allowed here");
  }
  try {
    make({
      root: disk,
      config: { callbacks: [{ name: "model_checkpoint", every_n_train_steps: 1, save_top_k: -1 }] },
    });
    const { code, message } = await failure();
    expect(code).toBe("file");
    expect(message).toMatch(/the checkpoint cannot be written, ENOSPC: .* Earlier checkpoints are untouched/);
    const left = readdirSync(disk, { recursive: true }).map(String);
    expect(left.filter((name) => /\.(tmp|lock)$/.test(name))).toEqual([]);
    mount("remount", "size=20m");
    const trainer = await BertTrainerTorch.fromFile(project.config);
    expect((await trainer.train({ resume: "last" })).steps).toBe(16);
  } finally {
    execFileSync("umount", ["--lazy", disk]); // mapped weights keep it until they are collected
  }
});

describe("a signal", () => {
  const at = (phase: string): ProgressListener => ({
    start(name) {
      if (name.startsWith(phase)) process.emit("SIGINT", "SIGINT");
    },
    update() {},
    end() {},
  });

  test.each(["loading the model", "evaluating"])("while %s ends the run as killed", async (phase) => {
    make();
    const error = await train([], { progress: at(phase) }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InterruptedError);
    expect((error as InterruptedError).exitCode).toBe(130);
    expect((await stored()).map(({ status }) => status)).toEqual(["KILLED"]);
    expect(record().status).toBe("KILLED");
    const resumed = await (await BertTrainerTorch.fromFile(project.config)).train({ resume: "last" });
    expect(resumed.steps).toBe(16);
  });

  test("while the result is stored lets it be stored", async () => {
    make();
    await train([], { progress: at("storing") });
    expect(await stored()).toEqual([{ status: "FINISHED", reason: undefined }]);
  });

  test("finds the handlers of the process as they were afterwards", async () => {
    make();
    const count = () => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");
    const before = count();
    await train();
    await failure(["dataset.max_length=600"]);
    expect(count()).toBe(before);
  });
});

describe("bad data and models", () => {
  const rows = tinyRows(66, 1);
  const trainFile = () => join(project.datasets, "train.csv");
  const modelFile = (name: string) => join(project.baseModel, name);
  const testFile = () => join(project.datasets, "test.csv");
  interface Refusal {
    damage: () => void;
    overrides?: string[];
    /** `config`, `data` and `file` end the command with exit code 2. */
    code: string;
    message: string;
  }
  const refusals: Record<string, Refusal> = {
    "an empty training file": {
      damage: () => writeFileSync(trainFile(), ""),
      code: "config",
      message:
        'ROOT/use_cases/demo/Configurations/config.json:8:14: dataset.train: "Datasets/train.csv": the file is empty. Fill it.',
    },
    "a training file with a header alone": {
      damage: () => writeFileSync(trainFile(), "text,label\n"),
      code: "config",
      message:
        'ROOT/use_cases/demo/Configurations/config.json:8:14: dataset.train: "Datasets/train.csv": the file has a header and no rows. Add rows.',
    },
    "an empty test file": {
      damage: () => writeFileSync(testFile(), "text,label\n"),
      code: "config",
      message:
        'ROOT/use_cases/demo/Configurations/config.json:9:13: dataset.test: "Datasets/test.csv": the file has a header and no rows. Add rows.',
    },
    "invalid UTF-8": {
      damage: () => appendFileSync(trainFile(), Buffer.from([0xff, 0xfe, 0x0a])),
      code: "config",
      message:
        'ROOT/use_cases/demo/Configurations/config.json:8:14: dataset.train: "Datasets/train.csv": the text must be UTF-8. Save the file in that encoding.',
    },
    "a class with one row": {
      damage: () => writeRows(trainFile(), [...rows, { text: "snow", label: "snow" }]),
      code: "data",
      message:
        'split: each class needs at least two rows to stand in both parts, "snow" has one. Add rows of that class, remove it, or set dataset.validation_ratio to 0 and name a dataset.validation file.',
    },
    "one class alone": {
      damage: () =>
        writeRows(
          trainFile(),
          rows.filter(({ label }) => label === "sun"),
        ),
      code: "data",
      message:
        'ROOT/use_cases/demo/Datasets/train.csv: labels: a classifier needs at least two classes, the training data has only "sun". Check dataset.label_column.',
    },
    "an unknown label in the test file": {
      damage: () => writeRows(testFile(), [...tinyRows(21, 2), { text: "a", label: "fog" }]),
      code: "data",
      message:
        'ROOT/use_cases/demo/Datasets/test.csv:23: label "fog" is not among the classes of the training data, at 1 row (ROOT/use_cases/demo/Datasets/test.csv:23). Known: "rain", "sun", "wind". Correct or remove these rows, or add such rows to the training data.',
    },
    "a row without a label": {
      damage: () => writeRows(trainFile(), [...rows, { text: "wet", label: "" }]),
      code: "data",
      message:
        "ROOT/use_cases/demo/Datasets/train.csv:68: every row needs a label, 1 row has none (ROOT/use_cases/demo/Datasets/train.csv:68). Label them, or remove them.",
    },
    "max_length beyond the model": {
      damage: () => {},
      overrides: ["dataset.max_length=21"],
      code: "data",
      message:
        "dataset.max_length: ROOT/pretrained_models/tiny reads at most 20 tokens, got 21. Set it to 20 or less.",
    },
    "truncated weights": {
      damage: () => truncateSync(modelFile("model.safetensors"), 5000),
      code: "file",
      message:
        "ROOT/pretrained_models/tiny/model.safetensors: the tensors must fit the file: they take 20544 bytes, got 1064. The file is cut off: download or copy it again.",
    },
    "empty weights": {
      damage: () => truncateSync(modelFile("model.safetensors"), 0),
      code: "file",
      message:
        "ROOT/pretrained_models/tiny/model.safetensors: the file must start with 8 bytes that give the header's length, got 0 bytes. The file is damaged or no safetensors file: download or save it again.",
    },
    "no weights": {
      damage: () => rmSync(modelFile("model.safetensors")),
      code: "file",
      message:
        "ROOT/pretrained_models/tiny: a model folder must hold model.safetensors, got none. Name a folder saved by savePretrained.",
    },
    "no tokenizer": {
      damage: () => rmSync(modelFile("vocab.txt")),
      code: "file",
      message:
        "ROOT/pretrained_models/tiny: a tokenizer needs tokenizer.json, or vocab.txt for BERT; neither is there. Download the model's folder again, or copy the tokenizer of its base model into it.",
    },
    "a tokenizer with more tokens than the model": {
      damage: () => appendFileSync(modelFile("vocab.txt"), "x1\nx2\nx3\nx4\nx5\n"),
      code: "file",
      message:
        "ROOT/pretrained_models/tiny: the tokenizer has 37 tokens, but the model only 35. Restore the tokenizer that belongs to the model.",
    },
    "a config.json that is cut off": {
      damage: () => truncateSync(modelFile("config.json"), 50),
      code: "file",
      message:
        "ROOT/pretrained_models/tiny/config.json: must be JSON, got an error: SyntaxError: Unterminated string in JSON at position 50. Restore the file.",
    },
    "a damaged champion.json": {
      damage: () => writeFileAtomic(join(project.champion, "champion.json"), "{}"),
      code: "file",
      message:
        "ROOT/outputs/OptimumModels/demo/first/champion.json: must say which run the champion is of, but it is damaged. Restore it, or move ROOT/outputs/OptimumModels/demo/first away to begin without a champion.",
    },
  };
  test.each(Object.entries(refusals))(
    "%s: one clear message, and nothing trained",
    async (_, { damage, overrides, code, message }) => {
      make();
      damage();
      expect(await failure(overrides)).toEqual({ code, message });
      for (const { status } of existsSync(project.database) ? await stored() : [])
        expect(status).toBe("FAILED");
    },
  );

  test("a failed run leaves champion, data and base model as they were", async () => {
    make();
    await train();
    const snapshot = () =>
      [project.champion, project.baseModel, project.datasets].flatMap((folder) =>
        readdirSync(folder).map((name) => `${name} ${readFileSync(join(folder, name)).toString("base64")}`),
      );
    const before = snapshot();
    await failure(["dataset.max_length=21"]);
    await failure(["dataset.test=Datasets/train.csv", "trainer.limit_test_batches=0.01"]);
    expect(snapshot()).toEqual(before);
    expect((await stored()).filter(({ status }) => status === "FINISHED")).toHaveLength(1);
  });

  test("empty texts and texts far beyond the limit are trained on, empty ones with a warning", async () => {
    const odd = [
      { text: "", label: "sun" },
      { text: "  ", label: "rain" },
      { text: "storm ".repeat(50_000), label: "wind" },
    ];
    make({ train: [...rows, ...odd], test: [...tinyRows(21, 2), ...odd] });
    const warnings: string[] = [];
    const stop = logger.addSink((level, message) => level === "warn" && warnings.push(message));
    const { metrics } = await train();
    stop();
    expect(metrics["loss"]).toBeLessThan(5);
    expect(warnings.some((warning) => /empty texts in [12] of \d+ rows/.test(warning))).toBe(true);
  });
});
