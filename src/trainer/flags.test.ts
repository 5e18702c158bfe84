// Every flag of Lightning's Trainer: it works in code and in configs, or is refused with the reason.
import { readFileSync, rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { camelCase } from "../base/index.ts";
import { parseConfig, validateUseCase } from "../config/index.ts";
import type { ConfigMap } from "../config/index.ts";
import {
  isDeterministicAlgorithmsWarnOnlyEnabled,
  isGradEnabled,
  isInferenceModeEnabled,
  manualSeed,
} from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { ModelCheckpoint, Timer, Trainer } from "./index.ts";
import type { Callback, TrainerOptions, TrainingLogger } from "./index.ts";

// written by tools/golden/lightning_flags.py: each flag with its default
const defaults = JSON.parse(
  readFileSync(new URL("../../tests/goldens/trainer/flags.json", import.meta.url), "utf8"),
) as Record<string, ConfigMap[string]>;

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-flags-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A value of each flag that is not its default; flags of which it works, in code and in a config of a use case. */
const table: Record<string, { value: unknown; code: true | string; config: true | string }> = {
  accelerator: { value: "cpu", code: true, config: true },
  strategy: { value: "ddp", code: "training runs in one process", config: "training runs in one process" },
  devices: { value: 1, code: true, config: true },
  num_nodes: { value: 2, code: "training runs in one process", config: "training runs in one process" },
  precision: { value: "bf16-mixed", code: true, config: true },
  logger: { value: false, code: true, config: 'loggers stand in the section "loggers"' },
  callbacks: { value: [], code: true, config: 'callbacks stand in the section "callbacks"' },
  fast_dev_run: { value: true, code: true, config: true },
  max_epochs: { value: 2, code: true, config: true },
  min_epochs: { value: 1, code: true, config: true },
  max_steps: { value: 4, code: true, config: true },
  min_steps: { value: 2, code: true, config: true },
  max_time: { value: "00:01:00:00", code: true, config: true },
  limit_train_batches: { value: 3, code: true, config: true },
  limit_val_batches: { value: 0.5, code: true, config: true },
  limit_test_batches: { value: 3, code: true, config: true },
  limit_predict_batches: {
    value: 3,
    code: true,
    config: "sconce predict reads the file that it is given whole",
  },
  overfit_batches: { value: 1, code: true, config: true },
  val_check_interval: { value: 0.5, code: true, config: true },
  check_val_every_n_epoch: { value: 2, code: true, config: true },
  num_sanity_val_steps: { value: 0, code: true, config: true },
  log_every_n_steps: { value: 0, code: true, config: true },
  enable_checkpointing: { value: false, code: true, config: true },
  enable_progress_bar: { value: false, code: true, config: true },
  enable_model_summary: { value: false, code: true, config: true },
  accumulate_grad_batches: { value: 2, code: true, config: true },
  gradient_clip_val: { value: 1, code: true, config: true },
  gradient_clip_algorithm: { value: "value", code: true, config: true },
  deterministic: { value: "warn", code: true, config: true },
  benchmark: {
    value: true,
    code: "it lets cuDNN choose its kernels",
    config: "it lets cuDNN choose its kernels",
  },
  inference_mode: { value: false, code: true, config: "evaluation always runs in inference mode" },
  use_distributed_sampler: { value: false, code: true, config: true },
  profiler: { value: "simple", code: true, config: true },
  detect_anomaly: { value: true, code: true, config: true },
  barebones: { value: true, code: true, config: "a run of a config is always tracked" },
  plugins: { value: ["x"], code: "a config never names code", config: "a config never names code" },
  sync_batchnorm: {
    value: true,
    code: "training runs in one process",
    config: "training runs in one process",
  },
  reload_dataloaders_every_n_epochs: { value: 2, code: true, config: "a data set is read once" },
  default_root_dir: { value: "elsewhere", code: true, config: "outputs stand under the project's outputs/" },
  enable_autolog_hparams: { value: false, code: true, config: "the whole config is always logged" },
  model_registry: {
    value: "name",
    code: 'the name of the model is the config\'s "register"',
    config: "register",
  },
};

/** Returns what is wrong with a trainer section, or undefined. */
async function problemOf(trainer: ConfigMap): Promise<string | undefined> {
  const config = { use_case: "flags", dataset: { train: "rows.csv", test: "other.csv" }, trainer };
  const document = await parseConfig(JSON.stringify(config), { source: "flags.json", format: "json" });
  const { issues } = await validateUseCase(document, { useCase: "flags" });
  return issues.length === 0 ? undefined : issues.map(({ message }) => message).join("\n");
}

describe("every flag of Lightning", () => {
  test("stands in the table", () => {
    expect(Object.keys(table)).toEqual(Object.keys(defaults));
  });

  test.each(Object.entries(table))(
    "%s works, or is refused with its reason",
    async (flag, { value, code, config }) => {
      const make = () => new Trainer({ [camelCase(flag)]: value });
      if (code === true) expect(make).not.toThrow();
      else expect(make).toThrow(code);
      const problem = await problemOf({ [flag]: value as ConfigMap[string] });
      if (config === true) expect(problem).toBeUndefined();
      else expect(problem).toContain(config);
    },
  );

  test("may be spelled out with its default, as Lightning's own configs do", async () => {
    const spelled = Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== null));
    expect(await problemOf(spelled)).toBeUndefined();
    const options = Object.fromEntries(
      Object.entries(spelled).map(([flag, value]) => [camelCase(flag), value]),
    );
    expect(() => new Trainer(options)).not.toThrow();
  });
});

