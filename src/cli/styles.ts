// Colours and widths of a terminal.

/** Colours a text, or leaves it as it is. */
export type Paint = (text: string) => string;

/** Says which colours there are. */
export interface Styles {
  good: Paint;
  bad: Paint;
  busy: Paint;
  faint: Paint;
}

const plain: Paint = (text) => text;
const ansi =
  (code: number): Paint =>
  (text) =>
    `\x1b[${code}m${text}\x1b[0m`;

/** Returns the colours of a stream: none on a pipe, on a dumb terminal, or with `NO_COLOR` (https://no-color.org). */
export function stylesOf(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Styles {
  const hasColor = stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  if (!hasColor) return { good: plain, bad: plain, busy: plain, faint: plain };
  return { good: ansi(32), bad: ansi(31), busy: ansi(36), faint: ansi(2) };
}

/** Cuts a text to a width, with a mark where something is missing. */
export function clip(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? "" : `${text.slice(0, width - 1)}…`;
}
