// ROC and precision-recall curves in the unit square.
import { ShapeError } from "../base/index.ts";
import { axes, emptyNote, headerHeight, svgDocument } from "./chart.ts";
import type { Frame } from "./chart.ts";
import { pathThrough } from "./path.ts";
import type { Point } from "./path.ts";
import { linearScale } from "./scale.ts";
import { element, fittedText, text, textWidth } from "./svg.ts";
import { seriesStyle, theme } from "./theme.ts";

export interface RocCurveSeries {
  name: string;
  fpr: ArrayLike<number>;
  tpr: ArrayLike<number>;
  /** Area under the curve, shown in the legend. */
  area?: number;
}

/** Draws ROC curves, one per class or model, with the diagonal of guessing. */
export function rocPlot({
  title = "ROC curve",
  curves,
}: {
  title?: string;
  curves: readonly RocCurveSeries[];
}): string {
  return unitSquare({
    title,
    xLabel: "false positive rate",
    yLabel: "true positive rate",
    areaName: "AUC",
    reference: [
      [0, 0],
      [1, 1],
    ],
    curves: curves.map(({ fpr, tpr, ...curve }) => ({ ...curve, points: zip("rocPlot", fpr, tpr) })),
  });
}

export interface PrecisionRecallSeries {
  name: string;
  precision: ArrayLike<number>;
  recall: ArrayLike<number>;
  /** Average precision, shown in the legend. */
  area?: number;
}

export interface PrecisionRecallPlotOptions {
  /** @default "Precision-recall curve" */
  title?: string;
  curves: readonly PrecisionRecallSeries[];
  /** Share of positive rows, the precision of guessing; drawn as a line. */
  prevalence?: number;
}

/** Draws precision-recall curves as steps, which is how average precision sums them. */
export function precisionRecallPlot(options: PrecisionRecallPlotOptions): string {
  const { title = "Precision-recall curve", curves, prevalence } = options;
  return unitSquare({
    title,
    xLabel: "recall",
    yLabel: "precision",
    areaName: "AP",
    reference:
      prevalence === undefined
        ? undefined
        : [
            [0, prevalence],
            [1, prevalence],
          ],
    curves: curves.map(({ precision, recall, ...curve }) => ({
      ...curve,
      points: steps(zip("precisionRecallPlot", recall, precision)),
    })),
  });
}

interface UnitSquare {
  title: string;
  xLabel: string;
  yLabel: string;
  areaName: string;
  reference: readonly Point[] | undefined;
  curves: readonly { name: string; points: readonly Point[]; area?: number }[];
}

function unitSquare({ title, xLabel, yLabel, areaName, reference, curves }: UnitSquare): string {
  const frame: Frame = { left: 72, top: headerHeight({}) + 6, width: 400, height: 400 };
  const range = { left: frame.left, bottom: frame.top + frame.height };
  const unit = { domain: [0, 1], count: 5 } as const;
  const x = linearScale({ ...unit, range: [range.left, range.left + frame.width] });
  const y = linearScale({ ...unit, range: [range.bottom, frame.top] });
  const path = (points: readonly Point[]) =>
    pathThrough(points.map(([a, b]): Point => [x.position(a), y.position(b)]));
  const drawn = curves.filter(({ points }) => points.length > 0);
  const names = curves.map(({ name, area, points }) =>
    legendName(
      name,
      points.length === 0 ? "undefined" : area === undefined ? "" : `${areaName} ${area.toFixed(3)}`,
    ),
  );
  const legend = curveLegend(names, frame);
  const body = [
    ...axes({ frame, x, y, xLabel, yLabel }),
    ...(reference === undefined
      ? []
      : [
          element("path", {
            d: path(reference),
            fill: "none",
            stroke: theme.axis,
            "stroke-dasharray": "4 4",
          }),
        ]),
    ...drawn.map(({ points }) =>
      element("path", {
        d: path(points),
        fill: "none",
        "stroke-width": curves.length > maxLegend ? 1 : 2,
        "stroke-linejoin": "round",
        ...seriesStyle(curves.findIndex((curve) => curve.points === points)),
      }),
    ),
    ...(drawn.length === 0 ? [emptyNote(frame, "undefined: a class has no rows")] : []),
    ...legend.parts,
  ];
  return svgDocument(
    { width: frame.left + frame.width + 24 + legend.width, height: range.bottom + 54, title },
    body,
  );
}

const maxLegend = 20;

interface LegendName {
  name: string;
  value: string;
}

function legendName(name: string, value: string): LegendName {
  return { name, value };
}

/** Writes the legend right of the frame. */
function curveLegend(names: readonly LegendName[], frame: Frame): { width: number; parts: string[] } {
  if (names.length === 0) return { width: 0, parts: [] };
  const shown = names.slice(0, maxLegend);
  const nameWidth = Math.min(180, Math.max(...shown.map(({ name }) => textWidth(name, 12)))) + 2;
  const valueWidth = Math.max(...shown.map(({ value }) => textWidth(value, 12)));
  const left = frame.left + frame.width + 20;
  const parts = shown.flatMap(({ name, value }, index) => {
    const y = frame.top + 8 + index * 20;
    return [
      element("line", { x1: left, y1: y, x2: left + 22, y2: y, "stroke-width": 2.5, ...seriesStyle(index) }),
      fittedText(name, { x: left + 30, y, width: nameWidth }),
      ...(value === "" ? [] : [text(value, { x: left + 38 + nameWidth, y, fill: theme.muted })]),
    ];
  });
  if (names.length > maxLegend) {
    const y = frame.top + 8 + maxLegend * 20;
    parts.push(text(`and ${names.length - maxLegend} more`, { x: left + 30, y, fill: theme.muted }));
  }
  return { width: 20 + 38 + nameWidth + valueWidth, parts };
}

/** Pairs coordinates; a curve with an undefined value is no curve. */
function zip(where: string, x: ArrayLike<number>, y: ArrayLike<number>): Point[] {
  if (x.length !== y.length) {
    throw new ShapeError(
      `${where}: a curve must have as many x as y values, got ${x.length} and ${y.length}. Pass a curve's own arrays.`,
    );
  }
  const points = Array.from(x, (value, i): Point => [value, y[i]!]);
  return points.every(([a, b]) => Number.isFinite(a) && Number.isFinite(b)) ? points : [];
}

/** Holds each precision until the next recall. */
function steps(points: readonly Point[]): Point[] {
  return points.flatMap((point, i) => (i === 0 ? [point] : [[point[0], points[i - 1]![1]], point]));
}
