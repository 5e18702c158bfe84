// What a model consists of, as Lightning's model summary counts and prints it.
import { UsageError, isPlainObject } from "../base/index.ts";
import { Tensor, isFloatingPoint, nn, noGrad, scope, utils } from "../torch/index.ts";
import type { Dtype } from "../torch/index.ts";
import { withPrecision } from "./precision.ts";
import type { Precision } from "./run.ts";
import { rememberModes } from "./training-modes.ts";

/** A shape, a list of those of several tensors, or `?` for what is no tensor. */
export type Size = string | readonly (number | Size)[];

/** One row of a summary. */
export interface LayerSummary {
  /** Its dotted path in the model. */
  name: string;
  /** Name of its class. */
  type: string;
  /** Weights, those of the modules within it too. */
  params: number;
  mode: "train" | "eval";
  /** Floating-point operations of one forward pass; 0 without an example. */
  flops: number;
  /** Of its first call; `?` where it was not called. */
  inSize: Size;
  outSize: Size;
}

/** Options of `summarize`. */
export interface SummaryOptions {
  /** Levels of modules to list; -1: all, 0: none. @default 1 */
  maxDepth?: number;
  /** Format in which the example is computed. @default "32-true" */
  precision?: Precision;
}

/** What a model consists of. */
export interface Summary {
  readonly layers: readonly LayerSummary[];
  /** Weights of no listed layer. */
  readonly otherParams: number;
  readonly totalParams: number;
  readonly trainableParams: number;
  /** Of the weights, in millions of bytes. */
  readonly modelSizeMb: number;
  /** Modules below the model by their mode. */
  readonly modes: Readonly<Record<"train" | "eval", number>>;
  /** Floating-point operations of one forward pass of the example. */
  readonly totalFlops: number;
  /** Whether the model has an `exampleInputArray`, from which sizes and operations are known. */
  readonly hasExample: boolean;
  /** Lays it out as Lightning does. */
  toString(): string;
}

/**
 * Counts the weights of a model by layer. With an `exampleInputArray` on the model, a tensor, a list of the inputs of
 * `forward`, or a plain object that `forward` takes, it is computed once without gradients, in evaluation mode, for the
 * sizes of inputs and outputs and the floating-point operations.
 *
 * @example
 * class Net extends nn.Module {
 *   readonly exampleInputArray = torch.zeros([10, 256]);
 *   readonly net = new nn.Linear(256, 512);
 *   forward(x: Tensor) {
 *     return this.net.forward(x);
 *   }
 * }
 * summarize(new Net()).layers[0].flops; // => 2621440
 */
export function summarize(
  model: nn.Module,
  { maxDepth = 1, precision = "32-true" }: SummaryOptions = {},
): Summary {
  if (!Number.isInteger(maxDepth) || maxDepth < -1)
    throw new UsageError(`summarize: maxDepth must be -1, 0 or above, got ${maxDepth}. -1 lists all layers.`);
  const named = listed(model, maxDepth);
  const example = exampleOf(model);
  const measured = example === undefined ? undefined : measure(model, named, example, precision);
  const layers = named.map(([name, module]): LayerSummary => ({
    name,
    type: module.constructor.name,
    params: count(module.parameters()),
    mode: module.training ? "train" : "eval",
    flops: measured?.flopsOf(name) ?? 0,
    inSize: measured?.sizes.get(module)?.inSize ?? "?",
    outSize: measured?.sizes.get(module)?.outSize ?? "?",
  }));
  const parameters = model.parameters().filter((parameter) => !nn.isLazy(parameter));
  const totalParams = count(parameters);
  const below = [...model.modules()].slice(1);
  const train = below.filter(({ training }) => training).length;
  const summary = {
    layers,
    otherParams: Math.max(0, totalParams - layers.reduce((sum, { params }) => sum + params, 0)),
    totalParams,
    trainableParams: count(parameters.filter(({ requiresGrad }) => requiresGrad)),
    modelSizeMb:
      parameters.reduce((sum, parameter) => sum + parameter.numel * parameter.elementSize(), 0) / 1e6,
    modes: { train, eval: below.length - train },
    totalFlops: measured?.totalFlops ?? 0,
    hasExample: example !== undefined,
  };
  return { ...summary, toString: () => formatSummary(summary) };
}

/** What a summary holds, without its text. */
export type SummaryData = Omit<Summary, "toString">;

/** Returns the titles and rows of the table. */
export function summaryRows({ layers, otherParams, hasExample }: SummaryData): string[][] {
  const sized = hasExample ? ["In sizes", "Out sizes"] : [];
  const rows = layers.map(({ name, type, params, mode, flops, inSize, outSize }, i) => [
    String(i),
    name,
    type,
    humanCount(params),
    mode,
    humanCount(flops),
    ...(hasExample ? [formatSize(inSize), formatSize(outSize)] : []),
  ]);
  const unknown = ["n/a", humanCount(otherParams), "n/a", "n/a", ...sized.map(() => "n/a")];
  const other = otherParams > 0 ? [[" ", "other params", ...unknown]] : [];
  return [[" ", "Name", "Type", "Params", "Mode", "FLOPs", ...sized], ...rows, ...other];
}

