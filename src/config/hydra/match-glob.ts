// Patterns as Python's fnmatch reads them: * any text, ? any character, [a-z] one of a set, [!a-z] none of it.

/** Tells whether a whole name matches a pattern; the time is at most proportional to both lengths multiplied. */
export function matchesGlob(name: string, pattern: string): boolean {
  const characters = Array.from(name);
  const parts = partsOf(pattern);
  let [at, part] = [0, 0];
  let [starPart, starAt] = [-1, 0]; // where to go on when what follows the last star does not fit
  while (at < characters.length) {
    const test = parts[part];
    if (test === "*") {
      starPart = part++;
      starAt = at;
    } else if (test?.(characters[at]!) === true) {
      at++;
      part++;
    } else if (starPart !== -1) {
      at = ++starAt;
      part = starPart + 1;
    } else return false;
  }
  while (parts[part] === "*") part++;
  return part === parts.length;
}

type Part = "*" | ((character: string) => boolean);

function partsOf(pattern: string): Part[] {
  const characters = Array.from(pattern);
  const parts: Part[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") {
      if (parts.at(-1) !== "*") parts.push("*");
      continue;
    }
    if (character === "?") {
      parts.push(() => true);
      continue;
    }
    const end = character === "[" ? closing(characters, at) : -1;
    if (end === -1) parts.push((other) => other === character);
    else {
      parts.push(setOf(characters.slice(at + 1, end)));
      at = end;
    }
  }
  return parts;
}

/** A `]` right after `[` or `[!` belongs to the set. */
function closing(characters: readonly string[], open: number): number {
  const first = open + (characters[open + 1] === "!" ? 2 : 1);
  return characters.indexOf("]", first + 1);
}

function setOf(inner: readonly string[]): (character: string) => boolean {
  const isNegated = inner[0] === "!";
  const members = isNegated ? inner.slice(1) : inner;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at++) {
    const isRange = members[at + 1] === "-" && at + 2 < members.length;
    ranges.push([members[at]!, members[isRange ? at + 2 : at]!]);
    if (isRange) at += 2;
  }
  return (character) => ranges.some(([low, high]) => low <= character && character <= high) !== isNegated;
}
