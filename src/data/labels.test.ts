import { expect, test } from "vitest";
import { LabelMap } from "./labels.ts";

const place = (row: number) => `test.csv:${row + 2}`;

test("names are sorted by code point, numbers by value", () => {
  expect(LabelMap.fromLabels(["spam", "ham", " spam "]).names).toEqual(["ham", "spam"]);
  expect(LabelMap.fromLabels(["10", "9", "-1"]).names).toEqual(["-1", "9", "10"]);
  expect(LabelMap.fromLabels(["10", "9", "x"]).names).toEqual(["10", "9", "x"]);
  // as Python: sorted(["\uff5e", "\U0001f600", "b", "B", "ab", "a"])
  expect(LabelMap.fromLabels(["\uFF5E", "\u{1F600}", "b", "B", "ab", "a"]).names).toEqual([
    "B",
    "a",
    "ab",
    "b",
    "\uFF5E",
    "\u{1F600}",
  ]);
});

test("the map goes to a Hugging Face config and back", () => {
  const labels = LabelMap.fromLabels(["b", "a", "__proto__"]);
  expect(JSON.stringify(labels.id2label)).toBe('{"0":"__proto__","1":"a","2":"b"}');
  expect(JSON.stringify(labels.label2id)).toBe('{"__proto__":0,"a":1,"b":2}');
  expect(LabelMap.fromId2Label(labels.id2label).names).toEqual(labels.names);
  expect(() => LabelMap.fromId2Label({ "0": "a", "2": "b" })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: id2label: ids must run from 0 to 1, 1 is missing. Mend the model's config.json.]`,
  );
  expect(() => new LabelMap(["a", "a"])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: LabelMap: names must differ, "a" stands twice. Rename one.]`,
  );
});

test("labels become ids", () => {
  const labels = LabelMap.fromLabels(["spam", "ham"]);
  expect([...labels.encode(["spam", " ham", "spam"], place)]).toEqual([1, 0, 1]);
  expect(labels.id("spam")).toBe(1);
  expect(labels.id("constructor")).toBeUndefined();
  expect(labels.numLabels).toBe(2);
});

test("a label that training has not seen is told with its rows", () => {
  const labels = LabelMap.fromLabels(["spam", "ham"]);
  expect(() => labels.encode(["ham", "spm"], place)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: test.csv:3: label "spm" is not among the classes of the training data, at 1 row (test.csv:3). Did you mean "spam"? Known: "ham", "spam". Correct or remove these rows, or add such rows to the training data.]`,
  );
  expect(() => labels.encode([..."xxxxxxxy"], place)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: test.csv:2: label "x" is not among the classes of the training data, at 7 rows (test.csv:2, test.csv:3, test.csv:4, test.csv:5, test.csv:6 and 2 more). Other unknown labels: 1. Known: "ham", "spam". Correct or remove these rows, or add such rows to the training data.]`,
  );
  const many = LabelMap.fromLabels(Array.from({ length: 77 }, (_, i) => `class ${i}`));
  expect(() => many.encode(["zebra"], place)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: test.csv:2: label "zebra" is not among the classes of the training data, at 1 row (test.csv:2). Known: "class 0", "class 1", "class 10", "class 11", "class 12", "class 13", "class 14", "class 15", "class 16", "class 17" and 67 more. Correct or remove these rows, or add such rows to the training data.]`,
  );
});

test("a row without a label is told", () => {
  const labels = LabelMap.fromLabels(["spam", "ham"]);
  expect(() => labels.encode(["ham", "", " "], place)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: test.csv:3: every row needs a label, 2 rows have none (test.csv:3, test.csv:4). Label them, or remove them.]`,
  );
});

test("a single class cannot be learnt", () => {
  expect(() => LabelMap.fromLabels(["a", "a"])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: labels: a classifier needs at least two classes, the training data has only "a". Check dataset.label_column.]`,
  );
  expect(() => LabelMap.fromLabels(["", " "])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: labels: a classifier needs at least two classes, the training data has none. Check dataset.label_column.]`,
  );
});
