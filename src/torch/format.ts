// Prints a tensor exactly as PyTorch does (torch/_tensor_str.py), Python's spelling of dtypes and booleans included.
import { UsageError } from "../base/index.ts";
import { getDefaultDtype, isComplex, isFloatingPoint } from "./dtype.ts";
import { exponential, fixed } from "./format-number.ts";
import { noGrad } from "./grad-mode.ts";
import { native } from "./native.ts";
import type { Complex, Scalar } from "./native.ts";
import { imag, indexSelect, real } from "./functions.generated.ts";
import { tensor as toTensor } from "./factories.ts";
import type { NestedNumbers, Tensor } from "./tensor.ts";

/** How tensors are printed. */
export interface PrintOptions {
  /** Digits after the point. @default 4 */
  precision: number;
  /** Number of elements above which the middle of each dimension is left out. @default 1000 */
  threshold: number;
  /** Elements shown at each end of a dimension whose middle is left out. @default 3 */
  edgeitems: number;
  /** Columns of a line. @default 80 */
  linewidth: number;
  /** Whether numbers are written as `1.0000e+00`; by their range where null. @default null */
  sciMode: boolean | null;
}

const PROFILES = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 80 },
} as const;

let printing: PrintOptions = { ...PROFILES.default, sciMode: null };

/** Changes how tensors are printed; as in PyTorch, `sciMode` goes back to null where it is left out. */
export function setPrintOptions({
  profile,
  ...options
}: Partial<PrintOptions> & { profile?: keyof typeof PROFILES }): void {
  if (profile !== undefined && !Object.hasOwn(PROFILES, profile)) {
    throw new UsageError(
      `setPrintOptions: profile must be default, short or full, got ${JSON.stringify(profile)}.`,
    );
  }
  printing = { ...printing, sciMode: null, ...(profile && PROFILES[profile]), ...options };
}

/** Returns how tensors are printed. */
export function getPrintOptions(): PrintOptions {
  return { ...printing };
}

/** Returns `tensor([[1.0000, 2.0000]], dtype=torch.float64)`; the dtype only where it is not the default of its kind. */
export function formatTensor(tensor: Tensor): string {
  return noGrad(() => formatPlain(tensor, "tensor("));
}

function formatPlain(given: Tensor, prefix: string): string {
  const x = given.detach();
  const { dtype, device, shape, layout } = x;
  const indent = prefix.length;
  const suffixes = device === "cpu" ? [] : [`device='${device}'`];
  const dtypeSuffix = `dtype=torch.${dtype}`;
  const isKnown = [getDefaultDtype(), defaultComplex(), "int64", "bool"].includes(dtype);
  const isSparse = layout.startsWith("sparse");
  let body: string;
  if (device === "meta" || (x.numel === 0 && !isSparse)) {
    if (device === "meta" || shape.length !== 1) suffixes.push(`size=${tuple(shape)}`);
    if (dtype !== getDefaultDtype()) suffixes.push(dtypeSuffix);
    body = device === "meta" ? "..." : "[]";
  } else if (isSparse) {
    const parts = sparseParts(x);
    suffixes.push(`size=${tuple(shape)}`, `nnz=${parts.at(-1)![1].shape[0]!}`);
    if (!isKnown) suffixes.push(dtypeSuffix);
    body = parts.map(([name, part]) => sparsePart(name, part, indent)).join(`,\n${" ".repeat(indent)}`);
  } else {
    if (printing.edgeitems === 0) suffixes.push(`size=${tuple(shape)}`);
    if (!isKnown) suffixes.push(dtypeSuffix);
    body = formatBody(x, indent);
  }
  if (layout !== "strided") suffixes.push(`layout=torch.${layout}`);
  const gradFn = native.gradFnName(given.handle);
  if (gradFn !== "") suffixes.push(`grad_fn=<${gradFn}>`);
  else if (given.requiresGrad) suffixes.push("requires_grad=True");
  return addSuffixes(prefix + body, suffixes, indent, layout === "sparse_coo");
}

function defaultComplex(): string {
  return getDefaultDtype() === "float64" ? "complex128" : "complex64";
}

