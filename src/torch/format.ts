// Prints a tensor as PyTorch does (torch/_tensor_str.py), a long one with its middle left out; with JavaScript's
// names of dtypes and booleans.
import type { NestedNumbers, Tensor } from "./tensor.ts";

const EDGE = 3;
const THRESHOLD = 1000;
const LINE_WIDTH = 80;
const PREFIX = "tensor(";

type Leaf = number | bigint | boolean;

/** How one element is written, and in how many columns. */
interface Style {
  format: (value: Leaf) => string;
  width: number;
}

/** Returns `tensor([[1.0000, 2.0000]], dtype=...)`; the dtype only where it is not the default of its kind. */
export function formatTensor(tensor: Tensor): string {
  const { dtype, device, shape, numel } = tensor;
  const suffixes = [
    ...(device === "cpu" ? [] : [`device='${device}'`]),
    ...(numel === 0 && shape.length !== 1 ? [`size=(${shape.join(", ")})`] : []),
    ...(["float32", "int64", "bool"].includes(dtype) && (numel > 0 || dtype === "float32")
      ? []
      : [`dtype=${dtype}`]),
    ...(tensor.requiresGrad ? ["requires_grad=true"] : []),
  ];
  const body = dtype.startsWith("complex") ? "..." : formatBody(tensor.detach().tolist(), numel, dtype);
  return addSuffixes(PREFIX + body, suffixes);
}

function addSuffixes(text: string, suffixes: readonly string[]): string {
  let written = text;
  let lastLine = text.length - text.lastIndexOf("\n");
  for (const suffix of suffixes) {
    const fits = lastLine + suffix.length + 2 <= LINE_WIDTH;
    written += fits ? `, ${suffix}` : `,\n${" ".repeat(PREFIX.length)}${suffix}`;
    lastLine = fits ? lastLine + suffix.length + 2 : PREFIX.length + suffix.length;
  }
  return `${written})`;
}

function formatBody(values: NestedNumbers, numel: number, dtype: string): string {
  if (numel === 0) return "[]";
  const summarize = numel > THRESHOLD;
  const shown = collect(values, summarize);
  const style = dtype.includes("float") ? floatStyle(shown.map(Number)) : wordStyle(shown);
  return layOut(values, style, summarize, PREFIX.length);
}

function wordStyle(values: readonly Leaf[]): Style {
  return { format: String, width: Math.max(...values.map((value) => String(value).length)) };
}

// zeros and values that are not finite have no say in the style
function floatStyle(values: readonly number[]): Style {
  const telling = values.filter((value) => Number.isFinite(value) && value !== 0);
  const largest = telling.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const smallest = telling.reduce((least, value) => Math.min(least, Math.abs(value)), Infinity);
  const isWhole = telling.every(Number.isInteger);
  const isScientific = telling.length > 0 && (largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4);
  const format = (leaf: Leaf) => {
    const value = Number(leaf);
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    if (isScientific) return exponential(value);
    return sign(value) + (isWhole ? `${Math.abs(value)}.` : Math.abs(value).toFixed(4));
  };
  return { format, width: Math.max(1, ...telling.map((value) => format(value).length)) };
}

function exponential(value: number): string {
  return (
    sign(value) +
    Math.abs(value)
      .toExponential(4)
      .replace(/e([+-])(\d)$/, "e$10$2")
  );
}

function sign(value: number): string {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

function visible<T>(items: readonly T[], summarize: boolean): (T | undefined)[] {
  return summarize && items.length > 2 * EDGE
    ? [...items.slice(0, EDGE), undefined, ...items.slice(-EDGE)]
    : [...items];
}

function collect(values: NestedNumbers, summarize: boolean): Leaf[] {
  if (!Array.isArray(values)) return [values];
  return visible(values, summarize).flatMap((value) =>
    value === undefined ? [] : collect(value, summarize),
  );
}

function layOut(values: NestedNumbers, style: Style, summarize: boolean, indent: number): string {
  const { format, width } = style;
  if (!Array.isArray(values)) return format(values);
  const margin = " ".repeat(indent + 1);
  const depth = nesting(values);
  if (depth > 1) {
    const rows = visible(values, summarize).map((value) =>
      value === undefined ? "..." : layOut(value, style, summarize, indent + 1),
    );
    return `[${rows.join(`,${"\n".repeat(depth - 1)}${margin}`)}]`;
  }
  const cells = visible(values as Leaf[], summarize).map((value) =>
    value === undefined ? " ..." : format(value).padStart(width),
  );
  const perLine = Math.max(1, Math.floor((LINE_WIDTH - indent) / (width + 2)));
  const lines: string[] = [];
  for (let i = 0; i < cells.length; i += perLine) lines.push(cells.slice(i, i + perLine).join(", "));
  return `[${lines.join(`,\n${margin}`)}]`;
}

function nesting(values: NestedNumbers): number {
  return Array.isArray(values) ? 1 + nesting(values[0]!) : 0;
}
