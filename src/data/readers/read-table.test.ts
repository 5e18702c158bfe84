import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DataError } from "../../base/index.ts";
import { readTable, type ReadTableOptions } from "./read-table.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-data-"));

function read(name: string, content: string | Uint8Array, options?: ReadTableOptions) {
  writeFileSync(join(folder, name), content);
  return readTable(join(folder, name), options);
}

/** The message of the `DataError` that reading throws, without the folder. */
function fault(name: string, content: string | Uint8Array, options?: ReadTableOptions): Promise<string> {
  return messageOf(() => read(name, content, options));
}

async function messageOf(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message.replaceAll(`${folder}/`, "");
  }
  throw new Error("expected a DataError");
}

test("a CSV file becomes columns, with the line of each row", async () => {
  const table = await read("a.csv", '\uFEFFtext,label\r\n"one\r\ntwo",spam\r\n\r\n"say ""hi""",ham\r\n');
  expect(table.columns).toEqual(["text", "label"]);
  expect(table.numRows).toBe(2);
  expect(table.column("text")).toEqual(["one\r\ntwo", 'say "hi"']);
  expect(table.column("label")).toEqual(["spam", "ham"]);
  expect(table.place(1)).toBe(`${folder}/a.csv:5`);
});

test("the delimiter is found, or given", async () => {
  for (const delimiter of [",", ";", "\t", "|"]) {
    const table = await read("d.csv", ["text", "label"].join(delimiter) + `\n"a, b; c | d"${delimiter}x\n`);
    expect(table.columns, JSON.stringify(delimiter)).toEqual(["text", "label"]);
    expect(table.column("text")).toEqual(["a, b; c | d"]);
  }
  expect((await read("d.csv", "a;b,c\n1;2,3\n", { delimiter: ";" })).column("b,c")).toEqual(["2,3"]);
  expect((await read("d.csv", "text\none\ntwo\n")).column("text")).toEqual(["one", "two"]);
});

test("commas in unquoted prose do not hide a semicolon", async () => {
  const table = await read("d.csv", "text;label\nwell, yes;a\nno;b\n,,;c\n");
  expect(table.column("label")).toEqual(["a", "b", "c"]);
});

test("a TSV file is read with quotes where it has them, and without where it has not", async () => {
  expect((await read("q.tsv", 'text\tlabel\n"a\tb"\tx\n')).column("text")).toEqual(["a\tb"]);
  expect((await read("q.tsv", 'label\ttext\nx\t"stray\ny\t5" wide\n')).column("text")).toEqual([
    '"stray',
    '5" wide',
  ]);
  expect((await read("q.tsv", 'label\ttext\nx\t"said" he\n')).column("text")).toEqual(['"said" he']);
  expect((await read("q.tsv", 'label\ttext\nx\t"open\ny\tclose"\n')).column("text")).toEqual([
    '"open',
    'close"',
  ]);
  expect((await read("q.tsv", 'label\ttext\nx\t"both"\n', { quote: null })).column("text")).toEqual([
    '"both"',
  ]);
});

test("columns can be given for a file without a header", async () => {
  const table = await read("n.tsv", "one\t1\ntwo\t2\n", { columns: ["text", "label"] });
  expect(table.column("text")).toEqual(["one", "two"]);
  expect(table.place(0)).toBe(`${folder}/n.tsv:1`);
});

test("JSON Lines and JSON arrays become columns", async () => {
  const lines = await read("a.jsonl", '{"text":"a","label":1}\n\n{"label":true,"text":null,"tags":["x"]}\n');
  expect(lines.columns).toEqual(["text", "label", "tags"]);
  expect(lines.column("text")).toEqual(["a", ""]);
  expect(lines.column("label")).toEqual(["1", "true"]);
  expect(lines.place(1)).toBe(`${folder}/a.jsonl:3`);
  expect(await messageOf(() => lines.column("tags"))).toMatchInlineSnapshot(
    `"a.jsonl:1: every row needs "tags", this one lacks it. Add the key, or remove the row."`,
  );
  const array = await read("a.json", '[{"text":"a"},{"text":"b"}]');
  expect(array.column("text")).toEqual(["a", "b"]);
  expect(array.place(1)).toBe(`${folder}/a.json, item 2`);
});

