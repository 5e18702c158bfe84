// Which of YAML's styles a text may be written in, as PyYAML decides.
const breaks = "\n\x85\u2028\u2029";
const whitespace = `\0 \t\r${breaks}`;

/** Says how a text may be written; texts that allow neither style are written in double quotes. */
export interface ScalarAnalysis {
  plain: boolean;
  singleQuoted: boolean;
  /** Holds line breaks. */
  multiline: boolean;
}

/** Finds the styles that keep a text what it is. */
export function analyzeScalar(text: string): ScalarAnalysis {
  const multiline = /[\n\x85\u2028\u2029]/u.test(text);
  const special = [...text].some((character) => !isPrintable(character));
  const outerSpace = new RegExp(`^[ ${breaks}]|[ ${breaks}]$`, "u").test(text);
  const breakSpace = new RegExp(`[${breaks}] `, "u").test(text);
  const spaceBreak = new RegExp(` [${breaks}]`, "u").test(text);
  return {
    plain: !(multiline || special || outerSpace || breakSpace || spaceBreak || hasIndicator(text)),
    singleQuoted: !(special || breakSpace || spaceBreak),
    multiline,
  };
}

/** Tells whether a text holds characters that mean something of their own outside quotes. */
function hasIndicator(text: string): boolean {
  if (/^(?:---|\.\.\.|[#,[\]{}&*!|>'"%@`])/u.test(text)) return true;
  const isSpace = (character: string | undefined) =>
    character === undefined || whitespace.includes(character);
  if (/^[-?:]/u.test(text) && isSpace(text[1])) return true;
  for (let at = 1; at < text.length; at++) {
    if (text[at] === ":" && isSpace(text[at + 1])) return true;
    if (text[at] === "#" && isSpace(text[at - 1])) return true;
  }
  return false;
}

function isPrintable(character: string): boolean {
  const code = character.codePointAt(0)!;
  if (code === 0x0a || code === 0x85 || (code >= 0x20 && code <= 0x7e)) return true;
  if (code === 0xfeff) return false;
  return (
    (code >= 0xa0 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code < 0x10ffff)
  );
}
