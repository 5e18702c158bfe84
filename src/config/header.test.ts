import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readDataHeader } from "./header.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-header-"));
const columns = (name: string, content: string, delimiter?: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return readDataHeader(path, { delimiter });
};

test.each([
  ["a.csv", "text,label\nx,y\n", ["text", "label"], ","],
  ["a.csv", "\uFEFFtext,label\r\nx,y\r\n", ["text", "label"], ","],
  ["a.csv", "text\rx\r", ["text"], ","],
  ["a.csv", "text;label\na, b, c;x\nd;y\n", ["text", "label"], ";"],
  ["a.tab", "text\tlabel\nx\ty", ["text", "label"], "\t"],
  ["a.csv", '"a ""quoted"", name","two\nlines",c\n1,2,3', ['a "quoted", name', "two\nlines", "c"], ","],
  ["a.csv", "text;label;note, with commas\nx;y;z\n", ["text", "label", "note, with commas"], ";"],
  ["a.csv", "text|label\nx|y\n", ["text", "label"], "|"],
  ["a.csv", "text\tlabel\nx\ty\n", ["text", "label"], "\t"],
  ["a.tsv", "text, or so\tlabel\nx\ty\n", ["text, or so", "label"], "\t"],
  ["a.CSV", "only\nx\n", ["only"], ","],
  ["a.csv", "text , label\nx,y\n", ["text", "label"], ","],
])("%s: %j", (name, content, expected, delimiter) => {
  expect(columns(name, content)).toEqual({ columns: expected, delimiter });
});

test("a delimiter that is given is taken", () => {
  expect(columns("a.csv", "a:b,c\n1:2\n", ":")).toEqual({ columns: ["a", "b,c"], delimiter: ":" });
});

test("JSON lines name their columns in each row", () => {
  const lines = '\n{"text": "}x{ \\" ", "label": {"a": 1}}\r\n\n{"text": "y", "more": 1}\n{"cut';
  expect(columns("a.jsonl", lines)).toEqual({ columns: ["text", "label", "more"] });
  expect(columns("a.ndjson", '{"text": "x"}')).toEqual({ columns: ["text"] });
  expect(columns("a.json", ' [\n {"text": "x"}, {"label": 1} ]')).toEqual({ columns: ["text", "label"] });
  for (const text of ["[1, 2]", '{"text": "x"}']) {
    expect(columns("a.json", text)).toEqual({
      problem: "the file must hold a JSON array of objects, [{...}, ...]; one object a line is .jsonl.",
    });
  }
  expect(columns("a.jsonl", "[1]\n")).toEqual({
    problem: "the first line must be a JSON object, as every line of JSON lines.",
  });
  expect(columns("a.jsonl", "{\n")).toHaveProperty("problem");
});

test("only the beginning of a large file is read, and a character that the cut divides is no error", () => {
  for (const shift of ["", "a", "ab"]) {
    const content = `text,label\n${shift}${"日".repeat(40_000)},y\n`;
    expect(columns("big.csv", content)).toEqual({ columns: ["text", "label"], delimiter: "," });
    expect(columns("big.csv", `text,label\n${`${shift}日本,y\n`.repeat(20_000)}`)).toHaveProperty("columns");
    expect(columns("big.csv", `text,label\n"${"日".repeat(40_000)}",y\n`)).toHaveProperty("columns");
  }
});

const tables = fileURLToPath(new URL("../../tests/goldens/data/tables/", import.meta.url));

test.each(["pandas.parquet", "pandas.feather"])("%s names its columns in its schema", (name) => {
  expect(readDataHeader(join(tables, name))).toEqual({ columns: ["text", "label", "n"] });
});

test("what only looks like Parquet or Arrow is told", () => {
  const problems = [
    columns("a.parquet", "text,label\nx,y\n"),
    columns("a.arrow", "text,label\nx,y\n"),
    columns("a.feather", ""),
    columns("b.parquet", readFileSync(join(tables, "pandas.parquet")).subarray(0, 500).toString("latin1")),
  ];
  expect(problems).toMatchInlineSnapshot(`
    [
      {
        "problem": "it is not a valid Parquet file (its footer is missing, or claims more bytes than there are). Write or download it again.",
      },
      {
        "problem": "it is not a valid Arrow file (it does not begin with a schema). Write or download it again.",
      },
      {
        "problem": "the file is empty. Fill it.",
      },
      {
        "problem": "it is not a valid Parquet file (parquet file invalid (footer != PAR1)). Write or download it again.",
      },
    ]
  `);
});
