import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FileError, Rng } from "../base/index.ts";
import { cutText } from "./long-texts.ts";
import { Tokenizer, type EncodedTexts } from "./tokenizer.ts";

interface Case {
  max_length: number;
  ids: number[][];
  pair_ids: number[][];
  pair_types: number[][];
}

// written by tools/golden/tokenizer.py
function golden<T>(name: string): T {
  const url = new URL(`../../tests/goldens/data/tokenizer-${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as T;
}
const { texts, pairs } = golden<{ texts: string[]; pairs: [string, string][] }>("texts");
const tiny = golden<{ vocab: string[]; variants: { config: object; cases: Case[] }[] }>("tiny");

const root = mkdtempSync(join(tmpdir(), "sconce-tokenizer-"));
let folders = 0;

function folderWith(files: Record<string, string | object>): string {
  const folder = join(root, `folder-${folders++}`);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

const tinyVocab = `${tiny.vocab.join("\n")}\n`;
const tinyFolder = (config: object = {}) =>
  folderWith({ "vocab.txt": tinyVocab, "tokenizer_config.json": config });

function rows(encoded: EncodedTexts, values: Int32Array | Uint8Array = encoded.inputIds): number[][] {
  return Array.from({ length: encoded.offsets.length - 1 }, (_, i) => [
    ...values.subarray(encoded.offsets[i], encoded.offsets[i + 1]),
  ]);
}

async function expectCases(tokenizer: Tokenizer, cases: readonly Case[]): Promise<void> {
  for (const { max_length: maxLength, ids, pair_ids, pair_types } of cases) {
    const found = rows(await tokenizer.encodeBatch(texts, { maxLength }));
    for (const [i, text] of texts.entries()) expect({ text, ids: found[i] }).toEqual({ text, ids: ids[i] });
    const encoded = await tokenizer.encodeBatch(
      pairs.map(([first]) => first),
      { maxLength, pairs: pairs.map(([, second]) => second) },
    );
    expect(rows(encoded)).toEqual(pair_ids);
    expect(rows(encoded, encoded.typeIds)).toEqual(pair_types);
  }
}

test("odd Unicode has the ids that Python's transformers gives it", async () => {
  for (const { config, cases } of tiny.variants) {
    await expectCases(Tokenizer.fromFolder(tinyFolder(config)), cases);
  }
});

test("a saved tokenizer gives the same ids, and its casing survives", async () => {
  for (const { config, cases } of tiny.variants) {
    const folder = join(root, `saved-${folders++}`);
    Tokenizer.fromFolder(tinyFolder(config)).save(folder);
    expect(readFileSync(join(folder, "vocab.txt"), "utf8")).toBe(tinyVocab);
    expect(JSON.parse(readFileSync(join(folder, "special_tokens_map.json"), "utf8"))).toMatchObject({
      pad_token: "[PAD]",
    });
    await expectCases(Tokenizer.fromFolder(folder), cases);
  }
});

test("the casing of tokenizer_config.json wins over that of tokenizer.json", async () => {
  const folder = join(root, `saved-${folders++}`);
  Tokenizer.fromFolder(tinyFolder({ do_lower_case: true })).save(folder);
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ do_lower_case: false }));
  const cased = tiny.variants.find(({ config }) => JSON.stringify(config) === '{"do_lower_case":false}')!;
  await expectCases(Tokenizer.fromFolder(folder), cased.cases);
});

test("padding and truncation that a tokenizer.json switches on are off", async () => {
  const folder = join(root, `saved-${folders++}`);
  Tokenizer.fromFolder(tinyFolder()).save(folder);
  const path = join(folder, "tokenizer.json");
  const definition = {
    ...(JSON.parse(readFileSync(path, "utf8")) as object),
    truncation: { max_length: 3, strategy: "LongestFirst", stride: 0, direction: "Right" },
    padding: {
      strategy: { Fixed: 20 },
      direction: "Right",
      pad_to_multiple_of: null,
      pad_id: 0,
      pad_type_id: 0,
      pad_token: "[PAD]",
    },
  };
  writeFileSync(path, JSON.stringify(definition));
  const encoded = await Tokenizer.fromFolder(folder).encodeBatch(["hello world this is"], { maxLength: 10 });
  expect(encoded.inputIds.length).toBe(6);
});

test("a lone surrogate counts as the replacement character", async () => {
  const tokenizer = Tokenizer.fromFolder(tinyFolder({ do_lower_case: false }));
  const broken = await tokenizer.encodeBatch(["a\uD800b \uDC00", "hello"], { maxLength: 16 });
  const replaced = await tokenizer.encodeBatch(["a\uFFFDb \uFFFD", "hello"], { maxLength: 16 });
  expect(broken).toEqual(replaced);
});

test("lengths can differ from call to call, also at the same time", async () => {
  const tokenizer = Tokenizer.fromFolder(tinyFolder());
  const text = "hello ".repeat(50);
  const lengths = [4, 30, 5, 12];
  const encoded = await Promise.all(lengths.map((maxLength) => tokenizer.encodeBatch([text], { maxLength })));
  expect(encoded.map(({ inputIds }) => inputIds.length)).toEqual(lengths);
});

test("what the files say is known", () => {
  const tokenizer = Tokenizer.fromFolder(tinyFolder({ model_max_length: 512, padding_side: "left" }));
  expect(tokenizer.padId).toBe(0);
  expect(tokenizer.vocabSize).toBe(tiny.vocab.length);
  expect(tokenizer.modelMaxLength).toBe(512);
  expect(tokenizer.paddingSide).toBe("left");
  const silent = Tokenizer.fromFolder(tinyFolder({ model_max_length: 1e30 }));
  expect(silent.modelMaxLength).toBe(Infinity);
  expect(silent.paddingSide).toBe("right");
});

test("truncation keeps the side that the files name", async () => {
  const tokenizer = Tokenizer.fromFolder(tinyFolder({ truncation_side: "left" }));
  const text = `${"hello ".repeat(5000)}world`;
  const { inputIds } = await tokenizer.encodeBatch([text], { maxLength: 4 });
  expect([...inputIds].map((id) => tiny.vocab[id])).toEqual(["[CLS]", "hello", "world", "[SEP]"]);
});

describe("texts far beyond the limit", () => {
  const tokenizer = Tokenizer.fromFolder(tinyFolder());
  /** A window so wide that nothing is cut. */
  async function truncated(text: string, maxLength: number): Promise<number[]> {
    const whole = await tokenizer.encodeBatch([text], { maxLength: 1_000_000 });
    const ids = [...whole.inputIds];
    return ids.length <= maxLength ? ids : [...ids.slice(0, maxLength - 1), ids.at(-1)!];
  }

  test("give the tokens of the whole text, truncated", async () => {
    const rng = new Rng(9);
    const words = [
      "hello",
      "unaffable",
      " ",
      "\n\n",
      "\u4F60\u597D",
      "!",
      "cafe\u0301",
      "\u{1F600}",
      "\u0001",
      "xyz",
    ];
    const long = Array.from({ length: 40 }, (_, i) => {
      const spaces = i % 3 === 0 ? "" : " ";
      return Array.from({ length: 2000 }, () => words[rng.below(words.length)]!).join(spaces);
    });
    long.push("x".repeat(30_000), `${"x".repeat(30_000)} hello`, `${" ".repeat(50_000)}hello world`);
    long.push(`${"\u0301".repeat(9000)} hello`, `hello ${"\u{1F600}".repeat(9000)} hello`);
    for (const maxLength of [8, 64]) {
      const found = rows(await tokenizer.encodeBatch(long, { maxLength }));
      for (const [i, text] of long.entries())
        expect(found[i], `text ${i}`).toEqual(await truncated(text, maxLength));
    }
  });

  test("of pairs are both cut without a change of the result", async () => {
    const firsts = ["hello ".repeat(4000), "hello", "this ".repeat(4000)];
    const seconds = ["world", "world ".repeat(4000), "is ".repeat(5000)];
    const encoded = rows(await tokenizer.encodeBatch(firsts, { maxLength: 9, pairs: seconds }));
    const words = encoded.map((row) => row.map((id) => tiny.vocab[id]).join(" "));
    expect(words).toEqual([
      "[CLS] hello hello hello hello hello [SEP] world [SEP]",
      "[CLS] hello [SEP] world world world world world [SEP]",
      "[CLS] this this this [SEP] is is is [SEP]",
    ]);
  });

  test("of ten million characters take about a second at most", async () => {
    const start = performance.now();
    const long = ["hello ".repeat(1_700_000), "\u4F60".repeat(10_000_000)];
    const { inputIds } = await tokenizer.encodeBatch(long, { maxLength: 512 });
    expect(inputIds.length).toBe(1024);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("are cut before white space, and never inside a surrogate pair", () => {
    expect(cutText("one two three", 20)).toBe("one two three");
    expect(cutText("one two  three four", 10)).toBe("one two");
    expect(cutText("one two", 7)).toBe("one two");
    expect(cutText("a\u{1F600}\u{1F600}", 4)).toBe("a\u{1F600}");
    expect(cutText("a\u{1F600}\u{1F600}", 3)).toBe("a\u{1F600}");
  });
});

test("folders that are no tokenizer are told apart", () => {
  const fault = (files: Record<string, string | object>) => {
    const folder = folderWith(files);
    try {
      Tokenizer.fromFolder(folder);
    } catch (error) {
      expect(error).toBeInstanceOf(FileError);
      return (error as Error).message.replaceAll(folder, "FOLDER");
    }
    throw new Error("expected a FileError");
  };
  expect(fault({})).toMatchInlineSnapshot(
    `"FOLDER: a tokenizer needs tokenizer.json, or vocab.txt for BERT; neither is there. Download the model's folder again, or copy the tokenizer of its base model into it."`,
  );
  expect(fault({ "tokenizer.json": '{"version":' })).toMatchInlineSnapshot(
    `"FOLDER/tokenizer.json: not valid JSON (Unexpected end of JSON input). Download the file again."`,
  );
  expect(fault({ "tokenizer.json": {} })).toMatchInlineSnapshot(
    `"FOLDER/tokenizer.json: expected "model" and "added_tokens", they are missing. Download the file again."`,
  );
  expect(fault({ "tokenizer.json": [] })).toMatchInlineSnapshot(
    `"FOLDER/tokenizer.json: expected a JSON object. Download the file again."`,
  );
  expect(fault({ "tokenizer.json": { model: { type: "New" }, added_tokens: [] } })).toMatchInlineSnapshot(
    `"FOLDER: the tokenizer cannot be built (data did not match any variant of untagged enum ModelUntagged at line 1 column 23). Download tokenizer.json again; a file of a newer tokenizers library needs a newer Sconce."`,
  );
  expect(fault({ "vocab.txt": "[PAD]\n[UNK]\n[CLS]\nhello\n" })).toMatchInlineSnapshot(
    `"FOLDER/vocab.txt: must contain the sep_token "[SEP]", it does not. Add the line, or name the token in tokenizer_config.json."`,
  );
  expect(fault({ "vocab.txt": tinyVocab, "tokenizer_config.json": "{" })).toMatchInlineSnapshot(
    `"FOLDER/tokenizer_config.json: not valid JSON (Expected property name or '}' in JSON at position 1). Download the file again."`,
  );
  const wordLevel = {
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: "WordLevel", vocab: { a: 0, "<unk>": 1 }, unk_token: "<unk>" },
  };
  expect(fault({ "tokenizer.json": wordLevel })).toMatchInlineSnapshot(
    `"FOLDER: batches need a padding token, the vocabulary lacks [PAD] and <pad>. Name one of its tokens as "pad_token" in tokenizer_config.json."`,
  );
});

test("impossible lengths and pairs are refused", async () => {
  const tokenizer = Tokenizer.fromFolder(tinyFolder());
  for (const maxLength of [0, 2, 3.5, Number.NaN]) {
    await expect(tokenizer.encodeBatch(["a"], { maxLength })).rejects.toThrow(
      /max_length: must be a whole number/,
    );
  }
  await expect(
    tokenizer.encodeBatch(["a"], { maxLength: 3, pairs: ["b"] }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[UsageError: dataset.max_length: must be a whole number above the 3 special tokens of a row, got 3. Set it to 128, say.]`,
  );
  await expect(
    tokenizer.encodeBatch(["a"], { maxLength: 9, pairs: [] }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[UsageError: encodeBatch: pairs must be as many as texts, got 0 and 1. Pass one a text.]`,
  );
});

test("no texts give no tokens", async () => {
  const encoded = await Tokenizer.fromFolder(tinyFolder()).encodeBatch([], { maxLength: 8 });
  expect(encoded).toEqual({
    inputIds: new Int32Array(),
    typeIds: new Uint8Array(),
    offsets: new Uint32Array(1),
  });
});

const published = process.env["SCONCE_DATA"] ?? "";
const minilm = process.env["SCONCE_MINILM"] ?? "";

test.skipIf(minilm === "")("MiniLM's own files give Python's ids (needs SCONCE_MINILM)", async () => {
  await expectCases(Tokenizer.fromFolder(minilm), golden<Case[]>("minilm"));
});

test.skipIf(published === "")(
  "BERT's published vocabulary gives MiniLM's ids (needs SCONCE_DATA)",
  async () => {
    const tokenizer = Tokenizer.fromFolder(join(published, "tokenizers/bert-base-uncased"));
    await expectCases(tokenizer, golden<Case[]>("minilm"));
  },
);

test.skipIf(published === "").each(["roberta-base", "t5-small"])(
  "%s gives Python's ids (needs SCONCE_DATA)",
  async (name) => {
    const folder = join(root, name);
    mkdirSync(folder);
    cpSync(join(published, "tokenizers", name, "tokenizer.json"), join(folder, "tokenizer.json"));
    const saved = join(root, `${name}-saved`);
    Tokenizer.fromFolder(folder).save(saved);
    expect(existsSync(join(saved, "vocab.txt"))).toBe(false);
    await expectCases(Tokenizer.fromFolder(saved), golden<Case[]>(name));
  },
);

const python = process.env["SCONCE_PYTHON"] ?? "";

test.skipIf(python === "")(
  "Python's AutoTokenizer loads what is saved (needs SCONCE_PYTHON with transformers)",
  async () => {
    const bertConfig = { model_type: "bert" };
    const sources = [tinyFolder({ do_lower_case: false, strip_accents: true }), tinyFolder()];
    if (minilm !== "") sources.push(minilm);
    if (published !== "") sources.push(join(published, "tokenizers/roberta-base"));
    for (const source of sources) {
      const tokenizer = Tokenizer.fromFolder(source);
      const saved = join(root, `python-${folders++}`);
      tokenizer.save(saved);
      if (!source.includes("roberta")) writeFileSync(join(saved, "config.json"), JSON.stringify(bertConfig));
      const script = `
import json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
print(json.dumps([tokenizer(json.load(sys.stdin))["input_ids"], tokenizer.pad_token_id]))`;
      const output = execFileSync(python, ["-c", script, saved], {
        input: JSON.stringify(texts),
        encoding: "utf8",
      });
      const [ids, padId] = JSON.parse(output) as [number[][], number];
      expect(rows(await tokenizer.encodeBatch(texts, { maxLength: 100_000 }))).toEqual(ids);
      expect(tokenizer.padId).toBe(padId);
    }
  },
);
