import { expect, test } from "vitest";
import { auditPart, contentHash, countSharedRows } from "./audit.ts";

test("duplicates, contradictions and empty texts are counted", () => {
  const audit = auditPart({
    texts: ["Hello  world", " Hello\nworld ", "hello world", "", " \t", "x"],
    labels: ["a", "b", "a", "a", "a", "b "],
  });
  expect(audit).toEqual({
    rows: 6,
    emptyTexts: 2,
    duplicateTexts: 2,
    conflictingTexts: 1,
    classCounts: [
      ["a", 4],
      ["b", 2],
    ],
  });
});

test("pairs are equal when both texts are", () => {
  const pairs = { texts: ["a", "a", "a b", ""], pairs: ["x", "y", "x", ""], labels: ["1", "1", "1", "1"] };
  expect(auditPart(pairs)).toMatchObject({ duplicateTexts: 0, emptyTexts: 1 });
  expect(countSharedRows([pairs], { texts: ["a", "a", "a b"], pairs: ["x ", "z", "x"] })).toBe(2);
});

test("rows that stand in both train and test are counted", () => {
  expect(countSharedRows([{ texts: ["a"] }, { texts: ["b  c"] }], { texts: ["b c", "b\tc", "d", "A"] })).toBe(
    2,
  );
});

test("the content hash changes with any text, label, pair or order", () => {
  const base = { texts: ["a", "b"], labels: ["x", "y"] };
  const hashes = [
    base,
    { texts: ["b", "a"], labels: ["y", "x"] },
    { texts: ["a", "b "], labels: ["x", "y"] },
    { texts: ["a", "b"], labels: ["x", "z"] },
    { ...base, pairs: ["", ""] },
    { texts: ["ab", ""], labels: ["x", "y"] },
  ].map((part) => contentHash([part]));
  hashes.push(
    contentHash([
      { texts: ["a"], labels: ["x"] },
      { texts: ["b"], labels: ["y"] },
    ]),
  );
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(contentHash([{ texts: ["a", "b"], labels: ["x", "y"] }])).toBe(hashes[0]);
  expect(hashes[0]).toMatchInlineSnapshot(
    `"8dade62a5b077582a923c9268dc9e96982934b4037ee164b6b51470b5fe55634"`,
  );
});
