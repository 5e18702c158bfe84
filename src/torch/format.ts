// Prints a tensor as PyTorch does, a long one with its middle left out.
import type { NestedNumbers, Tensor } from "./tensor.ts";

const edge = 3;
const threshold = 1000;

/** Returns `tensor([[1.0000, 2.0000]], dtype=...)`; the dtype only where it is not the default of its kind. */
export function formatTensor(tensor: Tensor): string {
  const { dtype, device, shape } = tensor;
  const suffix = [
    ...(tensor.numel === 0 ? [`size=(${shape.join(", ")})`] : []),
    ...(["float32", "int64", "bool"].includes(dtype) ? [] : [`dtype=${dtype}`]),
    ...(device === "cpu" ? [] : [`device='${device}'`]),
    ...(tensor.requiresGrad ? ["requires_grad=true"] : []),
  ];
  const body = dtype.startsWith("complex") ? "..." : formatBody(tensor.detach().tolist(), dtype);
  return `tensor(${[body, ...suffix].join(", ")})`;
}

function formatBody(values: NestedNumbers, dtype: string): string {
  const summarize = count(values) > threshold;
  const shown = collect(values, summarize);
  const format = dtype.includes("float")
    ? floatFormat(shown.map(Number))
    : (value: number | bigint | boolean) => String(value);
  const width = Math.max(0, ...shown.map((value) => format(value).length));
  return layOut(values, (value) => format(value).padStart(width), summarize, 8);
}

function floatFormat(values: number[]): (value: number | bigint | boolean) => string {
  const finite = values.filter((value) => Number.isFinite(value)).map(Math.abs);
  const nonZero = finite.filter((value) => value > 0);
  const largest = Math.max(...nonZero, 0);
  const smallest = Math.min(...nonZero, Infinity);
  const scientific = nonZero.length > 0 && (largest / smallest > 1000 || largest >= 1e8 || smallest < 1e-4);
  const whole = finite.every((value) => Number.isInteger(value));
  return (value) => {
    const number = Number(value);
    if (Number.isNaN(number)) return "nan";
    if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf";
    if (scientific && !(whole && largest < 1e8)) return exponential(number);
    return whole ? `${number}.` : number.toFixed(4);
  };
}

function exponential(value: number): string {
  return value.toExponential(4).replace(/e([+-])(\d)$/, "e$10$2");
}

function count(values: NestedNumbers): number {
  return Array.isArray(values) ? values.reduce((sum: number, value) => sum + count(value), 0) : 1;
}

function visible<T>(items: T[], summarize: boolean): (T | undefined)[] {
  return summarize && items.length > 2 * edge
    ? [...items.slice(0, edge), undefined, ...items.slice(-edge)]
    : items;
}

function collect(values: NestedNumbers, summarize: boolean): (number | bigint | boolean)[] {
  if (!Array.isArray(values)) return [values];
  return visible(values, summarize).flatMap((value) =>
    value === undefined ? [] : collect(value, summarize),
  );
}

function layOut(
  values: NestedNumbers,
  format: (value: number | bigint | boolean) => string,
  summarize: boolean,
  indent: number,
): string {
  if (!Array.isArray(values)) return format(values);
  const parts = visible(values, summarize).map((value) =>
    value === undefined ? "..." : layOut(value, format, summarize, indent + 1),
  );
  const depth = nesting(values);
  const separator = depth === 1 ? ", " : `,${"\n".repeat(depth - 1)}${" ".repeat(indent)}`;
  return `[${parts.join(separator)}]`;
}

function nesting(values: NestedNumbers): number {
  return Array.isArray(values) ? 1 + (values.length === 0 ? 0 : nesting(values[0]!)) : 0;
}
