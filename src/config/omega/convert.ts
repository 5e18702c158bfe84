// Converts single values to the types of a config, by OmegaConf's rules.
import type { ScalarNode } from "../node.ts";
import { pythonFloat, pythonInt, pythonText } from "./python-text.ts";
import type { EnumType, PrimitiveType, UnionType } from "./types.ts";

type Value = Pick<ScalarNode, "value" | "isFloat">;

/** Converts a value that is not null; undefined where it is none of the type. */
export function convert(node: ScalarNode, type: PrimitiveType | EnumType | UnionType): Value | undefined {
  const { value, isFloat } = node;
  switch (type.kind) {
    case "int":
      return isWhole(node)
        ? { value, isFloat: false }
        : plain(typeof value === "string" ? pythonInt(value) : undefined);
    case "float": {
      if (typeof value === "string") return float(pythonFloat(value));
      return typeof value === "number" || typeof value === "bigint" ? float(Number(value)) : undefined;
    }
    case "bool":
      return plain(toBoolean(node));
    case "str":
      return plain(pythonText(node));
    case "path":
      return plain(typeof value === "string" ? purePath(value) : undefined);
    case "enum":
      return plain(toMember(node, type));
    case "union":
      return type.of.some((option) => isExactly(node, option)) ? { value, isFloat } : undefined;
  }
}

function plain(value: ScalarNode["value"] | undefined): Value | undefined {
  return value === undefined ? undefined : { value, isFloat: false };
}

function float(value: number | undefined): Value | undefined {
  return value === undefined ? undefined : { value, isFloat: true };
}

/** Writes a path as Python's `Path` does: without empty and `.` steps. */
function purePath(path: string): string {
  const root = /^\/{2}(?!\/)|^\/*/u.exec(path)![0];
  const steps = path.split("/").filter((step) => step !== "" && step !== ".");
  return `${root.length === 2 ? "//" : root.slice(0, 1)}${steps.join("/")}` || ".";
}

function isWhole({ value, isFloat }: ScalarNode): boolean {
  return typeof value === "bigint" || (typeof value === "number" && !isFloat && Number.isInteger(value));
}

function toBoolean(node: ScalarNode): boolean | undefined {
  const { value } = node;
  if (typeof value === "boolean") return value;
  if (isWhole(node)) return Number(value) !== 0;
  if (typeof value !== "string") return undefined;
  const number = pythonInt(value);
  if (number !== undefined) return Number(number) !== 0;
  const word = value.toLowerCase();
  if (["yes", "y", "on", "true"].includes(word)) return true;
  return ["no", "n", "off", "false"].includes(word) ? false : undefined;
}

function toMember(node: ScalarNode, { name, members }: EnumType): string | undefined {
  const { value } = node;
  if (isWhole(node)) return Object.keys(members).find((member) => members[member] === Number(value));
  if (typeof value !== "string") return undefined;
  const member = value.startsWith(`${name}.`) ? value.slice(name.length + 1) : value;
  return Object.hasOwn(members, member) ? member : undefined;
}

function isExactly(node: ScalarNode, { kind }: PrimitiveType): boolean {
  if (kind === "int") return isWhole(node);
  if (kind === "float") return typeof node.value === "number" && !isWhole(node);
  return typeof node.value === (kind === "bool" ? "boolean" : "string");
}
