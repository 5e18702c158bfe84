// JSON Schemas of config files, for editors: made of the schemas that configs are checked by, so they cannot differ.
import * as z from "zod";
import { UsageError, suggestion } from "../base/index.ts";
import { callbackKind, callbackSchema, loggerKind, loggerSchema } from "./callbacks.ts";
import type { ComponentKind } from "./components.ts";
import { expectations } from "./fields.ts";
import { optimizerKind, optimizerSchema } from "./optimizers.ts";
import { schedulerKind, schedulerSchema } from "./schedulers.ts";
import { trainerSchema } from "./trainer-flags.ts";
import { datasetSchema, modelSchema, trackingSchema, useCaseSchema } from "./use-case-schema.ts";

type Json = { [key: string]: unknown };

/** Makes the schema of each kind of file. */
const makers = {
  /** The config of a use case, a whole file. */
  "use-case": () => useCase(),
  /** A config with a defaults list, and files with `# @package _global_`. */
  config: () => composed(),
  model: () => open(part(textModelSchema), ["base_model"]),
  dataset: () => open(part(namedDatasetSchema), ["train", "text_column"]),
  optimizer: () => component(optimizerSchema, optimizerKind, { isPart: true }),
  scheduler: () => component(schedulerSchema, schedulerKind, { isPart: true }),
  trainer: () => part(trainerSchema),
  callbacks: () => byKey(callbackSchema, callbackKind),
  tracking: () => part(trackingSchema),
} satisfies Record<string, () => Json>;

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
  return { $schema: "https://json-schema.org/draft/2020-12/schema", title: `sconce ${kind}`, ...maker() };
}

const textModelSchema = modelSchema.extend({ name: z.string(), base_model: z.string() });
const namedDatasetSchema = datasetSchema.extend({ name: z.string() });

function useCase(): Json {
  const schema = plain(useCaseSchema);
  const whole = { isPart: false };
  const properties = loosen({ ...schema, required: ["dataset"] }, whole)["properties"] as Json;
  return {
    ...loosen({ ...schema, required: ["dataset"] }, whole),
    properties: {
      ...properties,
      $schema: { type: "string", description: "where an editor finds this schema" },
      optimizer: orNull(component(optimizerSchema, optimizerKind, whole)),
      scheduler: orNull(component(schedulerSchema, schedulerKind, whole)),
      callbacks: orNull({ type: "array", items: component(callbackSchema, callbackKind, whole) }),
      loggers: { type: "array", minItems: 1, items: component(loggerSchema, loggerKind, whole) },
      tracking: orNull(loosen(plain(trackingSchema), whole)),
    },
  };
}

function composed(): Json {
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
      optimizer: makers.optimizer(),
      scheduler: makers.scheduler(),
      callbacks: makers.callbacks(),
      loggers: byKey(loggerSchema, loggerKind),
      tracking: makers.tracking(),
      plugins: textOr({ type: "array", items: { type: "string" } }),
    },
    additionalProperties: false,
  };
}

/** Lets any mapping pass that lacks a key: it belongs to a registered class, which alone knows its options. */
function open(schema: Json, keys: readonly string[]): Json {
  return { anyOf: [schema, { type: "object", not: { required: keys } }] };
}

/** Accepts components by key, as composed configs hold them: the key names one that does not name itself. */
function byKey(schema: z.ZodType, kind: ComponentKind): Json {
  const one = component(schema, kind, { isPart: true });
  const marked = named(schema, kind, { isPart: true });
  const byName = optionsOf(schema).map(([name, options]) => {
    const unnamed = loosen(options, { isPart: true });
    return [name, textOr({ anyOf: [unnamed, marked, { type: "null" }] })] as const;
  });
  return textOr({
    anyOf: [
      {
        type: "object",
        properties: Object.fromEntries(byName),
        additionalProperties: { anyOf: [one, { type: "null" }] },
      },
      { type: "array", items: one },
    ],
  });
}

