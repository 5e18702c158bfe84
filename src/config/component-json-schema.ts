// JSON Schemas of components: by name, as in Python (`_target_`, `class_path`, `module` with `func`), or by key.
import type { ComponentKind, ComponentNames } from "./components.ts";
import { type Json, type Looseness, loosen, partFile, textOr } from "./json-schema-forms.ts";

/** Is what JSON Schemas of components are made of. */
export interface ComponentSchema {
  /** Accepts one in its one form: a union by `name`, or one mapping. */
  schema: Json;
  kind: ComponentKind;
}

/** Holds the schemas that others refer to, by their names in `$defs`. */
export type Definitions = Record<string, Json>;

/** Accepts a component in any of its spellings; in a part of a composed config, also options whose name another file has. */
export function component(source: ComponentSchema, looseness: Looseness, definitions: Definitions): Json {
  const one = inAnySpelling(source, looseness, definitions);
  const options = optionsOf(source).flatMap(([, each]) => Object.keys(each["properties"] as Json));
  if (!looseness.isPart || options.length === 0) return one;
  const others = {
    type: "object",
    propertyNames: { enum: [...new Set(options)] },
    not: { required: ["name"] },
  };
  return textOr({ anyOf: [one, others] });
}

/** Accepts components by key, as composed configs hold them: the key names one that does not name itself. */
export function componentsByKey(source: ComponentSchema, definitions: Definitions): Json {
  const one = component(source, partFile, definitions);
  const spelled = inAnySpelling(source, partFile, definitions);
  const byKey = optionsOf(source).map(([name, options]) => {
    const { alone } = optionsFrom(`${source.kind.kind}.${name}`, options, partFile, definitions);
    return [name, textOr({ anyOf: [alone, spelled, { type: "null" }] })] as const;
  });
  return textOr({
    anyOf: [
      {
        type: "object",
        properties: Object.fromEntries(byKey),
        additionalProperties: { anyOf: [one, { type: "null" }] },
      },
      { type: "array", items: one },
    ],
  });
}

function inAnySpelling(source: ComponentSchema, looseness: Looseness, definitions: Definitions): Json {
  const { kind } = source;
  const spellings = optionsOf(source).flatMap(([name, options]) => {
    const found = kind.components.find((each) => each.name === name) ?? { name, classes: [] };
    const at = `${kind.kind}.${name}`;
    const ours = optionsFrom(at, options, looseness, definitions);
    const named = only(ours, { name: { enum: namesOf(found) } });
    if (found.classes.length === 0) return [named];
    const inPython = pythonOptions(found, options);
    const python = inPython && optionsFrom(`${at}.python`, inPython, looseness, definitions);
    return [named, ...asInPython(found, kind, python ?? ours)];
  });
  const schema = {
    description: `a ${kind.kind} by name, or with its options`,
    anyOf: [
      { enum: kind.components.flatMap(namesOf) },
      ...spellings,
      ...(looseness.isPart ? ofPlugins(kind) : []),
    ],
  };
  return define(kind.kind, schema, definitions);
}

/** Puts a schema among the definitions, and returns what refers to it. */
function define(name: string, schema: Json, definitions: Definitions): { $ref: string } {
  const isOther = (key: string): boolean =>
    definitions[key] !== undefined && JSON.stringify(definitions[key]) !== JSON.stringify(schema);
  let key = name;
  for (let count = 2; isOther(key); count++) key = `${name}-${count}`;
  definitions[key] = schema;
  return { $ref: `#/$defs/${key}` };
}

/** Is what a component may say beside its name: a definition of its options, and which of them must be there. */
interface Options {
  /** Accepts the options and nothing else. */
  alone: { $ref: string };
  definition: { $ref: string };
  names: readonly string[];
  required: readonly string[];
}

function optionsFrom(name: string, options: Json, looseness: Looseness, definitions: Definitions): Options {
  const { properties, required = [] } = loosen(options, looseness);
  const definition = define(name, { type: "object", properties }, definitions);
  const known = { definition, names: Object.keys(properties as Json), required: required as string[] };
  return { ...known, alone: define(`${name}.alone`, only(known), definitions) };
}

