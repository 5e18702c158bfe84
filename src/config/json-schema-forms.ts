// From zod's JSON Schemas to those of files as people write them: null for what is not set, and interpolations.
import * as z from "zod";
import { expectations } from "./fields.ts";

export type Json = { [key: string]: unknown };

/** Says what a kind of file lets pass beside its schema. */
export interface Looseness {
  /** Whether no key must be there, as other files may have it. */
  isPart: boolean;
  /** Whether each value may be an interpolation, or `???`. */
  isComposed: boolean;
}

/** A file that is all there is. */
export const wholeFile: Looseness = { isPart: false, isComposed: false };

/** A file that is all there is, and is resolved as composed ones are. */
export const wholeTree: Looseness = { isPart: false, isComposed: true };

/** A file that other files are composed with. */
export const partFile: Looseness = { isPart: true, isComposed: true };

/** Makes the JSON Schema of a zod schema, as it stands. */
export function plain(schema: z.ZodType): Json {
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

/** Lets keys be null, which means that they are not set, unless they must be. Schemas that `made` replaces go in as they are. */
export function loosen(schema: Json, looseness: Looseness, made?: ReadonlyMap<Json, Json>): Json {
  const replaced = made?.get(schema);
  if (replaced !== undefined) return replaced;
  const {
    properties,
    required = [],
    ...rest
  } = schema as {
    properties?: Record<string, Json>;
    required?: string[];
  } & Json;
  const { isPart, isComposed } = looseness;
  const result: Json = { ...rest };
  for (const key of ["anyOf", "oneOf"])
    if (Array.isArray(result[key]))
      result[key] = (result[key] as Json[]).map((each) => loosen(each, looseness, made));
  if (isJson(result["items"])) {
    const items = loosen(result["items"], looseness, made);
    result["items"] = isComposed ? textOr(items) : items;
  }
  if (required.length > 0 && !isPart) result["required"] = required;
  if (properties === undefined) return result;
  const loosened = Object.entries(properties).map(([key, property]) => {
    const inner = loosen(property, looseness, made);
    const nullable = !isPart && required.includes(key) ? inner : orNull(inner);
    return [key, isComposed ? textOr(nullable) : nullable];
  });
  return { ...result, properties: Object.fromEntries(loosened) as Json };
}

/** Accepts null too. */
export function orNull(schema: Json): Json {
  return or(schema, { type: "null" });
}

/** Accepts also an interpolation, and `???`. */
export function textOr(schema: Json): Json {
  return or(schema, { type: "string", pattern: "\\$\\{|^\\?\\?\\?$" });
}

function or(schema: Json, other: Json): Json {
  const { description, default: usual, ...rest } = schema;
  const isUnion = Array.isArray(rest["anyOf"]) && Object.keys(rest).length === 1;
  return {
    anyOf: [...(isUnion ? (rest["anyOf"] as Json[]) : [rest]), other],
    ...(description !== undefined && { description }),
    ...(usual !== undefined && { default: usual }),
  };
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}
