import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readTable } from "../data/index.ts";
import { formatCsv } from "./csv.ts";

test("what is written reads back the same, whatever is in it", async () => {
  const odd = [
    "plain",
    'a "quoted" word',
    "a, b; c\td|e",
    "two\nlines",
    "two\r\nlines",
    " padded ",
    "",
    "ünï©ødé",
    '"',
  ];
  const path = join(mkdtempSync(join(tmpdir(), "sconce-csv-")), "odd.csv");
  writeFileSync(path, formatCsv([["text", "label"], ...odd.map((text, i) => [text, String(i)])]));
  const table = await readTable(path, { delimiter: "," });
  expect(table.column("text")).toEqual(odd);
  expect(table.column("label")).toEqual(odd.map((_, i) => String(i)));
});

test("a row of one empty cell is still a row", () => {
  expect(formatCsv([["text"], [""]])).toBe('text\n""\n');
});
