// The schema of a use case's config. It costs 50 ms to load (zod), so only use-case.ts loads it, when needed.
import * as z from "zod";
import { storeKinds } from "../base/index.ts";
import { callbackSchema, loggerSchema } from "./callbacks.ts";
import { distributedSchema } from "./distributed.ts";
import { choice, expecting, flag, integer, number, text } from "./fields.ts";
import { notificationsSchema } from "./notifications.ts";
import { optimizerSchema } from "./optimizers.ts";
import { schedulerSchema } from "./schedulers.ts";
import { trainerSchema } from "./trainer-flags.ts";

const column = () => text("the name of a column");
const metric = () => text("the name of a metric");

/** A label is text; `[0, 1]` means the texts of these numbers. */
const label = () =>
  expecting(
    "a string or a number",
    z.preprocess((value) => (typeof value === "number" ? String(value) : value), z.string().min(1)),
  );

/** Accepts the section of the model. */
export const modelSchema = z.strictObject({
  /** Overrides `hidden_dropout_prob` of the base model. */
  dropout: number({ min: 0, below: 1 }).optional(),
  /** Overrides `attention_probs_dropout_prob` of the base model. */
  attention_dropout: number({ min: 0, below: 1 }).optional(),
  /** Overrides `classifier_dropout` of the base model. */
  classifier_dropout: number({ min: 0, below: 1 }).optional(),
  /** Which part of the base model keeps its weights. */
  freeze: choice(["none", "embeddings", "encoder"]).default("none"),
  /** Whether backward computes the layers again: less memory for one more forward pass, and the same weights. */
  gradient_checkpointing: flag().default(false),
});

/** Accepts the section of the data. */
export const datasetSchema = z.strictObject({
  train: text("the path of a data file"),
  test: text("the path of a data file").optional(),
  /** Absent: `validation_ratio` of the training rows are set aside. */
  validation: text("the path of a data file").optional(),
  text_column: column().default("text"),
  /** The second text of a pair. */
  text_pair_column: column().optional(),
  label_column: column().default("label"),
  /** All labels in their order, as the data file writes them; absent: those of the training rows, sorted. */
  labels: expecting("a list of two labels or more", z.array(label()).min(2)).optional(),
  /** Separates the columns of a text file; absent: found out from the file. */
  delimiter: expecting("one character", z.string().length(1)).optional(),
  /** Tokens of a text; longer ones are cut. */
  max_length: integer({ min: 3 }).default(128),
  validation_ratio: number({ min: 0, below: 1 }).default(0.1),
  batch_size: integer({ min: 1 }).default(32),
  /** Absent: twice `batch_size`. */
  eval_batch_size: integer({ min: 1 }).default(64),
  /** Whether batches hold texts of like length. */
  bucketing: choice(["length", "none"]).default("length"),
  class_weights: choice(["none", "inverse_frequency", "effective_number", "sqrt"]).default("none"),
  shuffle: flag().default(true),
});

/** Accepts the section of the tracking store. */
export const trackingSchema = z.strictObject({
  /** Which kind of store `uri` must name; `mlflow` is any. */
  backend: choice(["mlflow", ...storeKinds]).default("mlflow"),
  /** Absent: `MLFLOW_TRACKING_URI`, else `sqlite:///outputs/mlflow/mlflow.db` in the project. */
  uri: text("a store such as sqlite:///outputs/mlflow/mlflow.db").optional(),
  /** What machine and process use is logged. Absent: `MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING`, else true. */
  log_system_metrics: flag().optional(),
});

const championSchema = z.strictObject({
  metric: metric().default("f1"),
  /** Absent: the way in which the metric improves. */
  mode: choice(["min", "max"]).default("max"),
  min_delta: number({ min: 0 }).default(0),
});

const range = { log: flag().default(false) };

/** Accepts one dimension of a search. */
const spaceSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("float"),
    low: number(),
    high: number(),
    step: number({ above: 0 }).optional(),
    ...range,
  }),
  z.strictObject({
    type: z.literal("int"),
    low: integer(),
    high: integer(),
    step: integer({ min: 1 }).default(1),
    ...range,
  }),
  z.strictObject({
    type: z.literal("categorical"),
    choices: expecting(
      "a list of values",
      z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).min(1),
    ),
  }),
]);

const tuneSchema = z.strictObject({
  sampler: choice(["tpe", "random", "grid"]).default("tpe"),
  pruner: choice(["median", "none"]).default("median"),
  n_trials: integer({ min: 1 }).default(20),
  /** Seconds; absent: no limit. */
  timeout: number({ above: 0 }).optional(),
  /** Absent: the way in which the metric improves. */
  direction: choice(["maximize", "minimize"]).default("maximize"),
  metric: metric().default("val_f1"),
  /** Maps keys of this config (`optimizer.lr`) to what they may be. */
  space: expecting("a mapping of config keys to ranges", z.record(z.string(), spaceSchema)).default({}),
});

/** Accepts a whole config. */
export const useCaseSchema = z.strictObject({
  use_case: text(),
  experiment: text().default("default"),
  task: choice(["text_classification"]).default("text_classification"),
  seed: integer({ min: 0, max: 2 ** 32 - 1 }).default(42),
  base_model: text("a folder or a model id").default("Bert_base_uncased"),
  model: modelSchema.prefault({}),
  dataset: datasetSchema,
  loss: z.strictObject({ label_smoothing: number({ min: 0, below: 1 }).default(0) }).prefault({}),
  /** Absent: AdamW with 5e-5, Hugging Face's default for fine-tuning. */
  optimizer: optimizerSchema.prefault({ name: "adamw", lr: 5e-5 }),
  /** Absent: a constant rate. */
  scheduler: schedulerSchema.prefault({ name: "constant" }),
  trainer: trainerSchema.prefault({}),
  callbacks: expecting("a list of callbacks", z.array(callbackSchema)).default([]),
  loggers: expecting(
    "a list of loggers, at least one, as every run is tracked",
    z.array(loggerSchema).min(1),
  ).default([{ name: "mlflow" }]),
  mlops: z
    .strictObject({
      tracking: trackingSchema.prefault({}),
      /** What is told of runs and of the registry, and to whom. */
      notifications: notificationsSchema.default([]),
    })
    .prefault({}),
  champion: championSchema.prefault({}),
  /** Name of the registered model; absent: the use case. */
  register: text(),
  /** When `sconce retrain` trains anew: the champion's metric on new data lies below the threshold. */
  retrain: z.strictObject({ metric: metric().default("f1"), below: number() }).optional(),
  tune: tuneSchema.optional(),
  distributed: distributedSchema.prefault({}),
});
