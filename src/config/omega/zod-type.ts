// Reads the type of a config off a zod schema, so that one schema gives types, conversions and checks.
import type { ZodType } from "zod";
import { UsageError } from "../../base/index.ts";
import type { ConfigValue } from "../value.ts";
import type { ConfigField, ConfigType, PrimitiveType } from "./types.ts";

/** Is what zod 4 tells about a schema. */
interface Definition {
  type: string;
  format?: string;
  checks?: readonly { _zod: { def: { format?: string } } }[];
  shape?: Record<string, ZodType>;
  element?: ZodType;
  innerType?: ZodType;
  in?: ZodType;
  keyType?: ZodType;
  valueType?: ZodType;
  options?: readonly ZodType[];
  entries?: Record<string, string | number>;
  values?: readonly unknown[];
  defaultValue?: unknown;
  getter?: () => ZodType;
}

/** Tells a zod schema from the description of a type. */
export function isZodSchema(value: object): value is ZodType {
  return "_zod" in value;
}

/**
 * Gives the type that a zod schema stands for: objects, arrays, records, enums, unions of single values, and the
 * single values themselves; `nullable` takes null, `optional` leaves a key out until it
 * is given, and defaults are those of the fields. What a schema
 * refines beyond that (ranges, patterns) is left to its own `parse`. Other schemas throw a `UsageError`.
 */
export function typeOfZod(schema: ZodType, name = "Config"): ConfigType {
  return fieldOfZod(schema, name).type;
}

function fieldOfZod(schema: ZodType, name: string): ConfigField {
  const def = definition(schema);
  switch (def.type) {
    case "optional": {
      const field = fieldOfZod(def.innerType!, name);
      return "default" in field ? field : { ...field, omitted: true };
    }
    case "nullable":
      return optional(fieldOfZod(def.innerType!, name));
    case "default":
    case "prefault":
      return { ...fieldOfZod(def.innerType!, name), default: def.defaultValue as ConfigValue };
    case "readonly":
    case "catch":
    case "nonoptional":
      return fieldOfZod(def.innerType!, name);
    case "pipe":
      return fieldOfZod(def.in!, name);
    default:
      return { type: ownType(def, name) };
  }
}

function ownType(def: Definition, name: string): ConfigType {
  const primitive = primitiveType(def);
  if (primitive !== undefined) return primitive;
  switch (def.type) {
    case "any":
    case "unknown":
      return { kind: "any" };
    case "enum":
      return { kind: "enum", name, members: def.entries! };
    case "literal":
      return literalType(def.values!, name);
    case "array":
      return { kind: "list", item: typeOfZod(def.element!, name) };
    case "record":
      return { kind: "dict", key: keyType(def.keyType!), value: typeOfZod(def.valueType!, name) };
    case "object": {
      const fields = Object.entries(def.shape!).map(([key, field]) => [key, fieldOfZod(field, key)] as const);
      return { kind: "object", name, fields: Object.fromEntries(fields) };
    }
    case "union":
      return unionType(def.options!, name);
    default:
      return unsupported(`z.${def.type}()`, name);
  }
}

function primitiveType(def: Definition): PrimitiveType | undefined {
  if (def.type === "string" || def.type === "template_literal") return { kind: "str" };
  if (def.type === "boolean") return { kind: "bool" };
  if (def.type === "int" || def.type === "bigint") return { kind: "int" };
  if (def.type !== "number") return undefined;
  const formats = [def.format, ...(def.checks ?? []).map(({ _zod }) => _zod.def.format)];
  return { kind: formats.some((format) => format !== undefined && /int/u.test(format)) ? "int" : "float" };
}

function literalType(values: readonly unknown[], name: string): ConfigType {
  if (!values.every((value) => typeof value === "string")) return { kind: "any" };
  return { kind: "enum", name, members: Object.fromEntries(values.map((value) => [value, value])) };
}

function unionType(options: readonly ZodType[], name: string): ConfigType {
  const fields = options
    .filter((option) => definition(option).type !== "null")
    .map((option) => typeOfZod(option, name));
  const isOptional = fields.length < options.length;
  const [first] = fields;
  if (fields.length === 1) return isOptional ? nullable(first!) : first!;
  const primitives = fields.filter((type): type is PrimitiveType => isPrimitive(type));
  if (primitives.length < fields.length) return { kind: "any" };
  return { kind: "union", of: primitives, ...(isOptional ? { optional: true } : {}) };
}

function isPrimitive({ kind }: ConfigType): boolean {
  return ["int", "float", "bool", "str", "path"].includes(kind);
}

function keyType(schema: ZodType): "str" | "int" | "float" | "any" {
  const primitive = primitiveType(definition(schema));
  if (primitive?.kind === "int" || primitive?.kind === "float") return primitive.kind;
  return primitive?.kind === "str" ? "str" : "any";
}

function optional(field: ConfigField): ConfigField {
  return { ...field, type: nullable(field.type) };
}

function nullable(type: ConfigType): ConfigType {
  return type.kind === "any" ? type : { ...type, optional: true };
}

function definition(schema: ZodType): Definition {
  const def = schema._zod.def as unknown as Definition;
  return def.type === "lazy" ? definition(def.getter!()) : def;
}

function unsupported(what: string, name: string): never {
  throw new UsageError(
    `OmegaConf.structured: ${name} must be made of objects, arrays, records, enums and single values, got ${what}. Use z.any() there.`,
  );
}