const quiet = (options: TrainerOptions): Trainer =>
  new Trainer({ defaultRootDir: root, logger: false, enableProgressBar: false, maxEpochs: 1, ...options });

function model(): PointsModel {
  manualSeed(3);
  return new PointsModel({});
}

test("inference_mode: judging and predicting make inference tensors, and training does not", async () => {
  const modes: [string, boolean, boolean][] = [];
  const watched = (): PointsModel => {
    const subject = model();
    const { forward } = subject;
    subject.forward = function (this: PointsModel, ...inputs: Parameters<typeof forward>) {
      modes.push([this.training ? "train" : "eval", isInferenceModeEnabled(), isGradEnabled()]);
      return Reflect.apply(forward, this, inputs);
    } as typeof forward;
    return subject;
  };
  for (const inferenceMode of [true, false]) {
    modes.length = 0;
    const trainer = quiet({ inferenceMode });
    const subject = watched();
    await trainer.fit(subject, new PointsData());
    await trainer.test(subject, new PointsData());
    const [output] = (await trainer.predict(subject, new PointsData())) as Tensor[];
    expect(output!.isInference()).toBe(inferenceMode);
    const kinds = new Set(modes.map((mode) => mode.join(" ")));
    expect(kinds).toEqual(new Set([`eval ${inferenceMode} false`, "train false true"]));
  }
});

test("reload_dataloaders_every_n_epochs asks for new loaders after so many epochs", async () => {
  const epochs: string[] = [];
  let epoch = 0;
  const count: Callback = { name: "count", onTrainEpochStart: ({ state }) => void (epoch = state.epoch) };
  class Counted extends PointsData {
    override trainDataloader() {
      epochs.push(`train ${epoch}`);
      return super.trainDataloader();
    }
    override valDataloader() {
      epochs.push(`val ${epoch}`);
      return super.valDataloader();
    }
  }
  const fit = async (options: TrainerOptions) => {
    epochs.length = epoch = 0;
    const logged: number[] = [];
    const watch: Callback = { name: "watch", onTrainBatchEnd: (_, { loss }) => void logged.push(loss) };
    await quiet({ maxEpochs: 5, callbacks: [count, watch], ...options }).fit(model(), new Counted());
    return logged;
  };
  const once = await fit({});
  expect(epochs).toEqual(["train 0", "val 0"]);
  expect(await fit({ reloadDataloadersEveryNEpochs: 2 })).toEqual(once);
  // the training loader of an epoch is asked for before it starts
  expect(epochs).toEqual(["train 0", "val 0", "train 1", "val 2", "train 3", "val 4"]);
});

