// The config of a training of registered parts: a model and a data set by name, each with options of its own.
import * as z from "zod";
import { callbackSchema } from "./callbacks.ts";
import { expecting, integer, text } from "./fields.ts";
import { optimizerSchema } from "./optimizers.ts";
import { schedulerSchema } from "./schedulers.ts";
import { trainerSchema } from "./trainer-flags.ts";
import { trackingSchema } from "./use-case-schema.ts";

const part = (what: string) =>
  expecting(`a mapping with the name of a ${what}`, z.looseObject({ name: text(`the name of a ${what}`) }));

/** Accepts a whole config; what the options of model and data set may be, their classes say. */
export const moduleSchema = z.strictObject({
  use_case: text(),
  experiment: text().default("default"),
  seed: integer({ min: 0, max: 2 ** 32 - 1 }).default(42),
  model: part("model"),
  dataset: part("data set"),
  /** Absent: what the model configures itself. */
  optimizer: optimizerSchema.optional(),
  scheduler: schedulerSchema.optional(),
  trainer: trainerSchema.prefault({}),
  callbacks: expecting("a list of callbacks", z.array(callbackSchema)).default([]),
  mlops: z.strictObject({ tracking: trackingSchema.prefault({}) }).prefault({}),
  /** Files of the project, or packages, that register components. */
  plugins: expecting("a list of files and packages", z.array(text())).default([]),
  distributed: z.strictObject({ enabled: z.literal(false).default(false) }).prefault({}),
});
