// How each type of a schema looks in TypeScript, how it is recognised, and how it crosses into the addon.
import { invariant } from "../../src/base/index.ts";
import type { SchemaArgument, SchemaReturn, SchemaType } from "./schema.ts";

interface Base {
  typescript: string;
  /** Name of the check in src/torch/operator-arguments.ts. */
  check: string;
  listCheck?: string;
}

const BASES: Readonly<Record<string, Base>> = {
  Tensor: { typescript: "Tensor", check: "isTensor", listCheck: "isTensors" },
  int: { typescript: "number", check: "isNumber", listCheck: "isNumbers" },
  float: { typescript: "number", check: "isNumber", listCheck: "isNumbers" },
  bool: { typescript: "boolean", check: "isBoolean", listCheck: "isBooleans" },
  str: { typescript: "string", check: "isString" },
  Scalar: { typescript: "Scalar", check: "isScalar", listCheck: "isScalars" },
  ScalarType: { typescript: "Dtype", check: "isString" },
  Layout: { typescript: "Layout", check: "isString" },
  Device: { typescript: "Device", check: "isString" },
  MemoryFormat: { typescript: "MemoryFormat", check: "isString" },
  Generator: { typescript: "Generator", check: "isGenerator" },
};

function baseOf({ base }: SchemaType): Base {
  const found = BASES[base];
  invariant(found, `gen-ops: the type ${base} has no TypeScript form.`);
  return found;
}

/** Returns the type that a caller writes. */
export function inputType(type: SchemaType): string {
  const { typescript } = baseOf(type);
  return type.optional ? `${listType(type, typescript)} | null` : listType(type, typescript);
}

function listType({ list, elementOptional }: SchemaType, element: string): string {
  if (list === undefined) return element;
  const array = elementOptional ? `readonly (${element} | null)[]` : `readonly ${element}[]`;
  return list === "any" ? array : `${element} | ${array}`; // int[2] fans out from one number
}

/** Returns the type of one result. */
export function outputType({ type }: SchemaReturn): string {
  invariant(
    !type.optional && !type.elementOptional,
    `gen-ops: an optional result (${type.base}) has no TypeScript form.`,
  );
  const { typescript } = baseOf(type);
  return type.list === undefined ? typescript : `${typescript}[]`;
}

/** Returns the condition under which `value` may be this argument. */
export function acceptance(argument: SchemaArgument, value: string): string {
  const check = `${checkOf(argument.type)}(${value})`;
  if (argument.type.optional) return `(${value} == null || ${check})`;
  return argument.default === undefined ? check : `(${value} === undefined || ${check})`;
}

function checkOf(type: SchemaType): string {
  const { check, listCheck } = baseOf(type);
  if (type.list === undefined) return check;
  invariant(listCheck, `gen-ops: lists of ${type.base} have no check.`);
  return type.list !== "any" && listCheck === "isNumbers" ? "isNumberOrNumbers" : listCheck;
}

/** Tells what an overload wants at a place, so that two overloads can be compared. */
export function kindOf(argument: SchemaArgument): string {
  return `${checkOf(argument.type)}${argument.type.optional ? "?" : ""}${argument.default === undefined ? "" : "="}`;
}

/** Whether the generated code reads the value as a tensor, so that it must be checked even with one overload. */
export function needsCheck({ type }: SchemaArgument): boolean {
  return type.base === "Tensor";
}

/** Returns the expression that hands `value` to the addon. */
export function crossing({ type, default: fallback }: SchemaArgument, value: string): string {
  const mayBeAbsent = type.optional || fallback !== undefined;
  if (type.base === "Tensor") {
    if (type.list !== undefined)
      return type.elementOptional ? `handlesOrNull(${value})` : `handles(${value})`;
    return mayBeAbsent ? `${value}?.handle` : `${value}.handle`;
  }
  switch (type.base) {
    case "ScalarType":
      return `dtypeCode(${value})`;
    case "Layout":
      return `layoutCode(${value})`;
    case "MemoryFormat":
      return `memoryFormatCode(${value})`;
    case "Generator":
      return `${value}?.handle`;
    default:
      return value;
  }
}

/** Returns the expression that makes a result of what the addon gives back. */
export function arrival({ type }: SchemaReturn, value: string): string {
  if (type.base !== "Tensor") return value;
  return type.list === undefined ? `wrap(${value})` : `wrapList(${value})`;
}

/** Spells a default in TypeScript; undefined for None, which is what leaving out means. */
export function defaultText({ default: text, type }: SchemaArgument): string | undefined {
  if (text === undefined || text === "None") return undefined;
  if (text === "True" || text === "False") return text.toLowerCase();
  if (type.base === "MemoryFormat") return text === "0" ? '"contiguous"' : text;
  if (type.base === "ScalarType") return text;
  if (/^-?[\d.e+-]+$/.test(text)) return String(Number(text));
  return text;
}