/** Accepts a component in any of its spellings: `adamw`, `{ name }`, `_target_`, `class_path`, `module`. */
function component(schema: z.ZodType, kind: ComponentKind, { isPart }: { isPart: boolean }): Json {
  const one = named(schema, kind, { isPart });
  if (!isPart) return one;
  const options = optionsOf(schema).flatMap(([, each]) => Object.keys(each["properties"] as Json));
  const others = {
    type: "object",
    propertyNames: { enum: [...new Set(options)] },
    not: { required: ["name"] },
  };
  return textOr({ anyOf: [one, others] }); // whose options they are, another file says
}

function named(schema: z.ZodType, kind: ComponentKind, { isPart }: { isPart: boolean }): Json {
  const spellings = (name: string): string[] => {
    const { classes = [], aliases = [] } = kind.components.find((each) => each.name === name) ?? {};
    return [name, ...aliases, ...classes];
  };
  const byName = optionsOf(schema).map(([name, options]) => {
    const properties = { ...(options["properties"] as Json), name: { enum: spellings(name) } };
    const known = loosen({ ...options, properties }, { isPart });
    return { ...known, required: ["name"] };
  });
  const byTarget = ["_target_", "class_path", "module"].map((key) => ({
    type: "object",
    required: key === "module" ? [key, "func"] : [key],
    not: { required: ["name"] },
    properties: { [key]: { type: "string" } },
  }));
  const names = kind.components.flatMap(({ name }) => spellings(name));
  return {
    description: `a ${kind.kind} by name, or with its options`,
    anyOf: [{ enum: names }, ...byName, ...byTarget],
  };
}

/** Returns the fields of each component of a union, by its name. */
function optionsOf(schema: z.ZodType): [name: string, options: Json][] {
  const { oneOf, anyOf } = plain(schema) as { oneOf?: Json[]; anyOf?: Json[] };
  const options = oneOf ?? anyOf ?? [];
  return options.map((each) => [String(((each["properties"] as Json)["name"] as Json)["const"]), each]);
}

/** Makes the schema of a file that is a part of a composed config. */
function part(schema: z.ZodType): Json {
  return loosen(plain(schema), { isPart: true });
}

function plain(schema: z.ZodType): Json {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema: json }) => {
      const words = expectations.get(zodSchema as unknown as z.ZodType)?.expected;
      if (words !== undefined) json.description = words;
      if (!(zodSchema instanceof z.ZodPipe)) return;
      // other spellings are brought to these first
      const { enum: listed } = json;
      if (listed !== undefined) {
        delete json.enum;
        delete json.type;
        json.anyOf = [{ enum: listed }, { type: ["string", "number"] }];
      }
    },
  }) as Json;
  return made;
}

/**
 * Lets keys be null, which means that they are not set, unless they must be. In a part of a composed config no key must be,
 * and each may be an interpolation, or `???`.
 */
function loosen(schema: Json, { isPart }: { isPart: boolean }): Json {
  const {
    properties,
    required = [],
    ...rest
  } = schema as {
    properties?: Record<string, Json>;
    required?: string[];
  } & Json;
  const result: Json = { ...rest };
  for (const key of ["anyOf", "oneOf"])
    if (Array.isArray(result[key]))
      result[key] = (result[key] as Json[]).map((each) => loosen(each, { isPart }));
  if (required.length > 0 && !isPart) result["required"] = required;
  if (properties === undefined) return result;
  const loosened = Object.entries(properties).map(([key, property]) => {
    const inner = loosen(property, { isPart });
    if (isPart) return [key, textOr(orNull(inner))];
    return [key, required.includes(key) ? inner : orNull(inner)];
  });
  return { ...result, properties: Object.fromEntries(loosened) as Json };
}

function orNull(schema: Json): Json {
  return { anyOf: [schema, { type: "null" }], ...described(schema) };
}

/** Accepts also an interpolation, and `???`. */
function textOr(schema: Json): Json {
  const text = { type: "string", pattern: "\\$\\{|^\\?\\?\\?$" };
  return { anyOf: [schema, text], ...described(schema) };
}

function described({ description, default: usual }: Json): Json {
  return {
    ...(description !== undefined && { description }),
    ...(usual !== undefined && { default: usual }),
  };
}

function strict(properties: Json): Json {
  return { type: "object", properties, additionalProperties: false };
}
