// Text of others on a terminal: it is shown, and moves no cursor, sets no title, turns no line around.

/** Returns text on one line without control characters. */
export function printable(text: string): string {
  return text.replace(hidden, (char) => {
    return char === "\n" || char === "\t" ? " " : `\\u${char.codePointAt(0)!.toString(16).padStart(4, "0")}`;
  });
}

/** Returns text without control characters but the ends of its lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Returns JSON that says the same without control characters but the ends of its lines. */
export function printableJson(json: string): string {
  return json.replace(hidden, (char) =>
    char === "\n"
      ? char
      : [...Array(char.length).keys()]
          .map((index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, "0")}`)
          .join(""),
  );
}

const hidden = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
