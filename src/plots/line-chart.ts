// Lines over a common x axis: losses, metrics and learning rates by step or epoch.
import { ShapeError } from "../base/index.ts";
import { axes, emptyNote, headerHeight, leftMargin, legendRows, svgDocument } from "./chart.ts";
import type { Frame } from "./chart.ts";
import { pathOfMeans, pathThrough } from "./path.ts";
import type { Point } from "./path.ts";
import { largest, linearScale, logScale } from "./scale.ts";
import type { Scale } from "./scale.ts";
import { element } from "./svg.ts";
import { seriesStyle } from "./theme.ts";

export interface LineSeries {
  name: string;
  x: ArrayLike<number>;
  /** A value that is not finite (or beyond 1e290), or not positive on a log axis, is a gap. */
  y: ArrayLike<number>;
}

export interface LineChartOptions {
  title: string;
  subtitle?: string;
  /** With its unit, if it has one. */
  xLabel: string;
  yLabel: string;
  series: readonly LineSeries[];
  /** @default "linear" */
  yScale?: "linear" | "log";
  /** Pixels. @default 760 */
  width?: number;
  /** Pixels. @default 440 */
  height?: number;
}

/**
 * Draws several series as lines, with a legend where there is more than one. Where points are denser than pixels,
 * the line is their mean on a pale band from lowest to highest.
 *
 * @example
 * lineChart({
 *   title: "Loss",
 *   xLabel: "step",
 *   yLabel: "cross entropy",
 *   series: [{ name: "train_loss", x: [0, 1, 2], y: [0.7, 0.5, 0.4] }],
 * }).startsWith("<svg"); // => true
 */
export function lineChart(options: LineChartOptions): string {
  const { title, subtitle, series, yScale = "linear", width = 760, height = 440 } = options;
  const runs = series.map((one) => unbrokenRuns(one, yScale));
  const header = headerHeight(options);
  const named =
    series.length > 1 ? series.map(({ name }, i) => ({ label: name, style: seriesStyle(i) })) : [];
  const legend = legendRows(named, { left: 16, top: header - 4, width: width - 32 });
  const top = header + legend.height + 4;

  // the height of the legend shrinks no plot: many series make a taller picture
  const frameHeight = height - headerHeight({ subtitle }) - 60;
  const points = runs.flat(2);
  // gaps keep their place on the x axis, also at its ends
  const places = series.flatMap((one) =>
    Array.from(one.x)
      .filter(isShown)
      .map((value): Point => [value, 0]),
  );
  const yOptions = { domain: extent(points, 1), range: [top + frameHeight, top] as const };
  const y = yScale === "log" ? logScale(padLog(yOptions)) : linearScale({ ...yOptions, nice: true });
  const left = leftMargin(y);
  const frame: Frame = { left, top, width: width - left - 36, height: frameHeight };
  const x = linearScale({
    domain: extent(places, 0),
    range: [left, left + frame.width],
    count: Math.max(2, Math.floor(frame.width / 90)),
    integer: places.every(([value]) => Number.isInteger(value)),
  });
  const body = [
    ...axes({ frame, x, y, xLabel: options.xLabel, yLabel: options.yLabel }),
    ...runs.flatMap((seriesRuns, index) => drawRuns(seriesRuns, { x, y, index })),
    ...(points.length === 0 ? [emptyNote(frame, "no finite values")] : []),
    ...legend.parts,
  ];
  return svgDocument({ width, height: top + frameHeight + 56, title, subtitle }, body);
}

/** Splits a series at its gaps. */
function unbrokenRuns({ name, x, y }: LineSeries, yScale: "linear" | "log"): Point[][] {
  if (x.length !== y.length) {
    throw new ShapeError(
      `lineChart: x and y of a series must be equally long, got ${x.length} and ${y.length} in "${name}". ` +
        `Use NaN for a missing value.`,
    );
  }
  const runs: Point[][] = [];
  let open = false;
  for (let i = 0; i < x.length; i++) {
    const shown = isShown(x[i]!) && isShown(y[i]!) && (yScale === "linear" || y[i]! >= 1 / largest);
    if (shown && open) runs.at(-1)!.push([x[i]!, y[i]!]);
    else if (shown) runs.push([[x[i]!, y[i]!]]);
    open = shown;
  }
  return runs;
}

function isShown(value: number): boolean {
  return Math.abs(value) <= largest; // neither NaN nor infinite, nor beyond what an axis can divide
}

function drawRuns(
  runs: readonly Point[][],
  { x, y, index }: { x: Scale; y: Scale; index: number },
): string[] {
  const style = seriesStyle(index);
  const count = runs.reduce((sum, run) => sum + run.length, 0);
  return runs.flatMap((run) => {
    const pixels = run.map(([a, b]): Point => [x.position(a), y.position(b)]);
    const path = (d: string, opacity?: number) =>
      element("path", {
        d,
        fill: "none",
        "stroke-width": 1.75,
        "stroke-linejoin": "round",
        "stroke-opacity": opacity,
        ...style,
      });
    // few points are marked, and a point without neighbours would be invisible as a line
    const dots = (count <= 40 || run.length === 1 ? pixels : []).map(([cx, cy]) =>
      element("circle", { cx, cy, r: 2.75, fill: style.stroke }),
    );
    if (run.length === 1) return dots;
    if (!isDense(pixels)) return [path(pathThrough(pixels)), ...dots];
    return [path(pathThrough(pixels), 0.3), path(pathOfMeans(pixels))];
  });
}

/** Says whether a line would be a band: more than three points to each column of pixels. */
function isDense(pixels: readonly Point[]): boolean {
  return pixels.length > 3 * Math.abs(pixels.at(-1)![0] - pixels[0]![0]) && pixels.length > 300;
}

function extent(points: readonly Point[], axis: 0 | 1): [number, number] {
  if (points.length === 0) return axis === 0 ? [0, 1] : [0.1, 1];
  let low = Infinity;
  let high = -Infinity;
  for (const point of points) {
    low = Math.min(low, point[axis]);
    high = Math.max(high, point[axis]);
  }
  return [low, high];
}

/** Keeps lines off the frame of a log axis. */
function padLog<T extends { domain: readonly [number, number] }>(options: T): T {
  const [low, high] = options.domain;
  const factor = (high / low) ** 0.04;
  return { ...options, domain: [low / factor, high * factor] };
}
