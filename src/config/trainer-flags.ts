// The trainer's flags, by Lightning's names (2.6). A flag that does not work here is refused with the reason.
import * as z from "zod";
import { own } from "../base/index.ts";
import { batches, choice, duration, expecting, flag, integer, number, only } from "./fields.ts";
import { profilerSchema } from "./profilers.ts";

const precisions = ["32-true", "bf16-mixed", "bf16-true", "64-true"] as const;
const precisionSpellings: Readonly<Record<string, string>> = {
  "32": "32-true",
  "64": "64-true",
  bf16: "bf16-mixed",
};

const oneProcess = "training runs in one process";

/** Accepts the trainer section. A number of batches is an integer, a share of them is below 1. */
export const trainerSchema = z.strictObject({
  /** -1: no limit. Absent: 3, or no limit where `max_steps` is set. */
  max_epochs: integer({ min: -1 }).default(3),
  min_epochs: integer({ min: 0 }).optional(),
  /** Optimizer steps; -1: no limit. */
  max_steps: integer({ min: -1 }).default(-1),
  min_steps: integer({ min: 0 }).optional(),
  max_time: duration().optional(),
  precision: expecting(
    `one of ${precisions.join(", ")}`,
    z.preprocess((value) => own(precisionSpellings, String(value)) ?? value, z.enum(precisions)),
  ).default("32-true"),
  accumulate_grad_batches: integer({ min: 1 }).default(1),
  /** Where memory runs out, computes a batch in parts of fewer rows; the step keeps its rows and its loss. */
  auto_find_batch_size: flag().default(true),
  /** Absent or 0: no clipping. */
  gradient_clip_val: number({ min: 0 }).optional(),
  gradient_clip_algorithm: choice(["norm", "value"]).default("norm"),
  /** Absent: at the end of each epoch. */
  val_check_interval: batches(1).optional(),
  check_val_every_n_epoch: integer({ min: 1 }).default(1),
  /** 0: what steps measure is not logged. */
  log_every_n_steps: integer({ min: 0 }).default(50),
  limit_train_batches: batches().optional(),
  limit_val_batches: batches().optional(),
  limit_test_batches: batches().optional(),
  /** Validation batches tried before training; -1: all. */
  num_sanity_val_steps: integer({ min: -1 }).default(2),
  /** `warn`: an operator that does not repeat its results is used, with a warning. */
  deterministic: expecting("true, false or warn", z.union([z.boolean(), z.literal("warn")])).default(false),
  /** Batches of each kind to run, without checkpoints or champion; 0: a normal run. */
  fast_dev_run: expecting(
    "true, false or a number of batches",
    z.union([z.boolean().transform(Number), z.int().min(0)]),
  ).default(0),
  /** Trains and validates on these batches alone; 0: off. */
  overfit_batches: batches().default(0),
  enable_progress_bar: flag().default(true),
  enable_checkpointing: flag().default(true),
  /** Logs what the model consists of as training begins. */
  enable_model_summary: flag().default(true),
  detect_anomaly: flag().default(false),
  /** What measures the actions of training; absent: nothing does. */
  profiler: profilerSchema.optional(),
  accelerator: choice(["auto", "cpu"]).default("auto"),
  devices: expecting("1 or auto", z.union([z.literal(1), z.literal("auto")])).default("auto"),
  /** Threads of libtorch; absent: the processors that the process may use. */
  num_threads: integer({ min: 1 }).optional(),
  // what Lightning's configs spell out, and what is so here in any case
  strategy: expecting(
    `auto or single_device, as ${oneProcess}`,
    z.enum(["auto", "single_device"]),
  ).optional(),
  num_nodes: only(1, oneProcess).optional(),
  sync_batchnorm: only(false, oneProcess).optional(),
  /** A sampler is divided among processes, and there is one. */
  use_distributed_sampler: flag().optional(),
  plugins: expecting("an empty list, as a config never names code", z.array(z.unknown()).max(0)).optional(),
  benchmark: only(false, "it lets cuDNN choose its kernels, and training runs on the processor").optional(),
  barebones: only(
    false,
    "a run of a config is always tracked; new Trainer({ barebones: true }) in code measures without",
  ).optional(),
  inference_mode: only(true, "evaluation always runs in inference mode").optional(),
  reload_dataloaders_every_n_epochs: only(0, "a data set is read once").optional(),
  enable_autolog_hparams: only(true, "the whole config is always logged").optional(),
});

/** Accepts the trainer section where modules are trained on data modules. */
export const moduleFlagsSchema = trainerSchema.extend({
  /** Evaluates and predicts in inference mode, else without gradients alone. */
  inference_mode: flag().default(true),
  /** Asks the data module for new loaders after so many epochs; 0: never. */
  reload_dataloaders_every_n_epochs: integer({ min: 0 }).default(0),
});

/** Says why a flag of Lightning's is not to be had. */
export const refusedFlags: Readonly<Record<string, string>> = {
  logger: 'loggers stand in the section "loggers"',
  callbacks: 'callbacks stand in the section "callbacks"',
  limit_predict_batches: "sconce predict reads the file that it is given whole",
  default_root_dir: "outputs stand under the project's outputs/",
  model_registry: 'the name of the model is the config\'s "register"',
};

/** Says why a value that Lightning takes is refused, by the flag and the value as text. */
export const refusedValues: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  precision: {
    ...Object.fromEntries(
      ["16", "16-mixed", "16-true"].map((name) => [
        name,
        "half precision (float16) is not for processors: it needs loss scaling and is slow there. Use bf16-mixed",
      ]),
    ),
    "transformer-engine": "it needs an NVIDIA GPU. Use bf16-mixed",
    "transformer-engine-float16": "it needs an NVIDIA GPU. Use bf16-mixed",
  },
  accelerator: Object.fromEntries(
    ["gpu", "cuda", "mps", "tpu", "hpu"].map((name) => [
      name,
      "training runs on the processor. Use cpu or auto",
    ]),
  ),
};
