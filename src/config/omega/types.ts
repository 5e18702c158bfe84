// The types that parts of a config may be held to, as OmegaConf takes them from Python's dataclasses.
import type { ConfigKey } from "../node.ts";
import type { ConfigValue } from "../value.ts";

/** Is the type of a part of a config. Every type takes "???" and interpolations; null only where it is optional. */
export type ConfigType = AnyType | PrimitiveType | EnumType | UnionType | ListType | DictType | ObjectType;

interface Optional {
  /** Takes null. @default false */
  optional?: boolean;
}

/** Takes anything. */
export interface AnyType {
  kind: "any";
}

/** Converts what can be converted without loss of meaning: "1" to 1 for an `int`, 1 to "1" for a `str`. */
export interface PrimitiveType extends Optional {
  kind: "int" | "float" | "bool" | "str" | "path";
}

/** Takes the name of a member, or its value where that is a number; the name is kept. */
export interface EnumType extends Optional {
  kind: "enum";
  name: string;
  members: Readonly<Record<string, number | string>>;
}

/** Takes values of any of the types as they are, and converts none. */
export interface UnionType extends Optional {
  kind: "union";
  of: readonly PrimitiveType[];
}

/** Is a list whose items are of one type. */
export interface ListType extends Optional {
  kind: "list";
  item: ConfigType;
}

/** Is a mapping with keys of its own. */
export interface DictType extends Optional {
  kind: "dict";
  key: "any" | "str" | "int" | "float" | "bool";
  value: ConfigType;
}

/** Is a mapping with the keys that its fields name, and no others. */
export interface ObjectType extends Optional {
  kind: "object";
  name: string;
  fields: Readonly<Record<string, ConfigField>>;
}

/** Is a field of a structured config: its type and default. */
export interface ConfigField {
  type: ConfigType;
  /** Stands until a value is given. @default "???" */
  default?: ConfigValue;
  /** Leaves the key out until a value is given, in place of a default. @default false */
  omitted?: boolean;
}

/** Names a type in messages. */
export function typeText(type: ConfigType): string {
  const text = {
    any: () => "anything",
    int: () => "a whole number (int)",
    float: () => "a number (float)",
    bool: () => "true or false (bool)",
    str: () => "a text (str)",
    path: () => "a path, written as a text",
    enum: () => `one of ${Object.keys((type as EnumType).members).join(", ")}`,
    union: () => (type as UnionType).of.map(typeText).join(" or "),
    list: () => "a list",
    dict: () => "a mapping",
    object: () => `a mapping with the keys of ${(type as ObjectType).name}`,
  }[type.kind]();
  return isOptional(type) && type.kind !== "any" ? `${text} or null` : text;
}

/** Tells whether a type takes null. */
export function isOptional(type: ConfigType): boolean {
  return type.kind === "any" || type.optional === true;
}

/** Tells whether the parts of a type hold others. */
export function isContainerType(type: ConfigType): type is ListType | DictType | ObjectType {
  return type.kind === "list" || type.kind === "dict" || type.kind === "object";
}

/** Tells whether a mapping with keys of this type may have a key. */
export function takesKey(type: DictType, key: ConfigKey): boolean {
  if (type.key === "any") return true;
  if (type.key === "int" || type.key === "float") return typeof key === "number";
  return typeof key === (type.key === "str" ? "string" : "boolean");
}
