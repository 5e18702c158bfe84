// Splits the dotted keys by which OmegaConf names a part of a config.

/**
 * Splits `a.b[0].c` into its keys. Dots that lead are empty keys, as OmegaConf has them.
 *
 * @example
 * splitKey("a.b[0].c"); // => ["a", "b", "0", "c"]
 * splitKey("[a].b"); // => ["a", "b"]
 */
export function splitKey(key: string): readonly string[] {
  const known = split.get(key);
  if (known !== undefined) return known;
  if (split.size >= 10_000) split.clear();
  const keys = keysOf(key);
  split.set(key, keys);
  return keys;
}

const step = /[^.[]*/uy;

const split = new Map<string, readonly string[]>();

function keysOf(key: string): string[] {
  const head = /^\.*[^.[]*/u.exec(key)![0];
  const keys = head.split(".");
  if (head.length === key.length) return keys;
  if (key[head.length] === "[" && keys.at(-1) === "") keys.pop();
  const brackets = new Finder(key, "]");
  const lineBreaks = new Finder(key, "\n");
  for (let at = head.length; at < key.length;) {
    const close = brackets.from(at);
    if (key[at] === ".") {
      step.lastIndex = at + 1;
      const [name] = step.exec(key)!;
      keys.push(name);
      at += 1 + name.length;
    } else if (key[at] === "[" && close < lineBreaks.from(at)) {
      keys.push(key.slice(at + 1, close));
      at = close + 1;
    } else at++; // what closes no bracket is passed over, as OmegaConf does
  }
  return keys;
}

/** Finds the next of a character, and remembers where; infinity where there is none. */
class Finder {
  readonly #text: string;
  readonly #character: string;
  #next = -1;

  constructor(text: string, character: string) {
    this.#text = text;
    this.#character = character;
  }

  from(at: number): number {
    if (this.#next >= at) return this.#next;
    const next = this.#text.indexOf(this.#character, at);
    return (this.#next = next === -1 ? Infinity : next);
  }
}
