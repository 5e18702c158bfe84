// Turns what zod found into the issues that users read. zod's own sentences never show.
import * as z from "zod";
import { type ConfigIssue, didYouMean, nearest, own, suggestion } from "../base/index.ts";
import { expectations } from "./fields.ts";
import { type ConfigPath, type ConfigValue, formatValue, isConfigMap, valueAt } from "./value.ts";

/** Is one thing that is wrong, before its place in the file is known. */
export interface SchemaIssue {
  path: ConfigPath;
  code: ConfigIssue["code"];
  message: string;
  expected?: string;
  received?: string;
}

/** Checks a value against a schema and returns everything that is wrong with it, and the typed result if nothing is. */
export function checkSchema<T extends z.ZodType>(
  schema: T,
  value: ConfigValue,
): { data?: z.output<T>; issues: SchemaIssue[] } {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { data: result.data, issues: [] };
  return { issues: result.error.issues.flatMap((issue) => translate(schema, value, issue)) };
}

/** Returns the schema at a path, without the wrappers of defaults; undefined where the schema knows no such path. */
export function schemaAt(
  root: z.core.$ZodType,
  value: ConfigValue | undefined,
  path: ConfigPath,
): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = unwrap(root);
  let part = value;
  for (const step of path) {
    schema = child(schema, part, step);
    if (schema === undefined) return undefined;
    schema = unwrap(schema);
    part = Array.isArray(part) ? part[Number(step)] : isConfigMap(part) ? part[step] : undefined;
  }
  return schema;
}

/** Returns the keys that the mapping at a path may have. */
export function keysAt(root: z.core.$ZodType, value: ConfigValue, path: ConfigPath): string[] {
  const parent = schemaAt(root, value, path);
  return Object.keys(shapeOf(parent, valueAt(value, path)) ?? {});
}

/** Lists the paths of a schema's named fields: `seed`, `dataset.batch_size`. Lists and open mappings are not entered. */
export function fieldPaths(root: z.core.$ZodType, prefix = ""): string[] {
  return Object.entries(shapeOf(unwrap(root), undefined) ?? {}).flatMap(([key, schema]) => {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    return [path, ...fieldPaths(schema, path)];
  });
}

function translate(root: z.core.$ZodType, value: ConfigValue, issue: z.core.$ZodIssue): SchemaIssue[] {
  const path = issue.path as ConfigPath;
  if (issue.code === "unrecognized_keys") {
    const valid = keysAt(root, value, path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      code: "unknown_key",
      message: `unknown key. ${unknownKeyHint(root, key, path, valid)}`,
    }));
  }
  const input = "input" in issue ? issue.input : undefined;
  const discriminator = issue.code === "invalid_union" ? issue.discriminator : undefined;
  const received = discriminator !== undefined && isConfigMap(input) ? input[discriminator] : input;
  const schema = schemaAt(root, value, path);
  const expected =
    discriminator === undefined ? describe(schema) : kindsOf(schemaAt(root, value, path.slice(0, -1)));
  if (received === undefined) {
    return [{ path, code: "missing", message: `must be set: expected ${expected}.`, expected }];
  }
  const isChoice = typeof received === "string" && schema instanceof z.ZodEnum;
  const hint = isChoice ? didYouMean(received, schema.options.map(String)) : "";
  const got = formatValue(received);
  const code = issue.code === "invalid_type" ? "type" : "value";
  return [{ path, code, message: `expected ${expected}, got ${got}.${hint}`, expected, received: got }];
}

function unknownKeyHint(
  root: z.core.$ZodType,
  key: string,
  path: ConfigPath,
  valid: readonly string[],
): string {
  const alien = /[^\x20-\x7e]/u.exec(key)?.[0];
  if (alien !== undefined) {
    const code = alien.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    return `It holds "${alien}" (U+${code}), which is no Latin letter. ${suggestion(key, valid)}`;
  }
  if (nearest(key, valid) === undefined) {
    const elsewhere = fieldPaths(root).filter((field) => field.endsWith(`.${key}`) || field === key);
    const known = own(usualNames, key) ?? (elsewhere.length === 1 ? elsewhere[0] : undefined);
    const last = known?.split(".").at(-1) ?? "";
    if (known !== undefined && known !== [...path, key].join("."))
      return `Write it as "${valid.includes(last) && known !== [...path, last].join(".") ? last : known}".`;
  }
  return valid.length === 0 ? "Nothing may stand here." : suggestion(key, valid);
}

/** Maps what other trainers call a setting to where it stands here. */
const usualNames: Readonly<Record<string, string>> = {
  learning_rate: "optimizer.lr",
  lr: "optimizer.lr",
  weight_decay: "optimizer.weight_decay",
  epochs: "trainer.max_epochs",
  n_epochs: "trainer.max_epochs",
  num_epochs: "trainer.max_epochs",
  num_train_epochs: "trainer.max_epochs",
  per_device_train_batch_size: "dataset.batch_size",
  train_batch_size: "dataset.batch_size",
  per_device_eval_batch_size: "dataset.eval_batch_size",
  gradient_accumulation_steps: "trainer.accumulate_grad_batches",
  max_grad_norm: "trainer.gradient_clip_val",
  label_smoothing_factor: "loss.label_smoothing",
  warmup_ratio: "scheduler.warmup_ratio",
  warmup_steps: "scheduler.warmup_steps",
  lr_scheduler_type: "scheduler.name",
  max_seq_length: "dataset.max_length",
  model_name_or_path: "base_model",
  train_file: "dataset.train",
  test_file: "dataset.test",
  validation_file: "dataset.validation",
};

function describe(schema: z.core.$ZodType | undefined): string {
  const words = schema && expectations.get(schema)?.expected;
  if (words !== undefined) return words;
  if (schema instanceof z.ZodArray) return "a list";
  if (schema instanceof z.ZodLiteral) return [...schema.values].map(String).join(" or ");
  return "a mapping";
}

/** Takes off defaults, other spellings and the like, but never what carries its own words. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (!expectations.has(inner)) {
    if (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault)
      inner = inner.unwrap();
    else if (inner instanceof z.ZodPipe) inner = inner.out;
    else break;
  }
  return inner;
}

function child(
  schema: z.core.$ZodType | undefined,
  part: ConfigValue | undefined,
  step: string | number,
): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodTuple) return schema.def.items[Number(step)];
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return own(shapeOf(schema, part), String(step));
}

function shapeOf(
  schema: z.core.$ZodType | undefined,
  part: ConfigValue | undefined,
): Record<string, z.core.$ZodType> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape;
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return undefined;
  const kinds = kindShapes(schema);
  if (part === undefined) return Object.assign({}, ...kinds.values()) as Record<string, z.core.$ZodType>;
  return kinds.get(isConfigMap(part) ? part[schema.def.discriminator] : undefined);
}

/** Maps the names that a union is told apart by to the fields of each. */
function kindShapes(schema: z.ZodDiscriminatedUnion): Map<unknown, Record<string, z.core.$ZodType>> {
  const kinds = new Map<unknown, Record<string, z.core.$ZodType>>();
  for (const option of schema.options) {
    if (!(option instanceof z.ZodObject)) continue;
    const name: unknown = option.shape[schema.def.discriminator];
    if (name instanceof z.ZodLiteral) kinds.set(name.value, option.shape);
  }
  return kinds;
}

function kindsOf(schema: z.core.$ZodType | undefined): string {
  return schema instanceof z.ZodDiscriminatedUnion
    ? `one of ${[...kindShapes(schema).keys()].join(", ")}`
    : "a name";
}
