// Files that are no data files, are damaged, or are larger than they seem: read whole and as streams, with one clear error.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import { FileStream, readTable } from "../index.ts";

let folder: string;
beforeAll(() => {
  folder = makeTemporaryFolder("sconce-hostile-files-");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const lines = (count: number, line: (i: number) => string): string =>
  `${Array.from({ length: count }, (_, i) => line(i)).join("\n")}\n`;
const golden = (name: string): Buffer =>
  readFileSync(new URL(`../../../tests/goldens/data/tables/${name}`, import.meta.url));

async function streamed(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const { cells } of (await FileStream.open(path)).read(0)) rows.push(cells);
  return rows;
}

async function whole(path: string): Promise<Record<string, string>[]> {
  const table = await readTable(path);
  const columns = table.columns.map((name) => [name, table.column(name)] as const);
  return Array.from({ length: table.numRows }, (_, row) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[row]!])),
  );
}

const readers = { whole, streamed };

describe.each(["whole", "streamed"] as const)("read %s", (way) => {
  const read = (path: string) => readers[way](path);
  const messageOf = async (path: string): Promise<string> => {
    const error: Error = await read(path).then(
      () => new Error("nothing was wrong"),
      (reason: Error) => reason,
    );
    expect(error.name).toBe("DataError");
    return error.message.replaceAll(`${folder}/`, "");
  };

  test.each<[string, string | Buffer, string]>([
    ["nul.csv", "a,b\n1,x\n2,y\0z\n", "nul.csv:3: NUL byte at offset 11"],
    ["nul.jsonl", '{"a":1}\n{"a":"x\0"}\n', "nul.jsonl:2: NUL byte at offset 15"],
    [
      "open.csv",
      `a,b\n${lines(3000, (i) => (i === 2000 ? `${i},"open` : `${i},x`))}`,
      "open.csv:2002: the quote opened here is never closed",
    ],
    ["quote.csv", '"', "quote.csv:1: the quote opened here is never closed"],
    ["ragged.csv", "a,b\n1,2\n3\n", 'ragged.csv:3: expected 2 fields ("a", "b") as in the header, got 1'],
    ["twice.csv", "a,a\n1,2\n", 'twice.csv:1: column names must differ, "a" stands twice'],
    ["utf16.csv", Buffer.from("\ufeffa,b\n1,x\n", "utf16le"), "utf16.csv: expected UTF-8, got UTF-16"],
    [
      "utf16be.csv",
      Buffer.from("\ufeffa,b\n1,x\n", "utf16le").swap16(),
      "utf16be.csv: expected UTF-8, got UTF-16",
    ],
    ["unmarked.csv", Buffer.from("a,b\n1,x\n", "utf16le"), "unmarked.csv:1: NUL byte at offset 1"],
    [
      "latin.csv",
      Buffer.from("a,b\n1,caf\xe9\n", "latin1"),
      "latin.csv:2: expected UTF-8, got byte 0xe9 at offset 9",
    ],
    [
      "broken.jsonl",
      lines(3000, (i) => (i === 1500 ? '{"a":' : `{"a":${i}}`)),
      "broken.jsonl:1501: not valid JSON",
    ],
    ["list.jsonl", '[{"a":1}]\n', "list.jsonl:1: expected an object"],
    [
      "packed.csv",
      gzipSync("a,b\n1,x\n"),
      "packed.csv: expected text, the file is compressed with gzip. Unpack it",
    ],
    [
      "archive.csv",
      Buffer.from("PK\x03\x04...."),
      "archive.csv: expected text, the file is compressed with zip",
    ],
    ["packed.parquet", gzipSync("a"), "packed.parquet: not a valid Parquet file"],
    ["empty.csv", "", "empty.csv: a data file must have rows, this one is empty"],
    ["empty.parquet", "", "empty.parquet: a data file must have rows, this one is empty"],
    ["blank.csv", "\n\n\n", "blank.csv: a data file must have rows, this one is empty"],
    [
      "cut.parquet",
      golden("zstd.parquet").subarray(0, -100),
      "cut.parquet: not a valid Parquet file: it must end with PAR1",
    ],
    [
      "short.parquet",
      golden("zstd.parquet").subarray(0, 6),
      "short.parquet: not a valid Parquet file: it has 6 bytes",
    ],
    ["cut.arrow", golden("batches.arrow").subarray(0, 300), "cut.arrow: not a valid Arrow file"],
  ])("%s is told", async (name, content, message) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    expect(await messageOf(path)).toContain(message);
  });

  test.each<[string, string, Record<string, unknown>[]]>([
    [
      "mixed.csv",
      "a,b\r\n1,x\n2,y\r3,z\r\n",
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
        { a: "3", b: "z" },
      ],
    ],
    ["cr.csv", "a,b\r1,x\r", [{ a: "1", b: "x" }]],
    ["mark.csv", "\ufeffa,b\n1,x\n", [{ a: "1", b: "x" }]],
    [
      "within.csv",
      'a,b\n1,"x\r\ny\nz"\n2,"""q"""\n',
      [
        { a: "1", b: "x\r\ny\nz" },
        { a: "2", b: '"q"' },
      ],
    ],
    ["proto.csv", "__proto__,a\n1,2\n", [JSON.parse('{"__proto__":"1","a":"2"}') as Record<string, unknown>]],
  ])("%s is read", async (name, content, rows) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    expect(await read(path)).toEqual(rows);
  });

  test("a cell of ten megabytes, and a hundred thousand columns", async () => {
    const path = join(folder, "large.csv");
    writeFileSync(path, `a,b\n1,"${"z".repeat(10 * 2 ** 20)}"\n2,y\n`);
    expect((await read(path)).map(({ b }) => (b as string).length)).toEqual([10 * 2 ** 20, 1]);
    const names = Array.from({ length: 100_000 }, (_, i) => `c${i}`);
    writeFileSync(path, `${names.join(",")}\n${names.map(() => "1").join(",")}\n`);
    expect(Object.keys((await read(path))[0]!)).toHaveLength(100_000);
    const more = Array.from({ length: 131_073 }, (_, i) => `c${i}`);
    writeFileSync(path, `${more.join(",")}\n`);
    expect(await messageOf(path)).toContain(
      "large.csv:1: a table must have at most 131072 columns, got 131073",
    );
  });

  test("links in a circle, links to nothing, and folders", async () => {
    const at = (name: string): string => join(folder, `${way}-${name}.csv`);
    symlinkSync(at("b"), at("a"));
    symlinkSync(at("a"), at("b"));
    symlinkSync(at("nowhere"), at("dangling"));
    mkdirSync(at("folder"));
    expect(await messageOf(at("a"))).toContain("cannot be read (ELOOP");
    expect(await messageOf(at("dangling"))).toContain("no such file. Check the path.");
    expect(await messageOf(at("folder"))).toContain("expected a file, got a folder. Name the file in it.");
  });
});

test("a stream does not wait for a pipe", async () => {
  const path = join(folder, "pipe.csv");
  execFileSync("mkfifo", [path]);
  await expect(streamed(path)).rejects.toThrow("expected a file, got a pipe or device. Write it to a file.");
});

test("JSON that is nested too deeply for a cell is told at its line", async () => {
  const path = join(folder, "deep.jsonl");
  writeFileSync(path, `{"a":1}\n{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}\n`);
  await expect(whole(path)).rejects.toThrow(/deep\.jsonl, line 2: "a" is nested too deeply to be a cell/u);
});
