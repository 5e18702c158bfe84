// Names for runs and models that were given none.
import { randomInt } from "node:crypto";

/** Draws a name like `gentle-otter-217`. */
export function randomName(): string {
  const pick = (words: readonly string[]) => words[randomInt(words.length)];
  return `${pick(adjectives)}-${pick(animals)}-${randomInt(1000)}`;
}

const adjectives =
  "able bold brave calm clear deft eager fair fine gentle glad keen kind lively merry neat".split(" ");
const animals =
  "badger crane finch fox hare heron lark lynx marten otter owl robin seal swift tern wren".split(" ");
