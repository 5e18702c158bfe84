// Cuts a filter into words, quoted texts, numbers and signs, in one pass.
import { invalid } from "../validation.ts";

/** Is one token; `position` counts characters from 1, for messages. */
export type Token = { position: number } & (
  | { type: "word"; text: string }
  /** `quote` is one of `'`, `"` and a backtick. */
  | { type: "quoted"; text: string; quote: string }
  | { type: "number"; value: number; text: string }
  | { type: "sign"; text: string }
);

const maxLength = 20_000;
const space = /\s+/uy;
const number = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\p{L}\p{N}_.])/uy;
const word = /[\p{L}\p{N}_][\p{L}\p{N}_\-/:@]*/uy;
const sign = /<=|>=|!=|<>|==|[=<>(),.;]/uy;

/** Returns the tokens of a filter or order; what is no token throws with its place. */
export function tokenize(text: string): Token[] {
  if (text.length > maxLength) {
    throw invalid(`filter: at most ${maxLength} characters are allowed, got ${text.length}.`);
  }
  const tokens: Token[] = [];
  let index = 0;
  const read = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = index;
    const [match] = pattern.exec(text) ?? [];
    if (match !== undefined) index += match.length;
    return match;
  };
  while (index < text.length) {
    if (read(space) !== undefined) continue;
    const position = index + 1;
    const char = text[index] as string;
    if (char === "'" || char === '"' || char === "`") {
      const end = endOfQuoted(text, index);
      tokens.push({ type: "quoted", text: text.slice(index + 1, end), quote: char, position });
      index = end + 1;
      continue;
    }
    const digits = read(number);
    if (digits !== undefined) {
      tokens.push({ type: "number", value: Number(digits), text: digits, position });
      continue;
    }
    const name = read(word);
    if (name !== undefined) {
      tokens.push({ type: "word", text: name, position });
      continue;
    }
    const mark = read(sign);
    if (mark === undefined) {
      throw invalid(`filter: ${JSON.stringify(char)} at character ${position} is no part of a filter.`);
    }
    tokens.push({ type: "sign", text: mark, position });
  }
  return tokens;
}

/** Returns where the quote that opens at `start` closes; a doubled or escaped one does not close it. */
function endOfQuoted(text: string, start: number): number {
  const quote = text[start] as string;
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === "\\" && text[index + 1] === quote) index++;
    else if (text[index] === quote) {
      if (text[index + 1] !== quote) return index;
      index++;
    }
  }
  throw invalid(`filter: the quote ${quote} at character ${start + 1} is never closed.`);
}
