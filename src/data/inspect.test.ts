import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inspectTable, type InspectOptions } from "./inspect.ts";
import { readTable } from "./readers/read-table.ts";
import { Table } from "./table.ts";

function inspect(columns: Record<string, readonly string[]>, options?: InspectOptions) {
  const values = Object.values(columns);
  const positions = values[0]!.map((_, row) => row + 2);
  return inspectTable(
    new Table({ source: "a.csv", columns: Object.keys(columns), values, positions }),
    options,
  );
}

const repeat = (values: readonly string[], count = 60) =>
  Array.from({ length: count }, (_, row) => values[row % values.length]!);
const prose = Array.from({ length: 60 }, (_, row) => `This is message number ${row} of some length.`);
const ids = prose.map((_, row) => String(row));

test("text and label are found by their looks, whatever they are called", () => {
  expect(inspect({ id: ids, v1: repeat(["ham", "spam"]), v2: prose })).toEqual({
    task: "text_classification",
    textColumn: "v2",
    labelColumns: ["v1"],
    labels: ["ham", "spam"],
    numRows: 60,
    maxLength: 16,
  });
});

test("names decide between columns that look alike", () => {
  const columns = {
    region: repeat(["north", "south"]),
    category: repeat(["a", "b", "c"]),
    url: prose,
    text: prose,
  };
  expect(inspect(columns)).toMatchObject({ textColumn: "text", labelColumns: ["category"] });
  expect(inspect(columns, { textColumn: "url", labelColumn: "region" })).toMatchObject({
    textColumn: "url",
    labelColumns: ["region"],
    labels: ["north", "south"],
  });
});

test("numbers can be labels", () => {
  expect(inspect({ text: prose, stars: repeat(["10", "9", "1"]) }).labels).toEqual(["1", "9", "10"]);
});

test("pairs of texts are found by their names", () => {
  const columns = {
    Premise: prose,
    Hypothesis: prose,
    label: repeat(["neutral", "entailment", "contradiction"]),
  };
  expect(inspect(columns)).toMatchObject({
    task: "text_pair_classification",
    textColumn: "Premise",
    pairColumn: "Hypothesis",
    labels: ["contradiction", "entailment", "neutral"],
    maxLength: 32,
  });
});

test("several labels in a cell are several labels", () => {
  const expected = { task: "multi_label_classification", labelColumns: ["labels"], labels: ["0", "4", "27"] };
  expect(inspect({ text: prose, labels: repeat(["4,27", "0", "4", "0,4"]) })).toMatchObject(expected);
  expect(inspect({ text: prose, labels: repeat(['["4","27"]', '["0"]', "[]"]) })).toMatchObject(expected);
});

test("a comma in the name of a class does not make two classes of it", () => {
  expect(inspect({ text: prose, label: repeat(["Home, garden", "Food, drink", "Toys"]) })).toMatchObject({
    task: "text_classification",
    labels: ["Food, drink", "Home, garden", "Toys"],
  });
});

test("a column of 0 and 1 for each class makes several labels", () => {
  const bits = {
    toxic: repeat(["0", "1"]),
    obscene: repeat(["0", "0", "1"]),
    threat: repeat(["0", "0", "0", "1"]),
  };
  expect(inspect({ id: ids, text: prose, ...bits })).toMatchObject({
    task: "multi_label_classification",
    textColumn: "text",
    labelColumns: ["toxic", "obscene", "threat"],
    labels: ["toxic", "obscene", "threat"],
  });
});

test("sequences of tags are NER", () => {
  const tokens = repeat(["Ada Lovelace wrote", "in London"]);
  expect(inspect({ tokens, ner_tags: repeat(["B-PER I-PER O", "O B-LOC"]) })).toMatchObject({
    task: "ner",
    textColumn: "tokens",
    labelColumns: ["ner_tags"],
    labels: ["B-LOC", "B-PER", "I-PER", "O"],
  });
  expect(inspect({ text: tokens, tags: repeat(['["O","B-X"]', '["O"]']) }).task).toBe("ner");
});

test("the length covers 99 of 100 rows, in steps of 16, from 16 to 512", () => {
  const label = repeat(["a", "b"], 200);
  const texts = Array.from({ length: 200 }, (_, row) => "x".repeat(row === 0 ? 100_000 : 200));
  expect(inspect({ text: texts, label }).maxLength).toBe(64);
  expect(inspect({ text: texts.map(() => "x".repeat(9000)), label }).maxLength).toBe(512);
  expect(inspect({ text: texts.map(() => "\u4F60".repeat(100)), label }).maxLength).toBe(112);
});

test("keys that only some JSON rows have are passed over", async () => {
  const rows = prose.map((text, row) => ({
    text,
    label: row % 2,
    ...(row > 3 && { note: "a longer text than all others ".repeat(9) }),
  }));
  const path = join(mkdtempSync(join(tmpdir(), "sconce-inspect-")), "a.jsonl");
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  expect(inspectTable(await readTable(path))).toMatchObject({ textColumn: "text", labelColumns: ["label"] });
});

test("what cannot be guessed is told", () => {
  expect(() => inspect({ a: ids, label: repeat(["a", "b"]) })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: a.csv: no column looks like running text; the file has "a", "label". Name it: --text-column NAME.]`,
  );
  expect(() => inspect({ id: ids, text: prose })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: a.csv: no column looks like classes (few values that come again); the file has "id", "text". Name it: --label-column NAME.]`,
  );
  expect(() => inspect({ text: prose, label: repeat(["a", "b"]) }, { labelColumn: "lable" })).toThrow(
    /Did you mean/,
  );
  expect(() =>
    inspect({ "I am still waiting on my card?": prose, card_arrival: repeat(["a", "b"]) }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[DataError: a.csv:1: the first line must name the columns, got "I am still waiting on my card?". Add a line like text,label above it.]`,
  );
  expect(() => inspect({ text: prose, label: repeat(["a"]) }, { labelColumn: "label" })).toThrow(
    /at least two classes/,
  );
});

const data = process.env["SCONCE_DATA"] ?? "";

test.skipIf(!existsSync(data))("real data sets are recognized (needs SCONCE_DATA)", async () => {
  const banking = inspectTable(await readTable(join(data, "banking77/train.csv")));
  expect(banking).toMatchObject({
    task: "text_classification",
    textColumn: "text",
    labelColumns: ["category"],
  });
  expect([banking.labels.length, banking.numRows, banking.maxLength]).toEqual([77, 10_003, 64]);
  const sms = inspectTable(await readTable(join(data, "sms-spam/sms.tsv")));
  expect(sms).toMatchObject({ textColumn: "SMS", labels: ["ham", "spam"], numRows: 5574 });
  const emotions = await readTable(join(data, "goemotions/dev.tsv"), { columns: ["text", "labels", "id"] });
  expect(inspectTable(emotions)).toMatchObject({ task: "multi_label_classification", textColumn: "text" });
  expect(inspectTable(emotions).labels.length).toBe(28);
});
