// What the generated operators (`*.generated.ts`) share: telling arguments apart, and saying what was wrong.
import { UsageError, suggestion } from "../base/index.ts";
import { call } from "./binding.ts";
import type { Device, Dtype, Layout } from "./dtype.ts";
import { Generator } from "./random.ts";
import { native } from "./native.ts";
import type { Complex, Scalar } from "./native.ts";
import type { Tensor } from "./tensor.ts";

/** What a new tensor is made of, for factories such as `zeros`. */
export interface TensorOptions {
  /** @default what the operator gives, float32 unless the default dtype was changed */
  dtype?: Dtype | null | undefined;
  layout?: Layout | null | undefined;
  /** @default "cpu" */
  device?: Device | null | undefined;
  /** Page-locked memory, for fast copies to a GPU. @default false */
  pinMemory?: boolean | null | undefined;
  /** Records gradients for the new tensor. @default false */
  requiresGrad?: boolean | undefined;
}

/** Where a function writes, for those that PyTorch gives `out=`. */
export interface Out<Written = Tensor> {
  /** Is resized to the result and returned; must not take part in autograd. @default new tensors */
  out?: Written | undefined;
}

/** Is the root of `Tensor`, so that the generated operators can tell a tensor without importing its class. */
export abstract class TensorBase {
  /** Names the native tensor. */
  abstract readonly handle: number;
}

/** Tells whether `x` is a tensor. */
export function isTensor(x: unknown): x is Tensor {
  return x instanceof TensorBase;
}

/** Tells whether `x` is a list of tensors; an empty list is one, and holes (`null`) are left to the operator. */
export function isTensors(x: unknown): boolean {
  return Array.isArray(x) && (x.length === 0 || x[0] === null || isTensor(x[0]));
}

/** Tells whether `x` may stand for a `Scalar`: a number, boolean, bigint or `{ re, im }`. */
export function isScalar(x: unknown): boolean {
  return typeof x === "number" || typeof x === "boolean" || typeof x === "bigint" || isComplexScalar(x);
}

/** Tells whether `x` is a complex number. */
export function isComplexScalar(x: unknown): x is Complex {
  return typeof x === "object" && x !== null && "re" in x && "im" in x;
}

/** Tells whether `x` is a list of scalars. */
export function isScalars(x: unknown): boolean {
  return Array.isArray(x) && (x.length === 0 || isScalar(x[0]));
}

/** Tells whether `x` is a number or bigint. */
export function isNumber(x: unknown): boolean {
  return typeof x === "number" || typeof x === "bigint";
}

/** Tells whether `x` is a list of numbers. */
export function isNumbers(x: unknown): boolean {
  return Array.isArray(x) && (x.length === 0 || isNumber(x[0]));
}

/** Tells whether `x` is one number or a list of them: a size that may fan out, `kernelSize: 3`. */
export function isNumberOrNumbers(x: unknown): boolean {
  return isNumber(x) || isNumbers(x);
}

/** Tells whether `x` is a boolean. */
export function isBoolean(x: unknown): boolean {
  return typeof x === "boolean";
}

/** Tells whether `x` is a list of booleans. */
export function isBooleans(x: unknown): boolean {
  return Array.isArray(x) && (x.length === 0 || typeof x[0] === "boolean");
}

/** Tells whether `x` is a string: a word, a dtype, a device, a layout. */
export function isString(x: unknown): boolean {
  return typeof x === "string";
}

/** Tells whether `x` is a random generator. */
export function isGenerator(x: unknown): x is Generator {
  return x instanceof Generator;
}

/** Tells whether `x` is the options object of a call: an object that is no tensor, list, generator or number. */
export function isOptions(x: unknown): x is Record<string, unknown> {
  return (
    typeof x === "object" &&
    x !== null &&
    !(x instanceof TensorBase) &&
    !Array.isArray(x) &&
    (x as { handle?: unknown }).handle === undefined &&
    !isComplexScalar(x)
  );
}

/**
 * Returns the options of a call after checking that `known` has each of their names and that they come last. The first
 * `placed` of the names were given by their places.
 */
export function named<T>(
  operator: string,
  options: T,
  known: readonly string[],
  placed = 0,
  ...after: unknown[]
): T {
  if (!isOptions(options)) throw notOptions(operator, options);
  for (const value of after) if (value !== undefined) throw notOptions(operator, value);
  for (const name in options) {
    const at = known.indexOf(name);
    if (at >= placed) continue;
    throw new UsageError(
      at < 0
        ? `${operator}: unknown option "${name}". ${validNames(name, known.slice(placed))}`
        : `${operator}: "${name}" is given twice, by its place and as an option. Leave one out.`,
    );
  }
  return options;
}

function validNames(name: string, valid: readonly string[]): string {
  return valid.length === 0 ? "It takes no options." : suggestion(name, valid);
}

/** Makes one list of numbers that were given one by one, and returns it with the options that may come last. */
export function oneList(given: readonly unknown[]): [list: unknown[], options: unknown] {
  const end = given.findLastIndex((value) => value !== undefined);
  return isOptions(given[end]) ? [given.slice(0, end), given[end]] : [given.slice(0, end + 1), undefined];
}

/**
 * Turns a call with named arguments into positions, for operators whose overloads name a position differently.
 *
 * `layouts` holds one entry for each overload: its positional names, and its keyword-only names. The first
 * overload that has all given names wins. Returns the positions, then the keyword-only options.
 */
