// The reliability diagram (Guo et al. 2017): accuracy by confidence, and how many rows lie in each bin.
import { axes, emptyNote, headerHeight, leftMargin, line, svgDocument } from "./chart.ts";
import type { Frame } from "./chart.ts";
import { linearScale } from "./scale.ts";
import type { Scale } from "./scale.ts";
import { element, escapeText, text, textWidth } from "./svg.ts";
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

/** Draws accuracy against confidence: where bars end below the diagonal, the model is overconfident. */
export function reliabilityPlot({
  bins,
  title = "Reliability",
  calibrationError,
}: ReliabilityPlotOptions): string {
  const rows = bins.reduce((sum, bin) => sum + bin.rows, 0);
  const error =
    calibrationError === undefined ? "" : `expected calibration error ${calibrationError.toFixed(4)}, `;
  const subtitle = `${error}${rows} rows`;
  const top = headerHeight({ subtitle }) + 28;
  const counts = { top: top + 380, height: 90 };
  const y = linearScale({ domain: [0, 1], range: [top + 340, top], count: 5 });
  const countScale = linearScale({
    domain: [0, Math.max(1, ...bins.map((bin) => bin.rows))],
    range: [counts.top + counts.height, counts.top],
    count: 3,
    integer: true,
    nice: true,
  });
  const left = Math.max(leftMargin(y), leftMargin(countScale));
  const frame: Frame = { left, top, width: 340, height: 340 };
  const lower: Frame = { ...frame, ...counts };
  const x = linearScale({ domain: [0, 1], range: [left, left + frame.width], count: 5 });
  const body = [
    ...axes({ frame, x, y, xLabel: "", yLabel: "accuracy" }),
    ...bins.filter((bin) => bin.rows > 0).flatMap((bin) => accuracyBar(bin, { x, y })),
    ...legend(frame),
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
  const column = { x: x.position(bin.lower) + 0.5, width: x.position(bin.upper) - x.position(bin.lower) - 1 };
  const upTo = y.position(Math.min(bin.accuracy, bin.confidence));
  const gapTop = y.position(Math.max(bin.accuracy, bin.confidence));
  const gap = bin.accuracy < bin.confidence ? gaps.overconfident : gaps.underconfident;
  const tooltip = `confidence ${bin.confidence.toFixed(3)}, accuracy ${bin.accuracy.toFixed(3)}, ${bin.rows} rows`;
  const hint = [element("title", {}, [escapeText(tooltip)])];
  return [
    element("rect", { ...column, y: upTo, height: y.position(0) - upTo, fill: theme.series[0] }, hint),
    element(
      "rect",
      { ...column, y: gapTop, height: upTo - gapTop, fill: gap.fill, stroke: gap.stroke },
      hint,
    ),
  ];
}

// the distance between what the model claims and what it does
const gaps = {
  overconfident: { fill: "#f8d9c4", stroke: theme.series[1] },
  underconfident: { fill: "#b8e3d6", stroke: theme.series[2] },
};

function legend({ left, top }: Frame): string[] {
  const entries = [
    { label: "accuracy", fill: theme.series[0], stroke: theme.series[0] },
    { label: "overconfident by", ...gaps.overconfident },
    { label: "underconfident by", ...gaps.underconfident },
  ];
  let x = left;
  return entries.flatMap(({ label, fill, stroke }) => {
    const swatch = element("rect", { x: x + 0.5, y: top - 22.5, width: 11, height: 11, fill, stroke });
    const name = text(label, { x: x + 18, y: top - 17, size: 11 });
    x += 34 + textWidth(label, 11);
    return [swatch, name];
  });
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
