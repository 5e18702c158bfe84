// The confusion matrix as a heat map, from two classes to a hundred.
import { ShapeError } from "../base/index.ts";
import { headerHeight, svgDocument } from "./chart.ts";
import type { Frame } from "./chart.ts";
import { element, escapeText, fittedText, round, text, textWidth } from "./svg.ts";
import { heatColour, textOnHeat, theme } from "./theme.ts";

export interface ConfusionPlotOptions {
  /** Counts; row = true class, column = predicted class. */
  matrix: readonly (readonly number[])[];
  classNames: readonly string[];
  /** @default "Confusion matrix" */
  title?: string;
}

/**
 * Draws a confusion matrix: colour is the share of the true class's rows, with counts and shares written where
 * they fit, and always as tooltips.
 */
export function confusionPlot({
  matrix,
  classNames,
  title = "Confusion matrix",
}: ConfusionPlotOptions): string {
  const size = classNames.length;
  if (size === 0 || matrix.length !== size || matrix.some((row) => row.length !== size)) {
    throw new ShapeError(
      `confusionPlot: matrix must be square with one row per class name, got ${matrix.length} rows and ` +
        `${size} names. Count over all classes.`,
    );
  }
  const cell = Math.max(14, Math.min(84, Math.floor(520 / size)));
  const labelSize = Math.max(8, Math.min(12, cell - 4));
  const longest = Math.max(...classNames.map((name) => textWidth(name, labelSize)));
  const labelWidth = Math.min(longest, 220) + 4;
  const upright = longest > cell - 6; // column labels that do not fit across stand up
  const subtitle = summary(matrix);
  const frame: Frame = {
    left: 48 + labelWidth,
    top: headerHeight({ subtitle }) + 8,
    width: cell * size,
    height: cell * size,
  };
  const slanted = upright && cell >= 30;
  const columnLabels = slanted ? labelWidth * Math.SQRT1_2 + 16 : upright ? labelWidth + 8 : 20;
  const body = [
    ...cells(matrix, { classNames, frame, cell }),
    grid(frame, size),
    ...labels(classNames, { frame, cell, labelSize, labelWidth, turn: slanted ? -45 : upright ? -90 : 0 }),
    text("true class", { x: 18, y: frame.top + frame.height / 2, anchor: "middle", rotate: -90 }),
    text("predicted class", {
      x: frame.left + frame.width / 2,
      y: frame.top + frame.height + columnLabels + 14,
      anchor: "middle",
    }),
    ...colourBar(frame),
  ];
  const width = Math.max(frame.left + frame.width + 100, 360);
  return svgDocument({ width, height: frame.top + frame.height + columnLabels + 32, title, subtitle }, body);
}

function summary(matrix: ConfusionPlotOptions["matrix"]): string {
  const rows = matrix.flat().reduce((a, b) => a + b, 0);
  const correct = matrix.reduce((sum, row, k) => sum + row[k]!, 0);
  return rows === 0 ? "no rows" : `${correct} of ${rows} rows right (${percent(correct / rows)})`;
}

function cells(
  matrix: ConfusionPlotOptions["matrix"],
  { classNames, frame, cell }: { classNames: readonly string[]; frame: Frame; cell: number },
): string[] {
  const parts: string[] = [];
  for (const [i, row] of matrix.entries()) {
    const total = row.reduce((a, b) => a + b, 0);
    for (const [j, count] of row.entries()) {
      // in a large matrix zeros are left blank, so that the rest stands out
      if (count === 0 && (cell < 34 || total === 0)) continue;
      const share = count / total;
      const fill = count === 0 ? theme.background : heatColour(share, i === j ? "right" : "wrong");
      const x = frame.left + j * cell;
      const y = frame.top + i * cell;
      const tooltip = `true ${classNames[i]}, predicted ${classNames[j]}: ${count} (${percent(share)} of the class)`;
      parts.push(
        element("rect", { x, y, width: cell, height: cell, fill }, [
          element("title", {}, [escapeText(tooltip)]),
        ]),
        ...cellText({ count, share, x: x + cell / 2, y: y + cell / 2, cell }),
      );
    }
  }
  return parts;
}

interface CellText {
  count: number;
  share: number;
  x: number;
  y: number;
  cell: number;
}

function cellText({ count, share, x, y, cell }: CellText): string[] {
  const written = String(count);
  const size = Math.min(cell * (cell < 34 ? 0.58 : 0.32), 16, (cell - 3) / textWidth(written, 1));
  const common = { x, anchor: "middle", fill: textOnHeat(share) } as const;
  if (cell < 44) return size < 4 ? [] : [text(written, { ...common, y, size })];
  return [
    text(written, { ...common, y: y - cell * 0.1, size: Math.min(size, 16) }),
    text(percent(share), { ...common, y: y + cell * 0.2, size: Math.max(9, Math.min(11, cell * 0.2)) }),
  ];
}

function grid({ left, top, width, height }: Frame, size: number): string {
  const lines = Array.from({ length: size + 1 }, (_, k) => {
    const x = round(left + (k * width) / size);
    const y = round(top + (k * height) / size);
    return `M${x} ${round(top)}V${round(top + height)}M${round(left)} ${y}H${round(left + width)}`;
  });
  return element("path", { d: lines.join(""), stroke: theme.grid, fill: "none" });
}

function labels(
  classNames: readonly string[],
  {
    frame,
    cell,
    labelSize,
    labelWidth,
    turn,
  }: { frame: Frame; cell: number; labelSize: number; labelWidth: number; turn: number },
): string[] {
  const bottom = frame.top + frame.height;
  return classNames.flatMap((name, k) => {
    const centre = (k + 0.5) * cell;
    const common = { size: labelSize, width: labelWidth };
    return [
      fittedText(name, { ...common, x: frame.left - 7, y: frame.top + centre, anchor: "end" }),
      turn !== 0
        ? fittedText(name, { ...common, x: frame.left + centre, y: bottom + 9, anchor: "end", rotate: turn })
        : fittedText(name, { ...common, x: frame.left + centre, y: bottom + 12, anchor: "middle" }),
    ];
  });
}

function colourBar({ left, top, width, height }: Frame): string[] {
  const x = left + width + 22;
  const bar = { top: top + 16, height: Math.min(height - 16, 200) };
  const steps = 40;
  const stripes = (["right", "wrong"] as const).flatMap((kind, column) =>
    Array.from({ length: steps }, (_, k) =>
      element("rect", {
        x: x + 16 * column,
        y: bar.top + (k * bar.height) / steps,
        width: 13,
        height: bar.height / steps + (k < steps - 1 ? 0.5 : 0), // overlapped, so that no seam shows
        fill: heatColour(1 - k / (steps - 1), kind),
      }),
    ),
  );
  const marks = [1, 0.5, 0].map((share) =>
    text(`${share * 100} %`, {
      x: x + 34,
      y: bar.top + 5 + (1 - share) * (bar.height - 10),
      size: 10,
      fill: theme.muted,
    }),
  );
  return [...stripes, ...marks, text("right, wrong", { x, y: top + 5, size: 10, fill: theme.muted })];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