export function rebind(
  operator: string,
  layouts: readonly (readonly [positional: readonly string[], keywords: readonly string[]])[],
  given: readonly unknown[],
): any[] {
  const split = given.findIndex(isOptions);
  const misplaced = given.findLast((value, i) => i > split && value !== undefined);
  if (split < 0 || misplaced !== undefined) throw notOptions(operator, misplaced ?? given.at(-1));
  const options = given[split] as Record<string, unknown>;
  const width = given.length - 1;
  for (const [positional, keywords] of layouts) {
    if (positional.length < split || !takesAll(options, positional, split, keywords)) continue;
    // plain loops: this runs at every `max(x, { dim })`
    const bound: unknown[] = given.slice(0, split);
    for (let i = split; i < width; i++)
      bound.push(i < positional.length ? options[positional[i]!] : undefined);
    const byName: Record<string, unknown> = {};
    for (const name of keywords) byName[name] = options[name];
    bound.push(byName);
    return bound;
  }
  const names = Object.keys(options);
  const known = new Set(layouts.flat(2));
  const unknown = names.find((name) => !known.has(name));
  const open = new Set(
    layouts.flatMap(([positional, keywords]) => [...positional.slice(split), ...keywords]),
  );
  throw new UsageError(
    unknown === undefined
      ? `${operator}: no signature takes the options ${names.join(", ")} together after ${split} positional arguments. ` +
          `Signatures take: ${layouts.map(([p, k]) => [...p, ...k].join(", ")).join(" | ")}.`
      : `${operator}: unknown option "${unknown}". ${validNames(unknown, [...open])}`,
  );
}

function takesAll(
  options: Record<string, unknown>,
  positional: readonly string[],
  split: number,
  keywords: readonly string[],
): boolean {
  for (const name in options) {
    if (positional.indexOf(name) < split && !keywords.includes(name)) return false;
  }
  return true;
}

/** Calls operator number `op`, which writes into `out`: a tensor, or a list where it has several results. */
export function callInto<T>(out: T, op: number, ...given: unknown[]): T {
  if (!isTensor(out) && !isTensors(out)) {
    throw new UsageError(
      `The option out must be a tensor, or a list of tensors for several results, got ${describe(out)}.`,
    );
  }
  call(op, ...given, ...handles(isTensor(out) ? [out] : (out as Tensor[])));
  return out;
}

/** Checks that what a factory writes into is as the options beside it say. */
export function checkOut(
  out: unknown,
  dtype: Dtype | null | undefined,
  layout: Layout | null | undefined,
  device: Device | null | undefined,
): void {
  if (!isTensor(out)) return; // callInto says what it must be
  const wanted = { dtype, layout, device: device == null ? device : native.deviceName(device) };
  for (const [name, value] of Object.entries(wanted)) {
    const own = out[name as keyof typeof wanted];
    if (value == null || value === own) continue;
    throw new UsageError(
      `The option ${name} must be that of out, ${own}, got ${value}. Leave ${name} out, or give another out.`,
    );
  }
}

/** Returns the dtype of a number that stands where a tensor does: its own kind, as wide as it goes. */
export function numberDtype(value: Scalar): Dtype {
  if (typeof value === "boolean") return "bool";
  if (isComplexScalar(value)) return "complex128";
  // as native/src/env.cc reads numbers
  const isWhole = Number.isInteger(value) && Math.abs(Number(value)) < 9.2e18 && !Object.is(value, -0);
  return typeof value === "bigint" || isWhole ? "int64" : "float64";
}

/** Returns the handles of a list of tensors. */
export function handles(tensors: readonly Tensor[]): number[] {
  return Array.from(tensors, handleOf); // unlike map, refuses a hole at once
}

/** Returns the handles of a list of tensors with holes (`null`), as `index` takes. */
export function handlesOrNull(tensors: readonly (Tensor | null)[]): (number | null)[] {
  return Array.from(tensors, (tensor, i) => (tensor === null ? null : handleOf(tensor, i)));
}

function handleOf(tensor: Tensor, i: number): number {
  if (isTensor(tensor)) return tensor.handle;
  throw new UsageError(`A list of tensors must hold tensors alone, got ${describe(tensor)} at index ${i}.`);
}

/** Makes the error of a call that fits no signature of its operator. */
export function refuse(operator: string, signatures: string, given: readonly unknown[]): UsageError {
  const last = given.findLastIndex((value) => value !== undefined && !isEmpty(value));
  const kinds = given.slice(0, last + 1).map(describe);
  const lines = signatures.split("\n").map((signature) => `  ${signature}`);
  return new UsageError(
    `${operator}: no signature takes (${kinds.join(", ")}). Call it as:\n${lines.join("\n")}`,
  );
}

function notOptions(operator: string, value: unknown): UsageError {
  return new UsageError(`${operator}: the last argument must be an options object, got ${describe(value)}.`);
}

function isEmpty(value: unknown): boolean {
  return isOptions(value) && Object.values(value as object).every((member) => member === undefined);
}

const shownElements = 8;

/** Says in a word or two what `value` is. */
function describe(value: unknown): string {
  if (isTensor(value)) return "Tensor";
  if (Array.isArray(value)) {
    const kinds = [...new Set(value.slice(0, shownElements).map(describe))]; // a sparse array may claim 2^32 elements
    return kinds.length === 0 ? "[]" : kinds.length === 1 ? `${kinds[0]}[]` : `(${kinds.join(" | ")})[]`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  if (!isOptions(value)) return value.constructor.name;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{ ${members.map(([name, member]) => `${name}: ${describe(member)}`).join(", ")} }`;
}