test("a missing file, a folder and an unknown format are named", async () => {
  expect(await messageOf(() => readTable(join(folder, "none.csv")))).toMatchInlineSnapshot(
    `"none.csv: no such file. Check the path."`,
  );
  mkdirSync(join(folder, "folder.csv"));
  expect(await messageOf(() => readTable(join(folder, "folder.csv")))).toMatchInlineSnapshot(
    `"folder.csv: expected a file, got a folder. Name the file in it."`,
  );
  expect(await fault("a.xlsx", "x")).toMatchInlineSnapshot(
    `"a.xlsx: unknown data format "xlsx". Valid: arrow, csv, feather, ipc, json, jsonl, ndjson, parquet, pq, tab, tsv. Rename the file, or set format."`,
  );
  expect(await fault("a.jsonl", "{}", { delimiter: ";" })).toMatchInlineSnapshot(
    `"a.jsonl: delimiter applies to CSV and TSV files, not to jsonl. Remove it."`,
  );
  expect((await read("a.dat", "text\nhi\n", { format: "csv" })).numRows).toBe(1);
});

test("files without rows are refused", async () => {
  expect(await fault("e.csv", "")).toMatchInlineSnapshot(
    `"e.csv: a data file must have rows, this one is empty. Point to a file with data."`,
  );
  expect(await fault("e.csv", "\uFEFF\r\n\n")).toMatchInlineSnapshot(
    `"e.csv: a data file must have rows, this one is empty. Point to a file with data."`,
  );
  expect(await fault("e.csv", "text,label\r\n\r\n")).toMatchInlineSnapshot(
    `"e.csv: a data file must have rows, this one has only its header. Add rows to it."`,
  );
  expect(await fault("e.json", "[]")).toMatchInlineSnapshot(
    `"e.json: a data file must have rows, this one has none. Add rows to it."`,
  );
});

test("a missing column is answered with the nearest one", async () => {
  const table = await read("c.csv", "text,category\na,b\n");
  expect(await messageOf(() => table.column("catgory"))).toMatchInlineSnapshot(
    `"c.csv: no column "catgory". Did you mean "category"? The file has: "text", "category"."`,
  );
  expect(await messageOf(() => table.column("zebra"))).toMatchInlineSnapshot(
    `"c.csv: no column "zebra". The file has: "text", "category"."`,
  );
});

test("ragged rows, open quotes and doubled names are told with their line", async () => {
  expect(await fault("r.csv", "text,label\na,b\nc\n")).toMatchInlineSnapshot(
    `"r.csv:3: expected 2 fields ("text", "label") as in the header, got 1. Put values that contain , or " in quotes, and double the quotes in them."`,
  );
  expect(await fault("r.csv", 'text,label\n"a\nb",x\nc, d,y\n')).toMatchInlineSnapshot(
    `"r.csv:4: expected 2 fields ("text", "label") as in the header, got 3. Put values that contain , or " in quotes, and double the quotes in them."`,
  );
  expect(await fault("r.tsv", "text\tlabel\na\tb\tc\n")).toMatchInlineSnapshot(
    `"r.tsv:2: expected 2 fields ("text", "label") as in the header, got 3. Remove the tab characters inside values."`,
  );
  expect(await fault("r.csv", 'text,label\na,b\n"c,d\ne,f\n')).toMatchInlineSnapshot(
    `"r.csv:3: the quote opened here is never closed. Close it, or double it ("") if it belongs to the text; if the file does not quote at all, set quote to null."`,
  );
  expect(await fault("r.csv", "text, text\na,b\n")).toMatchInlineSnapshot(
    `"r.csv:1: column names must differ, "text" stands twice. Rename one in the header."`,
  );
});

