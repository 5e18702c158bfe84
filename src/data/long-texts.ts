// Cuts texts that are far longer than a model reads, so that tokenizing a book does not cost what the book costs.

/**
 * Returns the beginning of a text: at most `limit` UTF-16 units, ended before white space where the second half
 * of them has any, so that no word is split. A cut never splits a surrogate pair.
 */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  for (let end = limit; end > limit / 2; end--) {
    // before white space: byte-level vocabularies count it as part of the word that follows
    if (isSpace(text.charCodeAt(end)) && !isSpace(text.charCodeAt(end - 1))) return text.slice(0, end);
  }
  const splitsPair = isHighSurrogate(text.charCodeAt(limit - 1));
  return text.slice(0, splitsPair ? limit - 1 : limit);
}

function isSpace(unit: number): boolean {
  return unit === 32 || (unit >= 9 && unit <= 13);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
