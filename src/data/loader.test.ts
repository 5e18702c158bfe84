import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Rng } from "../base/index.ts";
import { TextLoader, type TextBatch, type TextLoaderOptions } from "./loader.ts";
import { Tokenizer } from "./tokenizer.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-loader-"));
writeFileSync(join(folder, "vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"].join("\n"));
const tokenizer = Tokenizer.fromFolder(folder);

const rng = new Rng(4);
const texts = Array.from({ length: 330 }, () => "a ".repeat(rng.below(20)) + "b");
const labels = Int32Array.from(texts, (_, row) => row % 3);
const base: TextLoaderOptions = { texts, labels, tokenizer, maxLength: 16, batchSize: 10, seed: 7 };

async function collect(loader: TextLoader, count: number): Promise<TextBatch[]> {
  const batches: TextBatch[] = [];
  for (let i = 0; i < count; i++) batches.push(await loader.next());
  return batches;
}

test("batches hold the tokens, labels and row numbers of their texts", async () => {
  const loader = new TextLoader(base);
  expect(loader.numBatches).toBe(33);
  const seen: number[] = [];
  for await (const batch of loader) {
    const [size, width] = batch.shape;
    expect([batch.items, batch.rows.length, batch.labels?.length]).toEqual([size, size, size]);
    for (const [i, row] of batch.rows.entries()) {
      const numTokens = Math.min(16, (texts[row]!.length - 1) / 2 + 3);
      const ids = [...batch.inputIds.subarray(i * width, (i + 1) * width)];
      const mask = [...batch.attentionMask.subarray(i * width, (i + 1) * width)];
      expect(ids.filter((id) => id !== 0).length).toBe(numTokens);
      expect(mask).toEqual(ids.map((id) => (id === 0 ? 0 : 1)));
      expect(Number(batch.labels![i])).toBe(row % 3);
      seen.push(row);
    }
  }
  expect(seen.sort((a, b) => a - b)).toEqual([...texts.keys()]);
  expect(loader.state).toEqual({ epoch: 1, batch: 0 });
});

test("going on from a place gives what would have come, without replay", async () => {
  const whole = await collect(new TextLoader(base), 80);
  for (const place of [0, 1, 32, 33, 50, 66]) {
    const loader = new TextLoader(base);
    loader.seek({ epoch: Math.floor(place / 33), batch: place % 33 });
    expect(await collect(loader, 5), `from ${place}`).toEqual(whole.slice(place, place + 5));
  }
});

test("a loader can go back", async () => {
  const loader = new TextLoader(base);
  const [first] = await collect(loader, 70);
  loader.seek({ epoch: 0, batch: 0 });
  expect(await loader.next()).toEqual(first);
});

test("the state names the batch that comes next", async () => {
  const loader = new TextLoader(base);
  expect(loader.state).toEqual({ epoch: 0, batch: 0 });
  await collect(loader, 34);
  expect(loader.state).toEqual({ epoch: 1, batch: 1 });
});

test("take gives what accumulation needs, and stops at the end of an epoch", async () => {
  const loader = new TextLoader(base);
  const sizes: number[] = [];
  for (let i = 0; i < 5; i++) sizes.push((await loader.take(8)).length);
  expect(sizes).toEqual([8, 8, 8, 8, 1]);
  expect(loader.state).toEqual({ epoch: 1, batch: 0 });
  expect((await loader.take(2)).length).toBe(2);
});

test("calls at the same time give different batches", async () => {
  const one = new TextLoader(base);
  const other = new TextLoader(base);
  expect(await Promise.all([one.next(), one.next(), one.next()])).toEqual(await collect(other, 3));
});

test("evaluation reads every row once and can put results back in order", async () => {
  const loader = new TextLoader({ ...base, shuffle: false });
  const results = Array<number>(texts.length).fill(-1);
  for await (const { rows, shape, attentionMask } of loader) {
    for (const [i, row] of rows.entries()) {
      results[row] = attentionMask
        .subarray(i * shape[1], (i + 1) * shape[1])
        .reduce((sum, bit) => sum + bit, 0);
    }
  }
  expect(results).toEqual(texts.map((text) => Math.min(16, (text.length - 1) / 2 + 3)));
});

test("options do what they say", async () => {
  const dropped = new TextLoader({ ...base, batchSize: 100, dropLast: true });
  expect(dropped.numBatches).toBe(3);
  const rounded = await new TextLoader({ ...base, padToMultipleOf: 8 }).next();
  expect([8, 16]).toContain(rounded.shape[1]);
  const plain = await new TextLoader({ ...base, shuffle: false, groupByLength: false }).next();
  expect([...plain.rows]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const { labels: _, ...unlabelled } = base;
  expect("labels" in (await new TextLoader(unlabelled).next())).toBe(false);
});

test("pairs become one row with two types", async () => {
  const loader = new TextLoader({
    texts: ["a", "a a"],
    pairs: ["b", "b b"],
    tokenizer,
    maxLength: 16,
    batchSize: 2,
    shuffle: false,
  });
  const { inputIds, tokenTypeIds, shape } = await loader.next();
  expect(shape).toEqual([2, 7]);
  expect([...inputIds]).toEqual([2, 5, 5, 3, 6, 6, 3, 2, 5, 3, 6, 3, 0, 0]);
  expect([...tokenTypeIds]).toEqual([0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0]);
});

test("prefetched chunks are ready after work that blocks the main thread", async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => "a b ".repeat(10 + (i % 20)));
  const loader = new TextLoader({ texts: many, tokenizer, maxLength: 64, batchSize: 32 });
  loader.prefetch();
  const blockedUntil = performance.now() + 1000;
  while (performance.now() < blockedUntil);
  const start = performance.now();
  await loader.next();
  // only collecting is left; tokenizing itself takes several times as long
  expect(performance.now() - start).toBeLessThan(500);
});

test("a row that cannot be tokenized fails the batch that needs it, and nothing else", async () => {
  const loader = new TextLoader({ ...base, maxLength: 2 });
  loader.prefetch();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await expect(loader.next()).rejects.toThrow(/max_length/);
});

test("an event loop turn passes before each batch", async () => {
  const loader = new TextLoader(base);
  await loader.next();
  let turns = 0;
  const interval = setInterval(() => turns++, 0);
  for (let i = 0; i < 20; i++) {
    const until = performance.now() + 2;
    while (performance.now() < until);
    await loader.next();
  }
  clearInterval(interval);
  expect(turns).toBeGreaterThan(10);
});

test("places and texts that cannot be are refused", () => {
  const loader = new TextLoader(base);
  expect(() => loader.seek({ epoch: 0, batch: 33 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: TextLoader: an epoch has 33 batches, there is no epoch 0, batch 33. Resume with the data and dataset.batch_size that the checkpoint was made with.]`,
  );
  expect(() => loader.seek({ epoch: -1, batch: 0 })).toThrow(/there is no epoch -1/);
  expect(
    () => new TextLoader({ ...base, texts: [], labels: new Int32Array() }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: TextLoader: there must be texts, got none. Pass at least one.]`,
  );
  expect(() => new TextLoader({ ...base, labels: new Int32Array(3) })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: TextLoader: labels must be as many as texts, got 3 and 330. Pass one a text.]`,
  );
});
