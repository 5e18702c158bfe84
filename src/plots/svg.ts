// Strings of SVG: elements, escaped text, and an estimate of how wide text will be. Knows nothing of charts.

export type Attributes = Record<string, string | number | undefined>;

/** Writes one element; children are SVG already. Numbers are rounded to hundredths, undefined is left out. */
export function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? round(value) : escapeText(value!)}"`)
    .join("");
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join("")}</${name}>`;
}

export interface TextOptions {
  x: number;
  y: number;
  /** @default 12 */
  size?: number;
  /** @default "start" */
  anchor?: "start" | "middle" | "end";
  /** @default theme's text colour */
  fill?: string;
  bold?: boolean;
  /** Degrees clockwise about (x, y). */
  rotate?: number;
  /** Shown by viewers when the pointer rests on the text. */
  tooltip?: string;
}

/** Writes a line of text with its middle at height `y`; the content is escaped. */
export function text(content: string, options: TextOptions): string {
  const { x, y, size = 12, anchor = "start", fill, bold = false, rotate, tooltip } = options;
  // 0.35 of the size lowers the baseline so that y is the middle; dominant-baseline is not known to all viewers
  const attributes: Attributes = {
    x,
    y: y + 0.35 * size,
    "font-size": size,
    "text-anchor": anchor === "start" ? undefined : anchor,
    fill,
    "font-weight": bold ? "600" : undefined,
    transform: rotate === undefined ? undefined : `rotate(${round(rotate)} ${round(x)} ${round(y)})`,
  };
  return element("text", attributes, [
    ...(tooltip === undefined ? [] : [element("title", {}, [escapeText(tooltip)])]),
    escapeText(content),
  ]);
}

/** Writes a label of at most `width` pixels; a longer one ends in an ellipsis and shows whole as a tooltip. */
export function fittedText(content: string, options: TextOptions & { width: number }): string {
  const { width, size = 12, bold = false } = options;
  const shown = truncate(content, { width: bold ? width / 1.15 : width, size });
  return text(shown, shown === content ? options : { ...options, tooltip: content });
}

/** Makes any string safe as XML text or attribute; characters that XML forbids or that reorder text are replaced. */
export function escapeText(content: string): string {
  return content
    .replace(/[\t\n\r]+/g, " ")
    .replace(forbidden, "\uFFFD")
    .replace(/[&<>"']/g, (character) => entities[character]!);
}

const forbidden = /[\p{Cc}\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]|\p{Surrogate}/gu;

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Estimates the width in pixels of a line in a common sans-serif face. */
export function textWidth(content: string, size: number): number {
  let width = 0;
  for (const character of content) width += characterWidth(character);
  return width * size;
}

/** Shortens a line to a width in pixels, ending in an ellipsis. */
export function truncate(content: string, { width, size }: { width: number; size: number }): string {
  if (textWidth(content, size) <= width) return content;
  let shown = "";
  let used = characterWidth("…") * size;
  for (const character of content) {
    used += characterWidth(character) * size;
    if (used > width) break;
    shown += character;
  }
  return `${shown.trimEnd()}…`;
}

/** Rounds to hundredths, as short as possible. */
export function round(value: number): string {
  return String(Math.round(value * 100) / 100 + 0); // adding 0 turns -0 into 0
}

// ems, a little above Helvetica's and DejaVu's, so that an estimate errs to the wide side
function characterWidth(character: string): number {
  if (character.codePointAt(0)! > 0x2e7f) return 1.05; // Chinese, Japanese, Korean, emoji
  if (/[iljtfI.,:;'|!()[\] ]/.test(character)) return 0.36;
  if (/[mwMW@%…]/.test(character)) return 0.92;
  if (/[A-Z]/.test(character)) return 0.7;
  return 0.6;
}