function tuple(sizes: readonly number[]): string {
  return sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(", ")})`;
}

function sparseParts(x: Tensor): [string, Tensor][] {
  if (x.layout === "sparse_coo") {
    const own = x.coalesce();
    return [
      ["indices", own.indices()],
      ["values", own.values()],
    ];
  }
  const isByRow = x.layout === "sparse_csr" || x.layout === "sparse_bsr";
  return [
    isByRow ? ["crow_indices", x.crowIndices()] : ["ccol_indices", x.ccolIndices()],
    isByRow ? ["col_indices", x.colIndices()] : ["row_indices", x.rowIndices()],
    ["values", x.values()],
  ];
}

function sparsePart(name: string, part: Tensor, indent: number): string {
  const prefix = `${name}=tensor(`;
  const size = part.numel === 0 ? `, size=${tuple(part.shape)}` : "";
  return `${prefix}${formatBody(part, indent + prefix.length)}${size})`;
}

function addSuffixes(text: string, suffixes: readonly string[], indent: number, newLine: boolean): string {
  let written = text;
  let lastLine = text.length - text.lastIndexOf("\n") + 1; // one more than it is, as in PyTorch
  let mustBreak = newLine;
  for (const suffix of suffixes) {
    const breaks = mustBreak || lastLine + suffix.length + 2 > printing.linewidth;
    written += breaks ? `,\n${" ".repeat(indent)}${suffix}` : `, ${suffix}`;
    lastLine = breaks ? indent + suffix.length : lastLine + suffix.length + 2;
    mustBreak = false;
  }
  return `${written})`;
}

/** How one element is written, and in how many columns. */
interface Style {
  format: (value: Scalar) => string;
  width: number;
}

function formatBody(x: Tensor, indent: number): string {
  if (x.numel === 0) return "[]";
  const { edgeitems, threshold } = printing;
  const isCut = x.shape.map((length) => x.numel > threshold && length > 2 * edgeitems);
  const shown = cut(x, isCut);
  return layOut(shown.tolist(), styleOf(shown), isCut, 0, indent);
}

/** Takes the middle out of the dimensions that are too long. */
function cut(x: Tensor, isCut: readonly boolean[]): Tensor {
  const { edgeitems } = printing;
  let shown = x.device === "cpu" ? x : x.cpu();
  for (const [dim, mustCut] of isCut.entries()) {
    if (!mustCut) continue;
    const length = shown.shape[dim]!;
    const ends = Array.from({ length: 2 * edgeitems }, (_, i) =>
      i < edgeitems ? i : length - 2 * edgeitems + i,
    );
    shown = indexSelect(
      isFloat8(shown) ? shown.to("float32") : shown,
      dim,
      toTensor(ends, { dtype: "int64" }),
    );
  }
  return shown;
}

// few operators know these dtypes
function isFloat8({ dtype }: Tensor): boolean {
  return dtype.startsWith("float8");
}

function styleOf(shown: Tensor): Style {
  if (isComplex(shown.dtype)) return complexStyle(shown);
  const values = flatten(shown.tolist());
  if (isFloatingPoint(shown.dtype)) return floatStyle(values as number[]);
  return { format: word, width: Math.max(1, ...values.map((value) => word(value).length)) };
}

function flatten(values: NestedNumbers): Scalar[] {
  return Array.isArray(values) ? values.flatMap(flatten) : [values];
}

function word(value: Scalar): string {
  return typeof value === "boolean" ? (value ? "True" : "False") : String(value);
}

// zeros and values that are not finite have no say in the style
function floatStyle(values: readonly number[]): Style {
  const { precision, sciMode } = printing;
  const telling = values.filter((value) => Number.isFinite(value) && value !== 0);
  const largest = telling.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const smallest = telling.reduce((least, value) => Math.min(least, Math.abs(value)), Infinity);
  const isWhole = telling.every(Number.isInteger);
  const isWide = largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4;
  const isScientific = telling.length > 0 && (sciMode ?? isWide);
  const format = (leaf: Scalar) => {
    const value = leaf as number;
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    if (isScientific) return exponential(value, precision);
    return isWhole ? `${fixed(value, 0)}.` : fixed(value, precision);
  };
  return { format, width: Math.max(1, ...telling.map((value) => format(value).length)) };
}

function complexStyle(shown: Tensor): Style {
  const [ofReal, ofImaginary] = [real(shown), imag(shown)].map((part) => floatStyle(flatten(part.tolist()) as number[])) as [Style, Style]; // prettier-ignore
  const format = (leaf: Scalar) => {
    const { re, im } = leaf as Complex;
    const imaginary = `${ofImaginary.format(im).padStart(ofImaginary.width)}j`.trimStart();
    const sign = /^[+-]/.test(imaginary) ? "" : "+";
    return ofReal.format(re).padStart(ofReal.width) + sign + imaginary;
  };
  return { format, width: ofReal.width + ofImaginary.width + 1 };
}

function layOut(
  values: NestedNumbers,
  style: Style,
  isCut: readonly boolean[],
  dim: number,
  indent: number,
): string {
  if (!Array.isArray(values)) return style.format(values);
  const margin = " ".repeat(indent + 1);
  const depth = isCut.length - dim;
  const isRow = depth === 1;
  const items = values.map((value) =>
    isRow ? padded(value as Scalar, style) : layOut(value, style, isCut, dim + 1, indent + 1),
  );
  if (isCut[dim] === true) items.splice(items.length / 2, 0, isRow && items.length > 0 ? " ..." : "...");
  if (!isRow) return `[${items.join(`,${"\n".repeat(depth - 1)}${margin}`)}]`;
  const perLine = Math.max(1, Math.floor((printing.linewidth - indent) / (style.width + 2)));
  const lines: string[] = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(", "));
  return `[${lines.join(`,\n${margin}`)}]`;
}

// a complex number is padded part by part
function padded(value: Scalar, { format, width }: Style): string {
  const text = format(value);
  return typeof value === "object" ? text : text.padStart(width);
}
