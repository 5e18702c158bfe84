// Bare words of an override that mean a number, true, false or null, as Hydra's lexer tells them.
import { type ScalarNode, scalarNode } from "../node.ts";
import type { Origin } from "../node.ts";

/** Reads a bare word: `1_000` is a number, `NULL` is null, `007` and `1.2.3` are texts. */
export function readLiteral(word: string, origin: Origin): ScalarNode {
  if (integerPattern.test(word)) return scalarNode(origin, parseInteger(word), false);
  if (floatPattern.test(word)) return scalarNode(origin, Number(word.replaceAll("_", "")), true);
  switch (word.toLowerCase()) {
    case "true":
      return scalarNode(origin, true);
    case "false":
      return scalarNode(origin, false);
    case "null":
      return scalarNode(origin, null);
    case "inf":
    case "+inf":
      return scalarNode(origin, Infinity, true);
    case "-inf":
      return scalarNode(origin, -Infinity, true);
    case "nan":
    case "+nan":
    case "-nan":
      return scalarNode(origin, Number.NaN, true);
    default:
      return scalarNode(origin, word);
  }
}

/** Reads digits with an optional sign and underscores; what a double cannot hold becomes a bigint. */
export function parseInteger(text: string): number | bigint {
  const digits = text.replaceAll("_", "");
  if (digits.length > maxDigits) throw new RangeError(`a whole number may have ${maxDigits} digits.`);
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number + 0 : BigInt(digits.replace(/^\+/u, "")); // -0 is no integer
}

const maxDigits = 4300; // Python's own bound; the cost of reading grows with the square
const integerPattern = /^[+-]?(0|[1-9](_?\d)*)$/u;
const floatPattern =
  /^[+-]?(((0|[1-9](_?\d)*)?\.\d(_?\d)*|(0|[1-9](_?\d)*)\.)(e[+-]?\d(_?\d)*)?|(0|[1-9](_?\d)*)e[+-]?\d(_?\d)*)$/iu;
