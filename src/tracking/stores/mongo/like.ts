// Turns patterns of LIKE into regular expressions of MongoDB, which takes no time out of proportion to match.
import { invalid } from "../../validation.ts";

const maxBytes = 30_000; // MongoDB compiles up to 32764 bytes

/**
 * Returns the operand that holds for the texts that fit a pattern: `%` is any characters, `_` is one, and nothing escapes.
 * Without regard to case each letter stands beside its one-letter lower and upper case; the option `i` would mean other
 * letters on other servers.
 *
 * @throws TrackingError for a pattern that is too long for MongoDB
 */
export function likeOperand(pattern: string, { ignoreCase }: { ignoreCase: boolean }): object {
  const [first = "", ...others] = pattern.split(/%+/).map((part) => toRegex(part, ignoreCase));
  const last = others.pop();
  // what stands between two % is searched once, from the left: an atomic group keeps the place where it was found
  const middle = others.map((part) => `(?>.*?${part})`).join("");
  const end = last === undefined ? "\\z" : last === "" ? "" : `.*${last}\\z`;
  const regex = `^${first}${middle}${end}`;
  const bytes = Buffer.byteLength(regex);
  if (bytes > maxBytes) {
    throw invalid(
      `filter: in MongoDB a pattern may have ${maxBytes} bytes as a regular expression, got ${bytes} for ` +
        `${JSON.stringify(pattern.slice(0, 40))}... Search for a part of it.`,
    );
  }
  return { $regex: regex, $options: "s" };
}

function toRegex(part: string, ignoreCase: boolean): string {
  return [...part]
    .map((char) => {
      if (char === "_") return "."; // one code point
      const cases = ignoreCase ? casesOf(char) : [char];
      return cases.length === 1 ? quote(char) : `(?:${cases.map(quote).join("|")})`;
    })
    .join("");
}

function casesOf(char: string): string[] {
  const lower = char.toLowerCase();
  const cases = [char, lower, char.toUpperCase(), lower.toUpperCase()];
  return [...new Set(cases)].filter((each) => [...each].length === 1 && each.toLowerCase() === lower);
}

function quote(char: string): string {
  if (char === "\0") return "\\x00";
  return char.replace(/[\\^$.*+?()[\]{}|]/, "\\$&");
}
