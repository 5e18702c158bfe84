// Horizontal bars with names: per-class scores, importances.
import { axes, emptyNote, headerHeight, svgDocument } from "./chart.ts";
import type { Frame } from "./chart.ts";
import { linearScale } from "./scale.ts";
import type { Scale } from "./scale.ts";
import { element, escapeText, fittedText, textWidth } from "./svg.ts";
import { theme } from "./theme.ts";

export interface Bar {
  label: string;
  /** A value that is not finite has no bar and reads "undefined". */
  value: number;
  /** Ends of an interval, drawn as a whisker. */
  low?: number;
  high?: number;
  /** Small print behind the value, "120 rows". */
  note?: string;
}

export interface BarChartOptions {
  title: string;
  subtitle?: string;
  /** With its unit, if it has one. */
  valueLabel: string;
  /** From top to bottom. */
  bars: readonly Bar[];
  /** Ends of the value axis. @default from 0 to the largest value, or from the smallest if that is negative */
  domain?: readonly [number, number];
}

/** Draws one bar per name, as tall as there are bars. */
export function barChart({ title, subtitle, valueLabel, bars, domain }: BarChartOptions): string {
  const rowHeight = bars.length > 30 ? 17 : 24;
  const labelWidth = Math.min(230, Math.max(40, ...bars.map(({ label }) => textWidth(label, 12)))) + 4;
  const noteWidth = Math.min(220, Math.max(0, ...bars.map((bar) => textWidth(valueText(bar), 11)))) + 2;
  const frame: Frame = {
    left: 20 + labelWidth,
    top: headerHeight({ subtitle }) + 4,
    width: 420,
    height: Math.max(1, bars.length) * rowHeight,
  };
  const x = linearScale({
    domain: domain ?? valueDomain(bars),
    range: [frame.left, frame.left + frame.width],
    count: 5,
    nice: domain === undefined,
  });
  const rows: Scale = { position: (index) => frame.top + (index + 0.5) * rowHeight, ticks: [] };
  const body = [
    ...axes({ frame, x, y: rows, xLabel: valueLabel, yLabel: "" }),
    ...bars.flatMap((bar, index) =>
      drawBar(bar, { x, y: rows.position(index), frame, labelWidth, noteWidth, rowHeight }),
    ),
    ...(bars.length === 0 ? [emptyNote(frame, "nothing to show")] : []),
  ];
  const width = frame.left + frame.width + noteWidth + 28;
  return svgDocument({ width, height: frame.top + frame.height + 54, title, subtitle }, body);
}

interface DrawBar {
  x: Scale;
  y: number;
  frame: Frame;
  labelWidth: number;
  noteWidth: number;
  rowHeight: number;
}

function drawBar(bar: Bar, { x, y, frame, labelWidth, noteWidth, rowHeight }: DrawBar): string[] {
  const { label, value, low, high } = bar;
  const right = frame.left + frame.width;
  const clamp = (pixel: number) => Math.min(Math.max(pixel, frame.left), right);
  const parts = [
    fittedText(label, { x: frame.left - 8, y, anchor: "end", width: labelWidth }),
    fittedText(valueText(bar), { x: right + 8, y, size: 11, fill: theme.muted, width: noteWidth }),
  ];
  if (!Number.isFinite(value)) return parts;
  const zero = clamp(x.position(0));
  const end = clamp(x.position(value));
  const height = rowHeight * 0.62;
  parts.push(
    element(
      "rect",
      {
        x: Math.min(zero, end),
        y: y - height / 2,
        width: Math.abs(end - zero),
        height,
        fill: theme.series[0],
      },
      [element("title", {}, [escapeText(`${label}: ${valueText(bar)}`)])],
    ),
  );
  if (low !== undefined && high !== undefined && Number.isFinite(low) && Number.isFinite(high)) {
    const [from, to] = [clamp(x.position(low)), clamp(x.position(high))];
    const d = `M${from} ${y}H${to}M${from} ${y - 3}v6M${to} ${y - 3}v6`;
    parts.push(element("path", { d, stroke: theme.text, "stroke-width": 1.25, fill: "none" }));
  }
  return parts;
}

function valueText({ value, note }: Bar): string {
  // shares get the same number of decimals, so that they compare at a glance
  const digits = Math.abs(value) <= 1 ? value.toFixed(3) : String(Number(value.toPrecision(4)));
  const shown = Number.isFinite(value) ? digits.replace("-", "\u2212") : "undefined";
  return note === undefined ? shown : `${shown}  (${note})`;
}

function valueDomain(bars: readonly Bar[]): [number, number] {
  const values = bars
    .flatMap(({ value, low, high }) => [value, low ?? value, high ?? value])
    .filter((value) => Number.isFinite(value));
  return [Math.min(0, ...values), Math.max(0, ...values)];
}