describe("barebones", () => {
  test("trains to the same weights without logs, checkpoints and the validation before training", async () => {
    const losses = async (options: TrainerOptions) => {
      const seen: number[] = [];
      const hooks: string[] = [];
      const watch: Callback = {
        name: "watch",
        onTrainBatchEnd: (_, { loss }) => void seen.push(loss),
        onSanityCheckStart: () => void hooks.push("sanity"),
        onSaveCheckpoint: () => void hooks.push("save"),
      };
      const trainer = new Trainer({ defaultRootDir: root, maxEpochs: 2, callbacks: [watch], ...options });
      await trainer.fit(model(), new PointsData());
      return { seen, hooks, metrics: trainer.callbackMetrics, loggers: trainer.loggers };
    };
    const plain = await losses({ enableProgressBar: false, logger: false });
    const write = vi.spyOn(process.stderr, "write");
    const bare = await losses({ barebones: true });
    expect(write).not.toHaveBeenCalled();
    write.mockRestore();
    expect(bare.seen).toEqual(plain.seen);
    expect([plain.hooks.includes("sanity"), plain.hooks.includes("save")]).toEqual([true, true]);
    expect([bare.hooks, bare.loggers]).toEqual([[], []]);
    expect(plain.metrics).toHaveProperty("val_accuracy");
    expect(Object.keys(bare.metrics)).toEqual(["val_loss"]); // what validationStep returns
  });

  test.each<[TrainerOptions]>([
    [{ enableCheckpointing: true }],
    [{ logger: true }],
    [{ enableProgressBar: true }],
    [{ logEveryNSteps: 5 }],
    [{ numSanityValSteps: 2 }],
    [{ fastDevRun: true }],
    [{ detectAnomaly: true }],
    [{ profiler: "simple" }],
  ])("refuses %j beside it", (options) => {
    const [name] = Object.keys(options);
    expect(() => new Trainer({ barebones: true, ...options })).toThrow(
      `Trainer: barebones: ${name} costs speed, so it cannot be on beside it. Leave ${name} out, or barebones.`,
    );
  });

  test("takes what is off anyway, and refuses a callback that keeps checkpoints", async () => {
    const off = {
      enableCheckpointing: false,
      logger: false,
      logEveryNSteps: 0,
      fastDevRun: 0,
      detectAnomaly: false,
    };
    expect(() => new Trainer({ barebones: true, ...off })).not.toThrow();
    const trainer = new Trainer({ barebones: true, callbacks: [new Timer(), new ModelCheckpoint()] });
    await expect(trainer.fit(model(), new PointsData())).rejects.toThrow("enableCheckpointing is false");
  });
});

test("enable_autolog_hparams: the model's config is logged, or is not", async () => {
  const params: object[] = [];
  const logger: TrainingLogger = {
    name: "memory",
    logHyperparams: (given) => void params.push(given),
    logMetrics: () => {},
  };
  await quiet({ logger, enableAutologHparams: false }).fit(model(), new PointsData());
  expect(params).toEqual([]);
  await quiet({ logger }).fit(model(), new PointsData());
  expect(params).toEqual([{}]);
});

test("deterministic: warn only warns, and only while it trains", async () => {
  const modes: boolean[] = [];
  const watch: Callback = {
    name: "watch",
    onTrainBatchEnd: () => void modes.push(isDeterministicAlgorithmsWarnOnlyEnabled()),
  };
  await quiet({ callbacks: [watch], deterministic: "warn", maxSteps: 1 }).fit(model(), new PointsData());
  await quiet({ callbacks: [watch], deterministic: true, maxSteps: 1 }).fit(model(), new PointsData());
  expect([...modes, isDeterministicAlgorithmsWarnOnlyEnabled()]).toEqual([true, false, false]);
});