/** Returns the numbers below the table, each with what it counts. */
export function summaryTotals(summary: SummaryData): [value: string, title: string][] {
  const { totalParams, trainableParams, modelSizeMb, modes, totalFlops } = summary;
  return [
    [humanCount(trainableParams), "Trainable params"],
    [humanCount(totalParams - trainableParams), "Non-trainable params"],
    [humanCount(totalParams), "Total params"],
    [grouped(modelSizeMb, 3), "Total estimated model params size (MB)"],
    [String(modes.train), "Modules in train mode"],
    [String(modes.eval), "Modules in eval mode"],
    [humanCount(totalFlops), "Total Flops"],
  ];
}

function formatSummary(summary: SummaryData): string {
  const [titles, ...rows] = summaryRows(summary);
  const widths = titles!.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ");
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width, 0) + 3 * (1 + widths.length));
  return [
    line(titles!),
    rule,
    ...rows.map(line),
    rule,
    ...summaryTotals(summary).map(([value, title]) => value.padEnd(10) + title),
  ].join("\n");
}

function listed(model: nn.Module, maxDepth: number): [string, nn.Module][] {
  if (maxDepth === 0) return [];
  const below = [...model.namedModules()].slice(1);
  if (maxDepth === -1) return below;
  return below.filter(([name]) => name.split(".").length <= maxDepth);
}

interface Measured {
  sizes: ReadonlyMap<nn.Module, { inSize: Size; outSize: Size }>;
  totalFlops: number;
  flopsOf(name: string): number;
}

/** Computes the example once. */
function measure(
  model: nn.Module,
  named: readonly (readonly [string, nn.Module])[],
  inputs: readonly unknown[],
  precision: Precision,
): Measured {
  const sizes = new Map<nn.Module, { inSize: Size; outSize: Size }>();
  const restoreModes = rememberModes(model);
  const handles = named.map(([, layer]) =>
    layer.registerForwardHook((module, given, output) => {
      if (sizes.has(module)) return;
      sizes.set(module, { inSize: sizeOf(given.length === 1 ? given[0] : given), outSize: sizeOf(output) });
    }),
  );
  const counter = new utils.flopCounter.FlopCounterMode(model);
  const dtype = model.parameters().find((parameter) => isFloatingPoint(parameter.dtype))?.dtype;
  const forward = () =>
    (model.forward as (...given: unknown[]) => unknown)(...inputs.map((input) => cast(input, dtype)));
  try {
    model.eval();
    scope(() => noGrad(() => void counter.run(() => withPrecision(precision, forward))));
  } finally {
    for (const handle of handles) handle.remove();
    restoreModes();
  }
  const counts = counter.getFlopCounts();
  return {
    sizes,
    totalFlops: counter.getTotalFlops(),
    flopsOf: (name) =>
      Object.values(counts[`${model.constructor.name}.${name}`] ?? {}).reduce((sum, flops) => sum + flops, 0),
  };
}

/** Brings numbers to the format of the weights, as those of a training's batches are. */
function cast(value: unknown, dtype: Dtype | undefined): unknown {
  if (value instanceof Tensor)
    return dtype !== undefined && isFloatingPoint(value.dtype) ? value.to({ dtype }) : value;
  if (Array.isArray(value)) return value.map((part) => cast(part, dtype));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cast(part, dtype)]));
}

function exampleOf(model: nn.Module): readonly unknown[] | undefined {
  const { exampleInputArray: example } = model as { exampleInputArray?: unknown };
  if (example === undefined || example === null) return undefined;
  if (example instanceof Tensor || isPlainObject(example)) return [example];
  if (Array.isArray(example)) return example;
  throw new UsageError(
    `summarize: ${model.constructor.name}.exampleInputArray must be a tensor, a list of what forward takes, or a plain object, got ${String(example)}.`,
  );
}

function sizeOf(value: unknown): Size {
  if (value instanceof Tensor) return value.shape;
  return Array.isArray(value) ? value.map(sizeOf) : "?";
}

/** Writes a size as Python does: text is quoted within lists. */
function formatSize(size: number | Size, isInner = false): string {
  if (typeof size === "string") return isInner ? `'${size}'` : size;
  return typeof size === "number"
    ? String(size)
    : `[${size.map((part) => formatSize(part, true)).join(", ")}]`;
}

function count(parameters: readonly nn.Parameter[]): number {
  return parameters.reduce((sum, parameter) => sum + (nn.isLazy(parameter) ? 0 : parameter.numel), 0);
}

const units = [" ", "K", "M", "B", "T"];

/** Abbreviates a count with K, M, B and T, to two or three digits. */
export function humanCount(value: number): string {
  const group = Math.min(Math.ceil(String(value).length / 3), units.length) - 1;
  const scaled = value / 1000 ** group;
  const isTie = scaled % 1 === 0.25; // Python rounds a tie to the even digit
  const text =
    group < 1 || scaled >= 100 ? grouped(Math.trunc(scaled), 0) : grouped(scaled - (isTie ? 0.05 : 0), 1);
  return `${text} ${units[group]!}`;
}

function grouped(value: number, decimals: number): string {
  return value.toFixed(decimals).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/gu, ",");
}
