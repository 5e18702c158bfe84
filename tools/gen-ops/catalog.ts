// Joins the dispatcher's schemas with native_functions.yaml and picks the public names.
import { parse } from "yaml";
import { FOREIGN_TYPES, METHODS_ONLY, SPLIT_OVERLOADS, denialReason } from "./deny.ts";
import { camelCase } from "./names.ts";
import { parseSchema, qualifiedName } from "./schema.ts";
import type { Schema } from "./schema.ts";

/** Where a name is exported: `torch` itself or one of its namespaces. */
export type Space = "torch" | "nn" | "linalg" | "fft" | "special";

/** One overload with what the yaml adds to its schema. */
export interface Overload {
  schema: Schema;
  /** Index in the table of operators. */
  index: number;
  isFunction: boolean;
  isMethod: boolean;
  /** Its twin that writes into tensors given by the caller, `add.out`; only functions have one. */
  out: { schema: Schema; index: number } | undefined;
}

/** One public name with all its overloads. */
export interface Operator {
  space: Space;
  /** Name in the schema, `linalg_vector_norm`. */
  name: string;
  /** Name in TypeScript without its namespace, `vectorNorm`. */
  publicName: string;
  overloads: Overload[];
}

export interface Catalog {
  operators: Operator[];
  /** `add.Tensor` in index order. */
  table: string[];
}

interface YamlEntry {
  func: string;
  variants?: string;
  python_module?: string;
}

/** Reads schemas (one string each) and the text of native_functions.yaml. */
export function readCatalog(schemas: readonly string[], yamlText: string): Catalog {
  const entries = new Map<string, YamlEntry>();
  for (const entry of parse(yamlText) as YamlEntry[])
    entries.set(entry.func.slice(0, entry.func.indexOf("(")), entry);

  const byName = new Map<string, { schema: Schema; entry: YamlEntry }[]>();
  const outsByName = new Map<string, Schema[]>();
  for (const text of [...schemas].sort()) {
    if (!text.startsWith("aten::")) continue;
    const schema = parseSchema(text);
    if (denialReason(schema.name) !== undefined || isForeign(schema)) continue;
    const entry = entries.get(qualifiedName(schema));
    if (isOut(schema)) {
      // Python takes those that the yaml lists; the others are made for functionalization
      if (entry !== undefined) outsByName.set(schema.name, [...(outsByName.get(schema.name) ?? []), schema]);
      continue;
    }
    if (entry === undefined) continue;
    const list = byName.get(schema.name) ?? [];
    list.push({ schema, entry });
    byName.set(schema.name, list);
  }

  const table: string[] = [];
  const operators: Operator[] = [];
  for (const [name, list] of byName) {
    const space = spaceOf(
      name,
      list.map(({ entry }) => entry.python_module),
    );
    if (space === undefined) continue;
    const overloads = list.map(({ schema, entry }) => {
      const variants = (entry.variants ?? "function").split(",").map((variant) => variant.trim());
      return {
        schema,
        index: table.push(qualifiedName(schema)) - 1,
        isFunction: variants.includes("function") && !METHODS_ONLY.has(name),
        isMethod: variants.includes("method"),
        out: undefined,
      };
    });
    if (name === "to") operators.push(...splitOperators(overloads));
    else operators.push({ space, name, publicName: publicName(name, space), overloads });
  }
  // behind all others, and those of nn not at all: torch.nn.functional has no `out`
  const functions = table.length;
  for (const { space, name, overloads } of operators) {
    if (space === "nn") continue;
    for (const overload of overloads) {
      const schema = overload.isFunction ? findOut(overload.schema, outsByName.get(name) ?? []) : undefined;
      if (schema === undefined) continue;
      const known = table.indexOf(qualifiedName(schema), functions);
      overload.out = { schema, index: known < 0 ? table.push(qualifiedName(schema)) - 1 : known };
    }
  }
  return { operators, table };
}

function splitOperators(overloads: readonly Overload[]): Operator[] {
  return overloads.flatMap((overload) => {
    const name = SPLIT_OVERLOADS[qualifiedName(overload.schema)];
    const own = { ...overload, isFunction: true, isMethod: false };
    return name === undefined
      ? []
      : [{ space: "torch" as const, name: overload.schema.name, publicName: name, overloads: [own] }];
  });
}

/** Tells an overload that writes into a tensor given by the caller, `add.out`. */
export function isOut(schema: Schema): boolean {
  return schema.arguments.some((argument) => argument.keywordOnly && argument.type.alias?.write === true);
}

/** Finds the overload that takes what `schema` does but for the options of a new tensor, then one tensor for each result. */
function findOut(schema: Schema, outs: readonly Schema[]): Schema | undefined {
  const own = isFactory(schema)
    ? schema.arguments.filter(({ name }) => !TENSOR_OPTIONS.includes(name))
    : schema.arguments;
  const count = own.length;
  const takes = (other: string) => (out: Schema) =>
    out.arguments.length === count + schema.returns.length &&
    out.arguments.slice(count).every(({ type }) => type.alias?.write === true && type.list === undefined) &&
    own.every(({ name, type }, i) => {
      const twin = out.arguments[i]!;
      const base = name === "other" && type.base === "Scalar" ? other : type.base;
      return twin.name === name && JSON.stringify(twin.type) === JSON.stringify({ ...type, base });
    });
  // a number goes where a tensor does, if it has no overload of its own: `add(x, 2, { out })`
  return outs.find(takes("Scalar")) ?? outs.find(takes("Tensor"));
}

/** Names of the options of a new tensor, which factories take. */
export const TENSOR_OPTIONS: readonly string[] = ["dtype", "layout", "device", "pin_memory"];

/** Tells an overload that makes a tensor from options. */
export function isFactory(schema: Schema): boolean {
  const keywords = schema.arguments.filter(({ keywordOnly }) => keywordOnly).map(({ name }) => name);
  return TENSOR_OPTIONS.every((name) => keywords.includes(name));
}

function isForeign(schema: Schema): boolean {
  const types = [...schema.arguments, ...schema.returns].map(({ type }) => type.base);
  return types.some((base) => FOREIGN_TYPES.has(base) || base.includes(".") || base.startsWith("Dict"));
}

function spaceOf(name: string, modules: (string | undefined)[]): Space | undefined {
  const module = modules.find((candidate) => candidate !== undefined);
  switch (module) {
    case undefined:
      return "torch";
    case "nn":
    case "linalg":
    case "fft":
    case "special":
      return module;
    case "sparse":
    case "nested":
      return undefined; // one operator each, of tensor kinds that have no surface yet
    default:
      throw new Error(`readCatalog: ${name} is in the unknown python_module ${JSON.stringify(module)}.`);
  }
}

function publicName(name: string, space: Space): string {
  return camelCase(name.startsWith(`${space}_`) ? name.slice(space.length + 1) : name);
}
