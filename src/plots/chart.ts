// What all charts share: the document with its title, axes with grid and labels, and legends.
import type { Scale } from "./scale.ts";
import { element, escapeText, fittedText, round, text, textWidth } from "./svg.ts";
import { theme } from "./theme.ts";

/** The rectangle in which a chart draws its data. */
export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface DocumentOptions {
  width: number;
  height: number;
  title: string;
  /** A line below the title. */
  subtitle?: string | undefined;
}

/** Height that title and subtitle take. */
export function headerHeight({ subtitle }: { subtitle?: string | undefined }): number {
  return subtitle === undefined ? 44 : 62;
}

/** Writes a whole SVG file around a chart's body. */
export function svgDocument(
  { width, height, title, subtitle }: DocumentOptions,
  body: readonly string[],
): string {
  const line = { x: 16, width: width - 32 };
  const parts = [
    element("title", {}, [escapeText(title)]),
    element("rect", { width, height, fill: theme.background }),
    fittedText(title, { ...line, y: 24, size: 16, bold: true }),
    ...(subtitle === undefined
      ? []
      : [fittedText(subtitle, { ...line, y: 46, size: 12, fill: theme.muted })]),
    ...body,
  ];
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    width,
    height,
    viewBox: `0 0 ${round(width)} ${round(height)}`,
    role: "img",
    "font-family": theme.font,
    fill: theme.text,
  };
  return `${element("svg", attributes, parts)}\n`;
}

export interface AxesOptions {
  frame: Frame;
  x: Scale;
  y: Scale;
  xLabel: string;
  yLabel: string;
}

/** Writes grid lines, ticks and axis labels around a frame. */
export function axes({ frame, x, y, xLabel, yLabel }: AxesOptions): string[] {
  const { left, top, width, height } = frame;
  const bottom = top + height;
  const parts: string[] = [];
  for (const { value, label } of x.ticks) {
    const at = x.position(value);
    parts.push(line([at, top, at, bottom], theme.grid));
    parts.push(text(label, { x: at, y: bottom + 14, size: 11, anchor: "middle", fill: theme.muted }));
  }
  for (const { value, label } of y.ticks) {
    const at = y.position(value);
    parts.push(line([left, at, left + width, at], theme.grid));
    parts.push(text(label, { x: left - 8, y: at, size: 11, anchor: "end", fill: theme.muted }));
  }
  parts.push(
    line([left, bottom, left + width, bottom], theme.axis),
    line([left, top, left, bottom], theme.axis),
    fittedText(xLabel, { x: left + width / 2, y: bottom + 36, anchor: "middle", width }),
    fittedText(yLabel, { x: 16, y: top + height / 2, anchor: "middle", rotate: -90, width: height }),
  );
  return parts;
}

/** Width of the room left of a frame: the axis label and the ticks. */
export function leftMargin(y: Scale): number {
  return 44 + Math.max(0, ...y.ticks.map(({ label }) => textWidth(label, 11)));
}

/** Writes a straight line from and to `[x1, y1, x2, y2]`. */
export function line([x1, y1, x2, y2]: readonly [number, number, number, number], stroke: string): string {
  return element("line", { x1, y1, x2, y2, stroke });
}

/** Writes a sentence in the middle of a frame that has nothing to show. */
export function emptyNote(frame: Frame, note: string): string {
  const { left, top, width, height } = frame;
  return text(note, { x: left + width / 2, y: top + height / 2, anchor: "middle", fill: theme.muted });
}

export interface LegendEntry {
  label: string;
  style: { stroke: string; "stroke-dasharray": string | undefined };
}

/** Writes a legend in rows from the left, and returns its height. */
export function legendRows(
  entries: readonly LegendEntry[],
  { left, top, width }: Omit<Frame, "height">,
): { height: number; parts: string[] } {
  const parts: string[] = [];
  let x = left;
  let y = top;
  for (const { label, style } of entries) {
    const entryWidth = Math.min(44 + textWidth(label, 12), width);
    if (x > left && x + entryWidth > left + width) {
      x = left;
      y += 20;
    }
    parts.push(
      element("line", { x1: x, y1: y + 8, x2: x + 22, y2: y + 8, "stroke-width": 2.5, ...style }),
      fittedText(label, { x: x + 28, y: y + 8, width: entryWidth - 28 }),
    );
    x += entryWidth;
  }
  return { height: entries.length === 0 ? 0 : y + 24 - top, parts };
}
