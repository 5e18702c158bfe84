// Checks of the options that optimizers and schedulers are made with.
import { UsageError, suggestion } from "../../base/index.ts";

/** Bounds of a number: `min` and `max` may be reached, `above` and `below` not. */
export interface Bounds {
  min?: number;
  max?: number;
  above?: number;
  below?: number;
  integer?: boolean;
}

/** Throws unless `value` is a finite number within `bounds`. `where` is the class or function that was called. */
export function checkNumber(
  where: string,
  name: string,
  value: unknown,
  bounds: Bounds = {},
): asserts value is number {
  const { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity, integer = false } = bounds;
  const fits =
    typeof value === "number" &&
    Number.isFinite(value) &&
    value >= min &&
    value <= max &&
    value > above &&
    value < below &&
    (!integer || Number.isInteger(value));
  if (fits) return;
  throw new UsageError(`${where}: ${name} must be ${describe(bounds)}, got ${show(value)}.`);
}

/** Throws unless `value` is true or false. */
export function checkBoolean(where: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") {
    throw new UsageError(`${where}: ${name} must be true or false, got ${show(value)}.`);
  }
}

/** Throws unless `value` is a list of as many numbers as there are bounds, each within its own. */
export function checkNumbers(
  where: string,
  name: string,
  value: unknown,
  bounds: readonly Bounds[],
  example: string,
): asserts value is readonly number[] {
  if (!Array.isArray(value) || value.length !== bounds.length) {
    const count = ["no", "one", "two", "three"][bounds.length];
    throw new UsageError(`${where}: ${name} must be ${count} numbers, got ${show(value)}. Write ${example}.`);
  }
  bounds.forEach((each, i) => checkNumber(where, `${name}[${i}]`, value[i], each));
}

/** Throws unless `betas` are two decays, each at least 0 and below 1. */
export function checkBetas(where: string, betas: unknown): void {
  const decay = { min: 0, below: 1 };
  checkNumbers(where, "betas", betas, [decay, decay], "[0.9, 0.999]");
}

/** Throws unless `value` is one of `choices`. */
export function checkChoice<T extends string>(
  where: string,
  name: string,
  value: unknown,
  choices: readonly T[],
): asserts value is T {
  if (choices.includes(value as T)) return;
  throw new UsageError(
    `${where}: ${name} must be one of ${choices.map((choice) => `"${choice}"`).join(", ")}, got ${show(value)}.`,
  );
}

/** Throws when `options` has a name that is not in `known`. */
export function checkNames(where: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new UsageError(`${where}: unknown option "${name}". ${suggestion(name, known)}`);
    }
  }
}

function describe({ min, max, above, below, integer = false }: Bounds): string {
  const bounds = [
    ...(min === undefined ? [] : [`>= ${min}`]),
    ...(above === undefined ? [] : [`> ${above}`]),
    ...(max === undefined ? [] : [`<= ${max}`]),
    ...(below === undefined ? [] : [`< ${below}`]),
  ];
  return [integer ? "a whole number" : "a number", bounds.join(" and ")]
    .filter((part) => part !== "")
    .join(" ");
}

function show(value: unknown): string {
  if (typeof value === "string" || Array.isArray(value)) return JSON.stringify(value);
  return typeof value === "object" && value !== null ? `a ${value.constructor.name}` : String(value);
}
