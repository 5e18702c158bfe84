// Names as folder names, and back: the one function for every name of a user's that becomes part of a path.
import { existsSync, readdirSync } from "node:fs";
import { UsageError } from "../base/index.ts";

/** Bytes that a name may take as a folder name; file systems stop at 255. */
const maxSegmentBytes = 240;

/**
 * Writes a name as one folder name: letters, digits and `_.@+=,-` stay, all else becomes `%XX` of its UTF-8 bytes.
 * Different names give different folders, `decodeSegment` gives the name back, and no result is `.`, `..` or hidden.
 * A name that would take more than 240 bytes, or that is not well-formed Unicode, throws a `UsageError`.
 *
 * @example
 * encodeSegment("/Users/a@b/x"); // => "%2FUsers%2Fa@b%2Fx"
 */
export function encodeSegment(name: string): string {
  if (/\p{Surrogate}/u.test(name)) {
    throw new UsageError(
      `encodeSegment: a name must be well-formed Unicode, got ${JSON.stringify(name)}. Rename it.`,
    );
  }
  if (name === "") return "%";
  // macOS may change the form of accented letters, so only the composed form is left as it is
  const composed = name === name.normalize("NFC");
  const unsafe = composed ? /[^\p{L}\p{N}_.@+=,-]/gu : /[^A-Za-z0-9_.@+=,-]/gu;
  const encoded = name
    .replace(unsafe, percent)
    .replace(/^\.|\.$/gu, "%2E")
    .replace(/^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/iu, (word) => percent(word[0]!) + word.slice(1));
  const bytes = Buffer.byteLength(encoded);
  if (bytes > maxSegmentBytes) {
    const start = JSON.stringify(name.slice(0, 40));
    throw new UsageError(
      `encodeSegment: a name must fit into ${maxSegmentBytes} bytes as a folder name, ` +
        `got ${bytes} for ${start}... Shorten it.`,
    );
  }
  return encoded;
}

/** Gives back the name that `encodeSegment` wrote; a folder name that it never writes throws a `UsageError`. */
export function decodeSegment(segment: string): string {
  const name = segment === "%" ? "" : unescape(segment);
  if (name === undefined || encodeSegment(name) !== segment) {
    throw new UsageError(
      `decodeSegment: ${JSON.stringify(segment)} is not the folder name of a name. Was it renamed?`,
    );
  }
  return name;
}

/**
 * Returns the folder beside `segment` in `parent` that differs from it in letter case alone, if there is one.
 * macOS and Windows take the two for one, so a second spelling must not come into being.
 */
export function caseClash(parent: string, segment: string): string | undefined {
  if (!existsSync(parent)) return undefined;
  const folded = segment.toLowerCase();
  return readdirSync(parent).find((other) => other !== segment && other.toLowerCase() === folded);
}

function percent(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(
    "",
  );
}

function unescape(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
