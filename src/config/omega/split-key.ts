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

const split = new Map<string, readonly string[]>();

function keysOf(key: string): string[] {
  const head = /^\.*[^.[]*/u.exec(key)![0];
  const keys = head.split(".");
  if (head.length === key.length) return keys;
  if (key[head.length] === "[" && keys.at(-1) === "") keys.pop();
  for (const [, dotted, bracketed] of key.slice(head.length).matchAll(/\.([^.[]*)|\[(.*?)\]/gsu))
    keys.push(dotted || (bracketed ?? ""));
  return keys;
}
