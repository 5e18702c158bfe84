import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { caseClash, decodeSegment, encodeSegment } from "./segments.ts";

// prettier-ignore
const odd = [
  "/Users/a@b/x", "..", ".", "", "...", ".hidden", "a.", "a/b", "a\\b", "a%2Fb", "%", "%%", "%41", "a b", " a ",
  "a\0b", "\n", "\t", "C:", "CON", "con.txt", "nul", "COM1", "console", "~", "$HOME", "*?<>|\"':", "naïve", "日本語",
  "e\u0301", "\u1112\u1161\u11ab", "😀", "a\u202Eb", "-rf", "--", "Spam", "spam", "a".repeat(240), "#?;", "\u2028", "ﬁ",
];

test("every name comes back from its folder name", () => {
  for (const name of odd) expect(decodeSegment(encodeSegment(name))).toBe(name);
});

test("different names never share a folder", () => {
  expect(new Set(odd.map((name) => encodeSegment(name))).size).toBe(new Set(odd).size);
  expect(new Set(odd.map((name) => encodeSegment(name).normalize("NFC"))).size).toBe(new Set(odd).size);
});

test("a folder name is one safe segment", () => {
  for (const name of odd) {
    const segment = encodeSegment(name);
    expect(basename(segment)).toBe(segment);
    expect(dirname(join("/outputs", segment))).toBe("/outputs");
    expect(segment).not.toMatch(/^\.|\.$|[\s\0/\\:*?"<>|]/u);
    expect(segment).not.toBe("");
    mkdirSync(join(mkdtempSync(join(tmpdir(), "sconce-segment-")), segment)); // the file system agrees
  }
});

test("usual names stay as they are", () => {
  for (const name of ["spam", "Banking_77", "run-1", "v1.2", "a@b", "naïve", "日本語"])
    expect(encodeSegment(name)).toBe(name);
  expect(encodeSegment("/Users/a@b/x")).toBe("%2FUsers%2Fa@b%2Fx");
  expect(encodeSegment("..")).toBe("%2E%2E");
});

describe("what cannot be a folder name is refused", () => {
  test("too long", () => {
    expect(() => encodeSegment("x".repeat(241))).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: encodeSegment: a name must fit into 240 bytes as a folder name, got 241 for "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... Shorten it.]`,
    );
    expect(() => encodeSegment("日".repeat(81))).toThrow(/got 243/);
  });
  test("half a character", () => {
    expect(() => encodeSegment("a\ud83d")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: encodeSegment: a name must be well-formed Unicode, got "a\\ud83d". Rename it.]`,
    );
  });
});

test("a folder that no name leads to is not decoded", () => {
  for (const segment of ["", "..", "a b", "%2f", "%4", "%zz", "%C3", "a/b", "%41", "x".repeat(241)]) {
    expect(() => decodeSegment(segment)).toThrow(/decodeSegment|encodeSegment/);
  }
});

test("a second spelling of a folder is noticed", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-case-"));
  mkdirSync(join(folder, "Spam"));
  writeFileSync(join(folder, "other"), "");
  expect(caseClash(folder, "spam")).toBe("Spam");
  expect(caseClash(folder, "Spam")).toBeUndefined();
  expect(caseClash(join(folder, "none"), "spam")).toBeUndefined();
});
