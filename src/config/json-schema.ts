// JSON Schemas of config files, for editors: made of the schemas that configs are checked by, so they cannot differ.
import * as z from "zod";
import { UsageError, suggestion } from "../base/index.ts";
import { callbackKind, callbackSchema, loggerKind, loggerSchema } from "./callbacks.ts";
import { type Definitions, component, componentsByKey } from "./component-json-schema.ts";
import {
  type Json,
  type Looseness,
  loosen,
  orNull,
  partFile,
  plain,
  textOr,
  wholeFile,
  wholeTree,
} from "./json-schema-forms.ts";
import { multiLabelJsonSchema } from "./multi-label-json-schema.ts";
import { profilerKind } from "./profilers.ts";
import { optimizerKind, optimizerSchema } from "./optimizers.ts";
import { schedulerKind, schedulerSchema } from "./schedulers.ts";
import { trainerSchema } from "./trainer-flags.ts";
import { datasetSchema, modelSchema, trackingSchema, useCaseSchema } from "./use-case-schema.ts";

/** Makes the schema of each kind of file. */
const makers = {
  /** The config of a use case, a whole file. */
  "use-case": (definitions) => ({
    anyOf: [useCase(definitions), multiLabelJsonSchema(wholeTree, definitions)],
  }),
  /** A config with a defaults list, and files with `# @package _global_`. */
  config: (definitions) => ({ anyOf: [composed(definitions), multiLabelJsonSchema(partFile, definitions)] }),
  /** The tree of a multi-label classifier, its parts named by module and func. */
  "multi-label": (definitions) => multiLabelJsonSchema(wholeTree, definitions),
  model: () => open(part(textModelSchema), ["base_model"]),
  dataset: () => open(part(namedDatasetSchema), ["train", "text_column"]),
  optimizer: (definitions) => component(optimizer, partFile, definitions),
  scheduler: (definitions) => component(scheduler, partFile, definitions),
  trainer: (definitions) => {
    const flags = plain(trainerSchema);
    return loosen(flags, partFile, profilerIn(flags, partFile, definitions));
  },
  callbacks: (definitions) => componentsByKey(callback, definitions),
  tracking: () => part(trackingSchema),
} satisfies Record<string, (definitions: Definitions) => Json>;

/** Lists the kinds of files that there is a JSON Schema of: whole configs, and files of the groups of conf/. */
export const schemaKinds: readonly string[] = Object.keys(makers);

/**
 * Returns the JSON Schema (2020-12) of a kind of config file. What one key demands of another is `sconce check`'s matter.
 *
 * @throws UsageError for an unknown kind
 */
export function jsonSchema(kind: string): Json {
  const maker = Object.hasOwn(makers, kind) ? makers[kind as keyof typeof makers] : undefined;
  if (maker === undefined)
    throw new UsageError(`--schema: there is no schema "${kind}". ${suggestion(kind, schemaKinds)}`);
  const definitions: Definitions = {};
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: `sconce ${kind}`,
    ...maker(definitions),
    ...(Object.keys(definitions).length > 0 && { $defs: definitions }),
  };
}

const optimizer = { schema: plain(optimizerSchema), kind: optimizerKind };
const scheduler = { schema: plain(schedulerSchema), kind: schedulerKind };
const callback = { schema: plain(callbackSchema), kind: callbackKind };
const logger = { schema: plain(loggerSchema), kind: loggerKind };

const textModelSchema = modelSchema.extend({ name: z.string(), base_model: z.string() });
const namedDatasetSchema = datasetSchema.extend({ name: z.string() });

function useCase(definitions: Definitions): Json {
  const all = plain(useCaseSchema);
  const { trainer } = all["properties"] as { trainer: Json };
  const made = profilerIn(trainer, wholeFile, definitions);
  const schema = loosen({ ...all, required: ["dataset"] }, wholeFile, made);
  return {
    ...schema,
    properties: {
      ...(schema["properties"] as Json),
      $schema: { type: "string", description: "where an editor finds this schema" },
      optimizer: orNull(component(optimizer, wholeFile, definitions)),
      scheduler: orNull(component(scheduler, wholeFile, definitions)),
      callbacks: orNull({ type: "array", items: component(callback, wholeFile, definitions) }),
      loggers: { type: "array", minItems: 1, items: component(logger, wholeFile, definitions) },
      tracking: orNull(loosen(plain(trackingSchema), wholeFile)),
    },
  };
}

function composed(definitions: Definitions): Json {
  const { properties } = part(useCaseSchema) as { properties: Json };
  return {
    type: "object",
    properties: {
      ...properties,
      defaults: { type: "array", items: { type: ["string", "object"] } },
      hydra: { type: "object" },
      experiment: textOr(strict({ name: textOr({ type: "string" }) })),
      model: makers.model(),
      dataset: makers.dataset(),
      trainer: makers.trainer(definitions),
      optimizer: makers.optimizer(definitions),
      scheduler: makers.scheduler(definitions),
      callbacks: makers.callbacks(definitions),
      loggers: componentsByKey(logger, definitions),
      tracking: makers.tracking(),
      plugins: textOr({ type: "array", items: { type: "string" } }),
    },
    additionalProperties: false,
  };
}

/** Makes the schema of a file that is a part of a composed config. */
function part(schema: z.ZodType): Json {
  return loosen(plain(schema), partFile);
}

/** Accepts the profiler of the trainer's flags in any spelling. */
function profilerIn(flags: Json, looseness: Looseness, definitions: Definitions): Map<Json, Json> {
  const { profiler: schema } = flags["properties"] as { profiler: Json };
  return new Map([[schema, component({ schema, kind: profilerKind }, looseness, definitions)]]);
}

/** Lets any mapping pass that lacks a key: it belongs to a registered class, which alone knows its options. */
function open(schema: Json, keys: readonly string[]): Json {
  return { anyOf: [schema, { type: "object", not: { required: keys } }] };
}

function strict(properties: Json): Json {
  return { type: "object", properties, additionalProperties: false };
}
