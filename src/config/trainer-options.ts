// The trainer's flags as code gives them: camelCase options, checked as the section of a config is.
import * as z from "zod";
import { UsageError, camelCase, snakeCase, suggestion } from "../base/index.ts";
import type { CamelCase } from "../base/index.ts";
import { batches, flag } from "./fields.ts";
import { refuse } from "./refusals.ts";
import { checkSchema } from "./schema-issues.ts";
import { moduleFlagsSchema } from "./trainer-flags.ts";
import type { ConfigMap } from "./value.ts";

const flagsSchema = moduleFlagsSchema.extend({
  limit_predict_batches: batches().optional(),
  // a module may compare the rows of a batch with each other: who writes one decides
  auto_find_batch_size: flag().default(false),
  barebones: flag().default(false),
  enable_autolog_hparams: flag().default(true),
});

/** The trainer's flags with their defaults, by their names in config files. */
export type TrainerFlags = z.output<typeof flagsSchema>;

/** The trainer's flags as options: `maxEpochs` is `max_epochs`. */
export type TrainerFlagOptions = {
  [K in keyof z.input<typeof flagsSchema> as CamelCase<K>]?: z.input<typeof flagsSchema>[K] | undefined;
};

/**
 * Reads the flags of a `Trainer`, with the defaults of a config's trainer section.
 *
 * @throws UsageError that lists every option that is unknown, of the wrong kind or refused.
 *
 * @example
 * readTrainerFlags({ maxSteps: 10 }).max_epochs; // => -1
 */
export function readTrainerFlags(options: TrainerFlagOptions): TrainerFlags {
  const trainer: ConfigMap = {};
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) trainer[snakeCase(name)] = value as ConfigMap[string];
  }
  if (Number(trainer["max_steps"] ?? -1) > 0) trainer["max_epochs"] ??= -1;
  const { data, issues } = checkSchema(z.strictObject({ trainer: flagsSchema }), { trainer });
  if (data !== undefined) return data.trainer;
  const lines = refuse(issues, { trainer }).map(({ path, code, message }) => {
    const name = camelCase(path.slice(1).join("."));
    const isMistyped = code === "unknown_key" && message.startsWith("unknown");
    return `Trainer: ${name}: ${isMistyped ? `unknown option. ${suggestion(name, optionNames())}` : message}`;
  });
  throw new UsageError(lines.join("\n"));
}

function optionNames(): string[] {
  return Object.keys(flagsSchema.shape).map(camelCase);
}