/** Accepts options with what names the component, and nothing else. */
function only(
  { definition, names, required }: Omit<Options, "alone">,
  marks: Json = {},
  mayBeThere: Json = {},
): Json {
  const properties = { ...marks, ...mayBeThere };
  const known = [...Object.keys(properties), ...names];
  return {
    allOf: [definition],
    properties,
    required: [...Object.keys(marks), ...required],
    ...(known.length > 0 ? { propertyNames: { enum: known } } : { maxProperties: 0 }), // no enum may be empty
  };
}

function namesOf({ name, classes, aliases = [] }: ComponentNames): string[] {
  return [name, ...aliases, ...classes];
}

/** Names the options as Python does, and adds what may stand there as it asks for nothing; undefined where that is no other. */
function pythonOptions(
  { renamedOptions = {}, neutralOptions = {} }: ComponentNames,
  options: Json,
): Json | undefined {
  if (Object.keys({ ...renamedOptions, ...neutralOptions }).length === 0) return undefined;
  const properties = { ...(options["properties"] as Record<string, Json>) };
  for (const [python, ours] of Object.entries(renamedOptions))
    if (properties[ours] !== undefined) properties[python] = properties[ours];
  for (const [option, values] of Object.entries(neutralOptions)) {
    const usual = properties[option];
    properties[option] = { anyOf: [...(usual === undefined ? [] : [usual]), { enum: values }] };
  }
  const required = ((options["required"] ?? []) as string[]).filter(
    (option) => !Object.values(renamedOptions).includes(option),
  );
  return { ...options, properties, required };
}

/** Accepts a component as Python's tools write it, its options in or beside `init_args` or `kwargs`. */
function asInPython(
  { classes, modules: own }: ComponentNames,
  kind: ComponentKind,
  options: Options,
): Json[] {
  const module = `(${alternatives(own ?? kind.modules)})(\\.\\w+)*`;
  const target = pattern(`(${module}\\.)?(${alternatives(classes)})`);
  const hydraMarks = { _partial_: { type: "boolean" }, _recursive_: { type: "boolean" }, _convert_: {} };
  const apart = (marks: Json, key: string): Json => {
    const inside = { anyOf: [options.alone, { type: "null" }] };
    const { required } = options;
    const schema = only({ ...options, required: [] }, marks, { [key]: inside });
    if (required.length === 0) return schema;
    const filled = { required: [key], properties: { [key]: { type: "object" } } };
    return { ...schema, anyOf: [{ required }, filled] };
  };
  return [
    only(options, { _target_: target }, hydraMarks),
    apart({ class_path: target }, "init_args"),
    apart({ module: pattern(module), func: pattern(`(${alternatives(classes)})`) }, "kwargs"),
  ];
}

/** Accepts classes of modules that are none of Python's known ones: plugins register those. */
function ofPlugins({ modules }: ComponentKind): Json[] {
  const other = { type: "string", not: { pattern: `^(${alternatives(modules)})(\\.|$)` } };
  const dotted = { ...other, pattern: "\\." };
  return [
    { type: "object", required: ["_target_"], properties: { _target_: dotted } },
    { type: "object", required: ["class_path"], properties: { class_path: dotted } },
    { type: "object", required: ["module", "func"], properties: { module: other } },
  ];
}

function pattern(text: string): Json {
  return { type: "string", pattern: `^${text}$` };
}

function alternatives(texts: readonly string[]): string {
  return texts.map((text) => text.replaceAll(".", "\\.")).join("|");
}

/** Returns the options of each component by its name. */
function optionsOf({ schema }: ComponentSchema): [name: string, options: Json][] {
  const { oneOf, anyOf } = schema as { oneOf?: Json[]; anyOf?: Json[] };
  return (oneOf ?? anyOf ?? [schema]).map((each) => {
    const { name, ...properties } = each["properties"] as { name: Json } & Json;
    const required = ((each["required"] ?? []) as string[]).filter((option) => option !== "name");
    return [String(name["const"]), { ...each, properties, required }];
  });
}
