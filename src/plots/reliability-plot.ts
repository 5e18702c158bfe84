// The reliability diagram (Guo et al. 2017): accuracy by confidence, and how many rows lie in each bin.
import { axes, emptyNote, headerHeight, leftMargin, line, svgDocument } from "./chart.ts";
import type { Frame } from "./chart.ts";
import { linearScale } from "./scale.ts";
import type { Scale } from "./scale.ts";
import { element, escapeText } from "./svg.ts";
import { theme } from "./theme.ts";

/** Rows whose confidence lies in one bin. */
export interface ReliabilityPlotBin {
  lower: number;
  upper: number;
  rows: number;
  /** Mean confidence of the rows; not read without rows. */
  confidence: number;
  /** Share of rows that are right; not read without rows. */
  accuracy: number;
}

export interface ReliabilityPlotOptions {
  bins: readonly ReliabilityPlotBin[];
  /** @default "Reliability" */
  title?: string;
  /** Expected calibration error, shown below the title. */
  calibrationError?: number;
}

/** Draws accuracy against confidence: where bars stand below the diagonal, the model is too sure. */
export function reliabilityPlot({
  bins,
  title = "Reliability",
  calibrationError,
}: ReliabilityPlotOptions): string {
  const rows = bins.reduce((sum, bin) => sum + bin.rows, 0);
  const error =
    calibrationError === undefined ? "" : `expected calibration error ${calibrationError.toFixed(4)}, `;
  const subtitle = `${error}${rows} rows`;
  const top = headerHeight({ subtitle });
  const counts = { top: top + 380, height: 90 };
  const y = linearScale({ domain: [0, 1], range: [top + 340, top], count: 5 });
  const countScale = linearScale({
    domain: [0, Math.max(1, ...bins.map((bin) => bin.rows))],
    range: [counts.top + counts.height, counts.top],
    count: 3,
    integer: true,
  });
  const left = Math.max(leftMargin(y), leftMargin(countScale));
  const frame: Frame = { left, top, width: 340, height: 340 };
  const lower: Frame = { ...frame, ...counts };
  const x = linearScale({ domain: [0, 1], range: [left, left + frame.width], count: 5 });
  const body = [
    ...axes({ frame, x, y, xLabel: "", yLabel: "accuracy" }),
    ...bins.filter((bin) => bin.rows > 0).flatMap((bin) => accuracyBar(bin, { x, y })),
    line([x.position(0), y.position(0), x.position(1), y.position(1)], theme.axis),
    ...axes({ frame: lower, x, y: countScale, xLabel: "confidence", yLabel: "rows" }),
    ...bins.filter((bin) => bin.rows > 0).map((bin) => countBar(bin, { x, y: countScale })),
    ...(rows === 0 ? [emptyNote(frame, "no rows")] : []),
  ];
  const height = counts.top + counts.height + 54;
  return svgDocument({ width: left + frame.width + 28, height, title, subtitle }, body);
}

interface Scales {
  x: Scale;
  y: Scale;
}

function accuracyBar(bin: ReliabilityPlotBin, { x, y }: Scales): string[] {
  const left = x.position(bin.lower) + 0.5;
  const width = x.position(bin.upper) - x.position(bin.lower) - 1;
  const accuracy = y.position(bin.accuracy);
  const confidence = y.position(bin.confidence);
  const tooltip =
    `confidence ${bin.confidence.toFixed(3)}, accuracy ${bin.accuracy.toFixed(3)}, ` + `${bin.rows} rows`;
  return [
    element(
      "rect",
      { x: left, y: accuracy, width, height: y.position(0) - accuracy, fill: theme.series[0] },
      [element("title", {}, [escapeText(tooltip)])],
    ),
    // the gap between what the model claims and what it does
    element("rect", {
      x: left,
      y: Math.min(accuracy, confidence),
      width,
      height: Math.abs(accuracy - confidence),
      fill: theme.series[1],
      "fill-opacity": 0.35,
      stroke: theme.series[1],
    }),
  ];
}

function countBar(bin: ReliabilityPlotBin, { x, y }: Scales): string {
  const top = y.position(bin.rows);
  return element("rect", {
    x: x.position(bin.lower) + 0.5,
    y: top,
    width: x.position(bin.upper) - x.position(bin.lower) - 1,
    height: y.position(0) - top,
    fill: theme.axis,
  });
}
