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
  for (const text of [...schemas].sort()) {
    if (!text.startsWith("aten::")) continue;
    const schema = parseSchema(text);
    const entry = entries.get(qualifiedName(schema));
    if (entry === undefined || denialReason(schema.name) !== undefined || isOut(schema) || isForeign(schema))
      continue;
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
      };
    });
    if (name === "to") operators.push(...splitOperators(overloads));
    else operators.push({ space, name, publicName: publicName(name, space), overloads });
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
