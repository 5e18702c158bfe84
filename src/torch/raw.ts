// Operators by their libtorch name, for those that the generated surface leaves out.
import { UsageError, suggestion } from "../base/index.ts";
import { wrap, wrapList, wrapOrNull } from "./binding.ts";
import { dtypeCode, dtypeName, layoutCode, memoryFormatCode } from "./dtype.ts";
import type { Dtype, Layout, MemoryFormat } from "./dtype.ts";
import { native } from "./native.ts";
import { isOptions, isTensor } from "./operator-arguments.ts";
import type { Tensor } from "./tensor.ts";

/** Takes and returns what the addon does: handles for tensors, numbers for dtypes, `undefined` for defaults. */
export type RawOp = (...args: unknown[]) => any;

/**
 * Returns a function that calls an operator with raw handles; the operator is looked up at the first call.
 *
 * `name` is in the namespace `aten` unless it says otherwise, `quantized::add`. The handles that come back
 * belong to the scope that is open: wrap them, dispose them, or let the scope free them. For an argument that it
 * changed in place, an operator gives 0 and no new handle.
 */
export function rawOp(name: string, overload = ""): RawOp {
  const qualified = name.includes("::") ? name : `aten::${name}`;
  let index = -1;
  return (...args) => {
    if (index < 0) index = find(qualified, overload);
    return native.call(index, ...args);
  };
}

/**
 * Calls any operator of the linked libtorch by namespace, name and overload, as Python's `torch.ops` does.
 *
 * Arguments are positional in the schema's order; a last plain object gives the rest by name, in camelCase.
 * An in-place operator returns the tensor that it changed.
 *
 * @example
 * const x = torch.ones([2]);
 * torch.ops.aten.add.Tensor(x, x, { alpha: 2 }).tolist(); // => [3, 3]
 */
export const ops: Readonly<Record<string, any>> = new Proxy(
  {},
  {
    get: (_, namespace) => (typeof namespace === "string" ? operatorsOf(namespace) : undefined),
  },
);

function operatorsOf(namespace: string): unknown {
  return new Proxy(
    {},
    {
      get: (_, name) => (typeof name === "string" ? overloadsOf(`${namespace}::${name}`) : undefined),
    },
  );
}

function overloadsOf(name: string): unknown {
  return new Proxy(wrappedOp(name, ""), {
    get(target, overload) {
      if (typeof overload !== "string") return Reflect.get(target, overload) as unknown;
      return wrappedOp(name, overload === "default" ? "" : overload);
    },
  });
}

function wrappedOp(name: string, overload: string): RawOp {
  return (...args) => {
    const index = find(name, overload);
    const { argumentsOf, returns } = parseSchema(native.schema(index));
    const given = position(name, argumentsOf, args);
    const result: unknown = native.call(
      index,
      ...given.map((value, i) => toNative(value, argumentsOf[i]?.type)),
    );
    if (returns.length === 0) return undefined;
    if (returns.length === 1) return toWrapped(result, returns[0]!, argumentsOf, given);
    return returns.map((type, i) => toWrapped((result as unknown[])[i], type, argumentsOf, given));
  };
}

const found = new Map<string, number>();

function find(name: string, overload: string): number {
  const key = `${name}.${overload}`;
  let index = found.get(key);
  if (index !== undefined) return index;
  index = native.findOp(name, overload);
  if (index < 0) throw notFound(name, overload);
  found.set(key, index);
  return index;
}

