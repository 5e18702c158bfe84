// Finds what JSON.parse hides: of two equal keys it keeps the last.

/** Returns a key that one object of valid JSON text has twice, or undefined. */
export function repeatedKey(json: string): string | undefined {
  // one set of keys for each open object, undefined for each open array
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i]!;
    if (c === '"') {
      const end = closingQuote(json, i);
      const keys = open.at(-1);
      if (expectsKey && keys !== undefined) {
        const key = JSON.parse(json.slice(i, end + 1)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      i = end;
    } else if (c === "{" || c === "[") {
      open.push(c === "{" ? new Set() : undefined);
    } else if (c === "}" || c === "]") {
      open.pop();
    }
    if (c === "{" || c === ",") expectsKey = true;
    else if (c === ":") expectsKey = false;
  }
  return undefined;
}

function closingQuote(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i;
}
