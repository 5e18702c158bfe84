import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DataError } from "../base/index.ts";
import { LabelMap } from "./labels.ts";
import { loadTextData, type TextDataOptions } from "./text-data.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-text-data-"));
let files = 0;

function csv(rows: readonly (readonly string[])[], header = ["text", "label"]): string {
  const path = join(folder, `${files++}.csv`);
  writeFileSync(
    path,
    [header, ...rows].map((row) => `${row.map((cell) => `"${cell}"`).join(",")}\n`).join(""),
  );
  return path;
}

const columns = { textColumn: "text", labelColumn: "label" };
const rows = Array.from({ length: 30 }, (_, i) => [`text ${i}`, i % 3 === 0 ? "spam" : "ham"]);

async function fault(options: TextDataOptions): Promise<string> {
  try {
    await loadTextData(options);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message.replaceAll(/[^\s("]*\/\d+\.csv/g, "FILE");
  }
  throw new Error("expected a DataError");
}

test("a training file is split by class, and its rows keep their place", async () => {
  const path = csv(rows);
  const data = await loadTextData({ train: path, ...columns, validationRatio: 0.2, seed: 3 });
  expect(data.labelMap.names).toEqual(["ham", "spam"]);
  expect([data.train.texts.length, data.validation?.texts.length, data.test]).toEqual([24, 6, undefined]);
  expect(data.validation?.audit.classCounts).toEqual([
    ["ham", 4],
    ["spam", 2],
  ]);
  const { texts, labels, place } = data.validation!;
  const row = Number(texts[0]!.slice(5));
  expect(labels[0]).toBe(row % 3 === 0 ? 1 : 0);
  expect(place(0)).toBe(`${path}:${row + 2}`);
  expect(data.warnings).toEqual([]);
});

test("validation and test files are read with the classes of the training file", async () => {
  const data = await loadTextData({
    train: csv(rows),
    validation: csv([["v", "spam"]]),
    test: csv([["t", "ham"]]),
    ...columns,
  });
  expect([...data.validation!.labels, ...data.test!.labels]).toEqual([1, 0]);
  expect(data.train.texts.length).toBe(30);
});

test("pairs are read from a second column", async () => {
  const pairs = rows.map(([text, label]) => [text!, `second ${text}`, label!]);
  const data = await loadTextData({
    train: csv(pairs, ["premise", "hypothesis", "label"]),
    textColumn: "premise",
    pairColumn: "hypothesis",
    labelColumn: "label",
    validationRatio: 0.1,
  });
  expect(data.train.pairs?.[0]).toBe(`second ${data.train.texts[0]}`);
  expect(data.validation!.pairs?.length).toBe(3);
});

test("an existing model's classes can be given, in their order", async () => {
  const labelMap = new LabelMap(["spam", "ham", "other"]);
  const data = await loadTextData({ train: csv(rows), ...columns, labelMap });
  expect([...data.train.labels.subarray(0, 3)]).toEqual([0, 1, 1]);
});

test("leaks, contradictions and empty texts are counted and told", async () => {
  const data = await loadTextData({
    train: csv([...rows, ["twice", "ham"], ["twice", "spam"], [" ", "ham"]]),
    validation: csv([["text 1", "ham"]]),
    test: csv([
      ["text  1 ", "ham"],
      ["text 5", "spam"],
      ["unseen", "spam"],
      ["unseen", "ham"],
    ]),
    ...columns,
  });
  expect(data.sharedRows).toEqual({ validation: 1, test: 2 });
  expect(data.warnings).toMatchInlineSnapshot(`
    [
      "train: empty texts in 1 of 33 rows.",
      "train: 1 text stands under several labels.",
      "test: 1 text stands under several labels.",
      "validation: 1 of 1 rows also stand in train: its score is better than on unseen data.",
      "test: 2 of 4 rows also stand in train or validation: its score is better than on unseen data.",
    ]
  `);
});

test("duplicates that a split puts on both sides are counted", async () => {
  const twice = [...rows, ...rows];
  const data = await loadTextData({ train: csv(twice), ...columns, validationRatio: 0.5, seed: 1 });
  expect(data.sharedRows.validation).toBeGreaterThan(0);
  expect(data.warnings.join()).toMatch(/validation: \d+ of 30 rows also stand in train/);
});

test("the hash follows the content, not the file or its format", async () => {
  const jsonl = join(folder, "same.jsonl");
  writeFileSync(jsonl, rows.map(([text, label]) => `${JSON.stringify({ label, text })}\n`).join(""));
  const hashOf = async (train: string) => (await loadTextData({ train, ...columns })).hash;
  const hashes = [await hashOf(csv(rows)), await hashOf(csv(rows)), await hashOf(jsonl)];
  expect(new Set(hashes).size).toBe(1);
  expect(await hashOf(csv(rows.toReversed()))).not.toBe(hashes[0]);
});

test("a Parquet file is data like a CSV file, empty texts told", async () => {
  const path = join(folder, "..", "nothing.parquet");
  await expect(loadTextData({ train: path, ...columns })).rejects.toThrow(/no such file/);
  const pandas = fileURLToPath(new URL("../../tests/goldens/data/tables/pandas.parquet", import.meta.url));
  const data = await loadTextData({ train: pandas, ...columns });
  expect([data.train.texts, data.labelMap.names, [...data.train.labels]]).toEqual([
    ["a", "", "c"],
    ["x", "y"],
    [0, 1, 0],
  ]);
  expect(data.train.place(1)).toBe(`${pandas}, row 2`);
  expect(data.warnings).toEqual(["train: empty texts in 1 of 3 rows."]);
});

test("what cannot be used is told", async () => {
  const train = csv(rows);
  expect(await fault({ train, ...columns, test: csv([["t", "other"]]) })).toMatchInlineSnapshot(
    `"FILE:2: label "other" is not among the classes of the training data, at 1 row (FILE:2). Known: "ham", "spam". Correct or remove these rows, or add such rows to the training data."`,
  );
  expect(
    await fault({
      train: csv([
        ["a", "x"],
        ["b", "x"],
      ]),
      ...columns,
    }),
  ).toMatchInlineSnapshot(
    `"FILE: labels: a classifier needs at least two classes, the training data has only "x". Check dataset.label_column."`,
  );
  expect(await fault({ train, ...columns, labelColumn: "lable" })).toMatchInlineSnapshot(
    `"FILE: no column "lable". Did you mean "label"? The file has: "text", "label"."`,
  );
  expect(
    await fault({ train: csv([...rows, ["a", "rare"]]), ...columns, validationRatio: 0.2 }),
  ).toMatchInlineSnapshot(
    `"split: each class needs at least two rows to stand in both parts, "rare" has one. Add rows of that class, remove it, or set dataset.validation_ratio to 0 and name a dataset.validation file."`,
  );
  expect(await fault({ train, ...columns, validation: train, validationRatio: 0.2 })).toMatchInlineSnapshot(
    `"dataset: validation and validation_ratio exclude each other, got "FILE" and 0.2. Remove one."`,
  );
});
