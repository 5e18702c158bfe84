// The config of a multi-label text classifier as a tree of module, func and kwargs: what stands where, and which functions of
// such projects are known. It costs zod to load, so only multi-label.ts does so.
import * as z from "zod";
import { callbackKind } from "./callbacks.ts";
import type { ComponentKind } from "./components.ts";
import { choice, expecting, flag, integer, number, text } from "./fields.ts";
import { moduleLoggerKind, moduleLoggerSchema } from "./module-loggers.ts";
import { moduleCallbackSchema, moduleTrainerSchema } from "./module-schema.ts";
import { profilerKind } from "./profilers.ts";
import { optimizerKind, optimizerSchema } from "./optimizers.ts";
import type { ConfigPath } from "./value.ts";

const share = () => number({ above: 0, max: 1 });
const columns = () =>
  expecting("a list of columns, at least one", z.array(text("the name of a column")).min(1));
const file = () => text("the path of a file");
const part = <T extends z.ZodRawShape>(name: string, options: T) =>
  z.strictObject({ name: z.literal(name), ...options });

const networkSchema = z.strictObject({
  pretrained_model: z.strictObject({ path: text("a folder or a model id") }),
  dropout_prob: number({ min: 0, below: 1 }).default(0.1),
  /** Width of the pretrained model's output. */
  hidden_size: integer({ min: 1 }),
  /** Labels, each of which holds or not. */
  num_classes: integer({ min: 1 }),
  calculate_predictions: part("calculate_predictions", {}),
});

const moduleSectionSchema = z.strictObject({
  model_name: text(),
  model: networkSchema,
  calculate_metrics: part("calculate_metrics", {
    /** Resamples of the bootstrap. */
    n_iterations: integer({ min: 1 }).default(1000),
    /** Percent that the interval leaves out on each side. */
    percentile: number({ above: 0, below: 50 }).default(2.5),
  }),
  optimizer: optimizerSchema,
  define_loss: part("bceloss_inverse_frequency_weighted", {}),
  /** Makes scores of what the network computes. */
  predict: part("sigmoid", {}),
  /** Tries thresholds from `vmin` up to `vmax`. */
  calculate_best_thresholds: part("calculate_best_thresholds", {
    vmin: number({ min: 0, max: 1 }).default(0.1),
    vmax: number({ min: 0, max: 1 }).default(0.9),
    step: share().default(0.05),
  }),
});

const tokenizerSchema = z.strictObject({
  model_name: text("a model id"),
  path: text("a folder or a model id"),
  max_length: integer({ min: 3 }).default(128),
  output_keys: expecting(
    "a list of input_ids, attention_mask, token_type_ids",
    z.array(choice(["input_ids", "attention_mask", "token_type_ids"])).min(1),
  ),
  kwargs: z
    .strictObject({
      add_special_tokens: flag().default(true),
      padding: expecting(
        "true, false, max_length, longest or do_not_pad",
        z.union([z.boolean(), z.enum(["max_length", "longest", "do_not_pad"])]),
      ).default("max_length"),
      truncation: flag().default(true),
    })
    .prefault({}),
});

const dataSectionSchema = z.strictObject({
  /** Where the state of the data is kept. */
  state_file: file(),
  dataset: z.strictObject({
    batch_size: integer({ min: 1 }),
    tokenizer_config: tokenizerSchema,
    /** Options of the loader. */
    kwargs: z
      .strictObject({
        num_workers: integer({ min: 0 }).default(0),
        shuffle: flag().optional(),
        pin_memory: flag().default(false),
        drop_last: flag().default(false),
      })
      .prefault({}),
  }),
  load_data: part("load_data", { file_path: file() }),
  process_data: part("process_data", {
    text_column: text("the name of a column"),
    labels_columns: columns(),
  }),
  split: part("split_data", {
    train_ratio: share(),
    val_ratio: share(),
    test_ratio: share(),
    random_state: integer({ min: 0 }).default(42),
    labels_columns: columns(),
  }),
});

/** Accepts a whole tree whose components are in their one form. */
export const multiLabelSchema = z.strictObject({
  trainer_config: z.strictObject({
    seed: integer({ min: 0, max: 2 ** 32 - 1 }).default(42),
    kwargs: moduleTrainerSchema.prefault({}),
    mlflow_config: z
      .strictObject({
        artifact_folder: text("a folder"),
        model_path: file(),
        tokenizer_path: text("a folder"),
        description: text().optional(),
        tags: expecting(
          "a mapping of names to texts or numbers",
          z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
        ).default({}),
      })
      .optional(),
    callbacks: expecting("a list of callbacks", z.array(moduleCallbackSchema)).default([]),
    loggers: expecting("a list of loggers", z.array(moduleLoggerSchema)).default([]),
    lightning_module_config: moduleSectionSchema,
    data_module_config: dataSectionSchema,
  }),
});

/** One of the functions that such projects have, under its own name. */
function functionKind(kind: string, module: string, name: string): ComponentKind {
  return { kind, modules: [module], components: [{ name, classes: [name] }], unavailable: [] };
}

const root: ConfigPath = ["trainer_config"];
const moduleSection = [...root, "lightning_module_config"];
const dataSection = [...root, "data_module_config"];

/** Where lists of components stand, and of which kind they are. */
export const componentLists: readonly { path: ConfigPath; kind: ComponentKind }[] = [
  { path: [...root, "callbacks"], kind: callbackKind },
  { path: [...root, "loggers"], kind: moduleLoggerKind },
];

/** Where components stand, and of which kind they are. */
export const componentSlots: readonly { path: ConfigPath; kind: ComponentKind }[] = [
  {
    path: [...moduleSection, "model", "calculate_predictions"],
    kind: functionKind("function of predictions", "tmlc.components.predictions", "calculate_predictions"),
  },
  {
    path: [...moduleSection, "calculate_metrics"],
    kind: functionKind("function of metrics", "tmlc.components.metrics", "calculate_metrics"),
  },
  { path: [...moduleSection, "optimizer"], kind: optimizerKind },
  { path: [...root, "kwargs", "profiler"], kind: profilerKind },
  {
    path: [...moduleSection, "define_loss"],
    kind: functionKind("loss", "tmlc.components.loss", "bceloss_inverse_frequency_weighted"),
  },
  {
    path: [...moduleSection, "predict"],
    kind: functionKind("function of scores", "torch", "sigmoid"),
  },
  {
    path: [...moduleSection, "calculate_best_thresholds"],
    kind: functionKind(
      "function of thresholds",
      "tmlc.components.calculate_best_thresholds",
      "calculate_best_thresholds",
    ),
  },
  {
    path: [...dataSection, "load_data"],
    kind: functionKind("reader", "tmlc.components.load_data", "load_data"),
  },
  {
    path: [...dataSection, "process_data"],
    kind: functionKind("function of rows", "tmlc.components.process_data", "process_data"),
  },
  {
    path: [...dataSection, "split"],
    kind: functionKind("split", "tmlc.components.split_data", "split_data"),
  },
];