test("bytes that are not UTF-8 are told with line and offset", async () => {
  const latin1 = Buffer.from("text,label\ngood,a\ncaf\u00e9,b\n", "latin1");
  expect(await fault("u.csv", latin1)).toMatchInlineSnapshot(
    `"u.csv:3: expected UTF-8, got byte 0xe9 at offset 21. Convert the file: iconv -f WINDOWS-1252 -t UTF-8 (or from whatever it is in)."`,
  );
  expect(await fault("u.csv", Buffer.from([0x61, 0xe2, 0x82]))).toMatchInlineSnapshot(
    `"u.csv:1: expected UTF-8, got byte 0xe2 at offset 1. Convert the file: iconv -f WINDOWS-1252 -t UTF-8 (or from whatever it is in)."`,
  );
  expect(await fault("u.csv", Buffer.from("text\na\0b\n"))).toMatchInlineSnapshot(
    `"u.csv:2: NUL byte at offset 6; text must not contain it. Save the file as UTF-8 text."`,
  );
  expect(await fault("u.csv", Buffer.from("\uFEFFtext\na\n", "utf16le"))).toMatchInlineSnapshot(
    `"u.csv: expected UTF-8, got UTF-16. Save the file as UTF-8."`,
  );
});

test("the first invalid byte is found wherever it stands", async () => {
  const valid = Buffer.from("a\u00e9\u65e5\u{1F600}".repeat(50));
  for (let offset = 0; offset < valid.length; offset++) {
    const bytes = Buffer.from(valid);
    bytes[offset] = 0xff;
    // a broken character is wrong from its first byte on
    let start = offset;
    while ((valid[start]! & 0xc0) === 0x80) start--;
    expect(await fault("f.csv", bytes)).toContain(`at offset ${start}.`);
  }
});

test("broken JSON is told with its line or item", async () => {
  expect(await fault("b.jsonl", '{"text":"a"}\n{"text":\n')).toMatchInlineSnapshot(
    `"b.jsonl:2: not valid JSON (Unexpected end of JSON input). Each line must be one whole object."`,
  );
  expect(await fault("b.jsonl", '{"text":"a"}\n["a"]\n')).toMatchInlineSnapshot(
    `"b.jsonl:2: expected an object like {"text": "...", "label": "..."}, got an array."`,
  );
  expect(await fault("b.json", '[{"text":"a"},\n 3]')).toMatchInlineSnapshot(
    `"b.json, item 2: expected an object like {"text": "...", "label": "..."}, got a number."`,
  );
  expect(await fault("b.json", '[{"text":"a"},\n{"text" 3}]')).toMatchInlineSnapshot(
    `"b.json:2: not valid JSON (Expected ':' after property name in JSON at position 23). Mend it there; a file with one object a line must be named .jsonl."`,
  );
  expect(await fault("b.json", '{"text":"a"}')).toMatchInlineSnapshot(
    `"b.json: expected a JSON array of objects, got an object. Put the rows in [ ], or one a line in a .jsonl file."`,
  );
});

test("impossible dialects are refused", async () => {
  expect(await fault("d.csv", "a\n1\n", { delimiter: "::" })).toMatchInlineSnapshot(
    `"d.csv: delimiter must be one character, got "::". Set it to "," or "\\t", say."`,
  );
  expect(await fault("d.csv", "a\n1\n", { delimiter: '"', quote: '"' })).toMatchInlineSnapshot(
    `"d.csv: delimiter and quote must differ, got "\\"" for both."`,
  );
});

test("reading takes time linear in the size of the file", async () => {
  const row =
    '"How do I know if I will get my card, or if it is lost?",card_arrival\r\nWhere is it?,card_delivery\r\n';
  const content = `text,category\r\n${row.repeat(100_000)}`;
  writeFileSync(join(folder, "large.csv"), content);
  const start = performance.now();
  const table = await readTable(join(folder, "large.csv"));
  const seconds = (performance.now() - start) / 1000;
  expect(table.numRows).toBe(200_000);
  expect(content.length / 1e6 / seconds).toBeGreaterThan(5);
});
