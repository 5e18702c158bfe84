import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TextLoader, type TextLoaderOptions } from "./loader.ts";
import { Tokenizer, type EncodeOptions } from "./tokenizer.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-tokens-"));
writeFileSync(join(folder, "vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"].join("\n"));
const texts = Array.from({ length: 70 }, (_, row) => `${"a ".repeat(row % 9)}b`);

/** Takes an epoch, and counts the texts that were tokenized for it. */
async function epoch(cacheFolder: string, options: Partial<TextLoaderOptions> = {}) {
  const tokenizer = Tokenizer.fromFolder(folder);
  let tokenized = 0;
  const encode = tokenizer.encodeBatch.bind(tokenizer);
  tokenizer.encodeBatch = (all: readonly string[], how: EncodeOptions) => (
    (tokenized += all.length),
    encode(all, how)
  );
  const loader = new TextLoader({
    texts,
    tokenizer,
    maxLength: 8,
    batchSize: 16,
    seed: 1,
    cacheFolder,
    ...options,
  });
  const batches = [];
  for await (const batch of loader) batches.push(batch);
  return { batches, tokenized };
}

test("tokens are kept for later loaders of the same texts, tokenizer and length, and for no others", async () => {
  const cache = join(folder, "cache");
  const first = await epoch(cache);
  expect([first.tokenized, readdirSync(cache).length]).toEqual([70, 1]);
  const second = await epoch(cache);
  expect(second).toEqual({ batches: first.batches, tokenized: 0 });
  expect((await epoch(cache, { maxLength: 4 })).tokenized).toBe(70);
  expect((await epoch(cache, { texts: ["b", ...texts.slice(1), "a"] })).tokenized).toBe(71);
  expect((await epoch(cache, { pairs: texts })).tokenized).toBe(70);
  expect(readdirSync(cache).length).toBe(4);
});

test("two loaders at once leave one whole file, and a damaged file is written anew", async () => {
  const cache = join(folder, "shared");
  const [one, other] = await Promise.all([epoch(cache), epoch(cache)]);
  expect(one.batches).toEqual(other.batches);
  const [name] = readdirSync(cache);
  expect(readdirSync(cache)).toEqual([name]);
  const bytes = readFileSync(join(cache, name!));
  for (const broken of [bytes.subarray(0, 100), Buffer.from(bytes).fill(7, 200, 210), Buffer.alloc(0)]) {
    writeFileSync(join(cache, name!), broken);
    const again = await epoch(cache);
    expect(again).toEqual({ batches: one.batches, tokenized: 70 });
    expect(readFileSync(join(cache, name!)).equals(bytes)).toBe(true);
  }
});

test("a folder that cannot be written to is warned of, and no more", async () => {
  writeFileSync(join(folder, "file"), "");
  expect((await epoch(join(folder, "file", "below"))).batches.length).toBe(5);
});
