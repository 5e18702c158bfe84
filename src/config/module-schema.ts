// The config of a training of registered parts: a model and a data set by name, each with options of its own.
import * as z from "zod";
import { callbackSchema } from "./callbacks.ts";
import { distributedSchema } from "./distributed.ts";
import { expecting, flag, integer, text } from "./fields.ts";
import { moduleLoggerSchema } from "./module-loggers.ts";
import type { RegisteredNames } from "./module-kinds.ts";
import { optimizerSchema } from "./optimizers.ts";
import { schedulerSchema } from "./schedulers.ts";
import { moduleFlagsSchema } from "./trainer-flags.ts";
import { trackingSchema } from "./use-case-schema.ts";

const part = (what: string) =>
  expecting(`a mapping with the name of a ${what}`, z.looseObject({ name: text(`the name of a ${what}`) }));

/** What a run with a folder of its own choosing may say of its checkpoints, beside what every run may. */
const checkpointFiles = {
  /** Absent: `checkpoints` in the run's folder. */
  dirpath: text("a folder").optional(),
  /** A template such as `{epoch}-{val_loss:.2f}`. */
  filename: text("a template of names, {epoch}-{val_loss:.2f}").optional(),
  auto_insert_metric_name: flag().default(true),
  enable_version_counter: flag().default(true),
  save_weights_only: flag().default(false),
};

/** Accepts a callback of such a training: those of a use case, and checkpoints by names and folders of their own. */
export const moduleCallbackSchema = extendKind(callbackSchema, "model_checkpoint", checkpointFiles);

/** Accepts the trainer's flags of such a training. */
export const moduleTrainerSchema = moduleFlagsSchema.extend({
  /** Folder of checkpoints; absent: one for each run under outputs/TrainedModels. */
  default_root_dir: text("a folder").optional(),
  strategy: strategySchema([]),
});

/** Accepts a whole config in which everything has a built-in name; see `moduleSchemaWith`. */
export const moduleSchema = z.strictObject({
  use_case: text(),
  experiment: text().default("default"),
  seed: integer({ min: 0, max: 2 ** 32 - 1 }).default(42),
  model: part("model"),
  dataset: part("data set"),
  /** A registered task, which trains by all that stands beside it; absent: the model is trained on the data set. */
  task: nameOrMapping(text("the name of a task")).optional(),
  /** Absent: what the model configures itself. */
  optimizer: optimizerSchema.optional(),
  scheduler: schedulerSchema.optional(),
  trainer: moduleTrainerSchema.prefault({}),
  callbacks: expecting("a list of callbacks", z.array(moduleCallbackSchema)).default([]),
  loggers: expecting("a list of loggers", z.array(moduleLoggerSchema)).default([]),
  mlops: z.strictObject({ tracking: trackingSchema.prefault({}) }).prefault({}),
  /** Logged with the run. */
  tags: expecting("a list of words", z.array(text())).default([]),
  /** False: the model is judged as it is, or as the checkpoint says. */
  train: flag().default(true),
  /** Whether the test data is judged at the end. */
  test: flag().default(true),
  /** Checkpoint to go on from. */
  ckpt_path: text("the folder of a checkpoint").optional(),
  /** Files of the project, or packages, that register components. */
  plugins: expecting("a list of files and packages", z.array(text())).default([]),
  distributed: distributedSchema.prefault({}),
});

/** Accepts a whole config, in which callbacks, loggers, optimizer and scheduler may also be registered ones. */
export function moduleSchemaWith({
  callback,
  logger,
  optimizer,
  scheduler,
  strategy,
}: RegisteredNames): typeof moduleSchema {
  const callbacks = z.array(withNames(moduleCallbackSchema, callback));
  const loggers = z.array(withNames(moduleLoggerSchema, logger));
  return moduleSchema.extend({
    trainer: moduleTrainerSchema.extend({ strategy: strategySchema(strategy) }).prefault({}),
    optimizer: withNames(optimizerSchema, optimizer).optional(),
    scheduler: withNames(schedulerSchema, scheduler).optional(),
    callbacks: expecting("a list of callbacks", callbacks).default([]),
    loggers: expecting("a list of loggers", loggers).default([]),
  }) as unknown as typeof moduleSchema;
}

/** Accepts the name of a strategy, or a mapping with it and the strategy's own options, and makes a mapping of it. */
function strategySchema(registered: readonly string[]) {
  const names = ["auto", "single_device", ...registered];
  return expecting(
    registered.length === 0 ? "auto or single_device, as training runs in one process" : names.join(", "),
    nameOrMapping(z.enum(names)),
  ).default({ name: "auto" });
}

/** Accepts a component as a name, or as a mapping with it and the component's own options, and makes a mapping of it. */
function nameOrMapping<T extends z.ZodType<string>>(name: T) {
  return z.union([name.transform((given) => ({ name: given })), z.looseObject({ name })]);
}

/** Adds kinds by name with any options: what those may be, the registered classes say. */
function withNames<T extends z.ZodDiscriminatedUnion>(schema: T, names: readonly string[]): T {
  const registered = names.map((name) => z.looseObject({ name: z.literal(name) }));
  return z.discriminatedUnion("name", [...schema.options, ...registered] as never) as unknown as T;
}

/** Adds fields to one kind of a union. */
function extendKind<T extends z.ZodDiscriminatedUnion, F extends z.ZodRawShape>(
  schema: T,
  name: string,
  fields: F,
): z.ZodType<z.output<T> & Partial<z.output<z.ZodObject<F>>>> & T {
  const options = (schema.options as unknown as readonly z.ZodObject<{ name: z.ZodLiteral<string> }>[]).map(
    (option) => (option.shape.name.value === name ? option.extend(fields) : option),
  );
  return z.discriminatedUnion("name", options as never) as never;
}
