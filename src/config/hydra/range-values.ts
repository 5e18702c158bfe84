// The values of range(start, stop, step), in Hydra's arithmetic.
import { scalarNode } from "../node.ts";
import { addDecimals, compareDecimals, decimalOf, numberOf } from "./decimal.ts";
import type { NumberNode, RangeSweep } from "./override.ts";

/** Is the most values that one range may have; more is a slip of the pen rather than a sweep. */
const maxRangeValues = 100_000;

/** Lists a range: whole numbers where all three parts are, else floats. Throws a `RangeError` of one sentence. */
export function rangeValues({
  start,
  stop,
  step,
}: Pick<RangeSweep, "start" | "stop" | "step">): NumberNode[] {
  for (const { value } of [start, stop, step]) {
    if (typeof value === "number" && !Number.isFinite(value))
      throw new RangeError(`the parts of a range must be finite, got ${value}.`);
  }
  if (Number(step.value) === 0) throw new RangeError("the step of a range must not be 0.");
  const count = (Number(stop.value) - Number(start.value)) / Number(step.value);
  if (count > maxRangeValues + 1) throw tooMany(); // saves the counting
  const isFloat = start.isFloat || stop.isFloat || step.isFloat;
  return isFloat ? floats(start, stop, step) : integers(start, stop, step);
}

function integers(start: NumberNode, stop: NumberNode, step: NumberNode): NumberNode[] {
  const [from, to, by] = [BigInt(start.value), BigInt(stop.value), BigInt(step.value)];
  const values: NumberNode[] = [];
  for (let value = from; by > 0n ? value < to : value > to; value += by) {
    const number = Number(value);
    add(values, start, Number.isSafeInteger(number) ? number : value, false);
  }
  return values;
}

function floats(start: NumberNode, stop: NumberNode, step: NumberNode): NumberNode[] {
  const end = decimalOf(stop.value);
  const by = decimalOf(step.value);
  const values: NumberNode[] = [];
  const sign = by.digits > 0n ? 1 : -1;
  for (let at = decimalOf(start.value); compareDecimals(at, end) * sign < 0; at = addDecimals(at, by))
    add(values, start, numberOf(at), true);
  return values;
}

function add(values: NumberNode[], { origin }: NumberNode, value: number | bigint, isFloat: boolean): void {
  if (values.length === maxRangeValues) throw tooMany();
  values.push({ ...scalarNode(origin, value, isFloat), value });
}

function tooMany(): RangeError {
  return new RangeError(`a range may have ${maxRangeValues} values. Take a larger step.`);
}
