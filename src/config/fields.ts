// The small schemas that the sections share. Each says in words what it expects; messages quote that.
import * as z from "zod";

/** Holds what a schema expects, as a message says it: `an integer of at least 1`. */
export const expectations = z.registry<{ expected: string }>();

/** Attaches the words that a message uses for what a schema expects. */
export function expecting<T extends z.ZodType>(expected: string, schema: T): T {
  expectations.add(schema, { expected });
  return schema;
}

/** Bounds a number; `above` and `below` exclude the bound itself. */
export interface Bounds {
  min?: number;
  max?: number;
  above?: number;
  below?: number;
}

/** Accepts a whole number within bounds. */
export function integer(bounds: Bounds = {}) {
  return expecting(`an integer${boundsText(bounds)}`, bounded(z.int(), bounds));
}

/** Accepts a finite number within bounds. */
export function number(bounds: Bounds = {}) {
  return expecting(`a number${boundsText(bounds)}`, bounded(z.number(), bounds));
}

/** Accepts a string with at least one character. */
export function text(expected = "a string") {
  return expecting(expected, z.string().min(1));
}

/** Accepts true or false. */
export function flag() {
  return expecting("true or false", z.boolean());
}

/** Accepts one value alone, for a reason. */
export function only(value: boolean, reason: string): z.ZodLiteral<boolean>;
export function only(value: number, reason: string): z.ZodLiteral<number>;
export function only(value: number | boolean, reason: string) {
  return expecting(`${value}, as ${reason}`, z.literal(value));
}

/** Accepts one of a few words. */
export function choice<const T extends readonly string[]>(words: T) {
  return expecting(`one of ${words.join(", ")}`, z.enum(words));
}

/** Accepts what Lightning reads as a number of batches (an integer) or a share of them (below 1). */
export function batches(min = 0) {
  return expecting(
    `a number of batches (an integer of at least ${min}) or a share of them (below 1; 1.0 means all)`,
    z.number().refine((value) => (value >= min && Number.isInteger(value)) || (value > 0 && value < 1)),
  );
}

/** Accepts a length of time, `DD:HH:MM:SS`, as Lightning writes `max_time`. */
export function duration() {
  return expecting(
    'a time as "DD:HH:MM:SS", in quotes',
    z.string().regex(/^\d{1,4}:\d{2}:[0-5]\d:[0-5]\d$/u),
  );
}

function bounded<T extends z.ZodNumber>(schema: T, { min, max, above, below }: Bounds): T {
  let result: z.ZodNumber = schema;
  if (min !== undefined) result = result.min(min);
  if (max !== undefined) result = result.max(max);
  if (above !== undefined) result = result.gt(above);
  if (below !== undefined) result = result.lt(below);
  return result as T;
}

function boundsText({ min, max, above, below }: Bounds): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  const parts: string[] = [];
  if (min !== undefined) parts.push(`of at least ${min}`);
  if (above !== undefined) parts.push(`above ${above}`);
  if (max !== undefined) parts.push(`of at most ${max}`);
  if (below !== undefined) parts.push(`below ${below}`);
  return parts.length === 0 ? "" : ` ${parts.join(" and ").replace("and of", "and")}`;
}