function notFound(name: string, overload: string): UsageError {
  const overloads = native
    .listSchemas()
    .filter((schema) => schema.startsWith(`${name}.`) || schema.startsWith(`${name}(`))
    .map((schema) => /^[\w:]+(?:\.(\w+))?\(/.exec(schema)?.[1] ?? "default");
  const full = overload === "" ? name : `${name}.${overload}`;
  const reason =
    overloads.length === 0
      ? `the linked libtorch (${native.version()}) has no such operator. Check the name.`
      : `the operator has other overloads. ${suggestion(overload === "" ? "default" : overload, overloads)}`;
  return new UsageError(`${full}: ${reason}`);
}

interface Argument {
  name: string;
  type: string;
}

interface Signature {
  argumentsOf: Argument[];
  returns: string[];
}

/** Reads names and types from `aten::add.Tensor(Tensor self, *, Scalar alpha=1) -> Tensor`. */
function parseSchema(schema: string): Signature {
  const arrow = schema.lastIndexOf(" -> ");
  const returns = schema.slice(arrow + 4);
  return {
    argumentsOf: splitTop(schema.slice(schema.indexOf("(") + 1, arrow - 1))
      .filter((part) => part !== "*")
      .map((part) => {
        const declaration = part.split("=", 1)[0]!;
        const space = declaration.lastIndexOf(" ");
        return { name: camelCase(declaration.slice(space + 1)), type: declaration.slice(0, space) };
      }),
    returns: returns.startsWith("(") ? splitTop(returns.slice(1, -1)) : [returns],
  };
}

/** Splits at commas outside brackets. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = text[i];
    if (c === "(" || c === "[") depth++;
    else if (c === ")" || c === "]") depth--;
    else if ((c === "," && depth === 0) || c === undefined) {
      const part = text.slice(start, i).trim();
      if (part !== "") parts.push(part);
      start = i + 1;
    }
  }
  return parts;
}

/** Puts arguments by name behind those by position. */
function position(operator: string, argumentsOf: readonly Argument[], args: readonly unknown[]): unknown[] {
  const last = args.at(-1);
  if (!isOptions(last)) return [...args];
  const given = args.slice(0, -1);
  const names = argumentsOf.map(({ name }) => name);
  for (const [name, value] of Object.entries(last as Record<string, unknown>)) {
    const i = names.indexOf(name);
    if (i < args.length - 1) {
      throw new UsageError(
        i < 0
          ? `${operator}: unknown argument "${name}". ${suggestion(name, names.slice(args.length - 1))}`
          : `${operator}: "${name}" is given twice, by its place and by name. Leave one out.`,
      );
    }
    given[i] = value;
  }
  return given;
}

function toNative(value: unknown, type: string | undefined): unknown {
  if (isTensor(value)) return value.handle;
  if (Array.isArray(value)) return value.map((item) => toNative(item, undefined));
  const foreign = /^(Storage|Stream|QScheme|Dict|__torch__)/.exec(type ?? "")?.[1];
  if (foreign !== undefined && value !== undefined && value !== null) {
    throw new UsageError(`torch.ops: an argument of type ${type} cannot be given from JavaScript.`);
  }
  if (typeof value === "string" && type !== undefined) {
    if (type.startsWith("ScalarType")) return dtypeCode(value as Dtype);
    if (type.startsWith("Layout")) return layoutCode(value as Layout);
    if (type.startsWith("MemoryFormat")) return memoryFormatCode(value as MemoryFormat);
  }
  if (type?.startsWith("Generator") && typeof value === "object" && value !== null) {
    return (value as { handle: number }).handle;
  }
  return value;
}

function toWrapped(
  value: unknown,
  type: string,
  argumentsOf: readonly Argument[],
  given: readonly unknown[],
): unknown {
  if (type.startsWith("ScalarType")) return dtypeName(value as number);
  if (!type.startsWith("Tensor")) return value;
  if (type.includes("[]")) return wrapList(value as number[]);
  const changed = /^Tensor\((\w+)!\)/.exec(type)?.[1];
  const i = argumentsOf.findIndex((argument) => argument.type.startsWith(`Tensor(${changed}!`));
  if (changed !== undefined && isTensor(given[i])) return given[i];
  return type.endsWith("?") ? wrapOrNull(value as number) : (wrap(value as number) satisfies Tensor);
}

function camelCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
