// Parquet and Arrow files against what pyarrow and pandas say of them (tools/golden/data_tables.py), and damaged ones.
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { DataError, Rng } from "../../base/index.ts";
import { inspectTable } from "../inspect.ts";
import { openArrow } from "./arrow.ts";
import type { ChunkedFile } from "./chunked-file.ts";
import { openParquet } from "./parquet.ts";
import { readTable } from "./read-table.ts";

const goldens = fileURLToPath(new URL("../../../tests/goldens/data/tables/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "sconce-tables-"));
const expected = JSON.parse(readFileSync(join(goldens, "expected.json"), "utf8")) as Record<
  string,
  Record<string, unknown[]>
>;

const open = (path: string): Promise<ChunkedFile> =>
  extname(path) === ".parquet" ? openParquet(path) : openArrow(path);

async function readAll(path: string): Promise<Record<string, unknown[]>> {
  const file = await open(path);
  const columns = file.columns.filter((name) => !file.opaque.has(name));
  const all: Record<string, unknown[]> = Object.fromEntries(columns.map((name) => [name, []]));
  for (const chunk of file.rowCounts.keys()) {
    const { values } = await file.readChunk(chunk, columns);
    for (const [index, name] of columns.entries()) all[name]!.push(...values[index]!);
  }
  return all;
}

/** Integers that a float cannot hold are written as texts in the golden file. */
function exact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== "object" || value === null) return value;
  const { int } = value as { int?: string };
  if (int !== undefined) return BigInt(int);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, exact(item)]));
}

async function fault(path: string): Promise<string> {
  try {
    await readTable(path);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message.replaceAll(`${scratch}/`, "").replaceAll(goldens, "");
  }
  throw new Error("expected a DataError");
}

function damagedCopy(name: string, change: (bytes: Buffer) => Uint8Array): string {
  const path = join(scratch, name);
  writeFileSync(path, change(readFileSync(join(goldens, name))));
  return path;
}

test.each(Object.keys(expected))("%s holds what Python reads in it", async (name) => {
  expect(await readAll(join(goldens, name))).toEqual(exact(expected[name]));
});

test("cells are texts: empty for null, ISO 8601 for times, JSON for lists, every digit of an integer", async () => {
  const table = await readTable(join(goldens, "snappy.parquet"));
  expect(table.numRows).toBe(5);
  expect(table.column("text")).toEqual(["Grüße", "", "", "two\nlines", "x".repeat(40)]);
  expect(table.column("int64").slice(0, 4)).toEqual(["1", "-9007199254740993", "", "9223372036854775807"]);
  expect(table.column("micros")[0]).toBe("2026-01-31T12:30:05.123456");
  expect(table.column("utc")[0]).toBe("2026-01-31T12:30:05.123Z");
  expect(table.column("list").slice(0, 2)).toEqual(["[1,2]", "[]"]);
  expect(table.column("struct")[0]).toBe('{"a":1,"b":"x"}');
  expect(table.place(2)).toBe(join(goldens, "snappy.parquet, row 3"));
  expect(() => table.column("txt")).toThrow(/no column "txt"\. Did you mean "text"\?/);
});

test.each(["refused.parquet", "refused.feather"])(
  "%s: a type that is no text is refused by name",
  async (name) => {
    const table = await readTable(join(goldens, name));
    expect(table.column("text")).toEqual(["a", "b"]);
    expect(table.isComplete("bytes")).toBe(false);
    for (const [column, content] of [
      ["bytes", "bytes"],
      ["fixed", "bytes"],
      ["exact", "decimals of 20 digits"],
      ["clock", "values of type"],
      ["image", "bytes"],
    ] as const) {
      expect(() => table.column(column)).toThrow(
        `column "${column}" must hold text, numbers or times, it holds ${content}`,
      );
    }
  },
);

test("what a table is for is guessed as of CSV", async () => {
  const guess = inspectTable(await readTable(join(goldens, "pandas.parquet")), { textColumn: "text" });
  expect(guess).toMatchObject({ labelColumns: ["label"], labels: ["x", "y"], numRows: 3 });
});

test("what is no such file is told in one sentence", async () => {
  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(scratch, name), content);
    return join(scratch, name);
  };
  expect(await fault(join(scratch, "none.parquet"))).toMatchInlineSnapshot(
    `"none.parquet: no such file. Check the path."`,
  );
  expect(await fault(write("empty.arrow", ""))).toMatchInlineSnapshot(
    `"empty.arrow: a data file must have rows, this one is empty. Point to a file with data."`,
  );
  expect(await fault(write("text.parquet", "text,label\nhello,1\n"))).toMatchInlineSnapshot(
    `"text.parquet: not a valid Parquet file: it must end with PAR1, got "o,1\\n". Write or download it again."`,
  );
  expect(await fault(write("text.arrow", "text,label\nhello,1\n"))).toMatchInlineSnapshot(
    `"text.arrow: not a valid Arrow file: it must begin with ARROW1 or a message, got "text,lab". Write or download it again."`,
  );
  expect(await fault(write("old.feather", "FEA1----"))).toMatchInlineSnapshot(
    `"old.feather: not a valid Arrow file: it is Feather version 1, which pandas.read_feather and to_feather turn into version 2. Write or download it again."`,
  );
  expect(await fault(write("secret.parquet", "PARE00000000PARE"))).toMatchInlineSnapshot(
    `"secret.parquet: encrypted Parquet files cannot be read. Decrypt it, with pyarrow say."`,
  );
});

test("a footer that claims more than there is, is refused", async () => {
  const path = damagedCopy("none.parquet", (bytes) => {
    bytes.writeUInt32LE(0x7fffffff, bytes.length - 8);
    return bytes;
  });
  expect(await fault(path)).toMatch(/its footer claims 2147483647 bytes of a file of \d+/);
});

describe.each(["zstd.parquet", "plain.parquet", "stream-lz4.arrow", "lz4.feather", "batches.arrow"])(
  "%s",
  (name) => {
    test("cut short anywhere, is refused or the rows before it are read", async () => {
      const { length } = readFileSync(join(goldens, name));
      for (let size = 1; size < length; size += Math.ceil(length / 60)) {
        const path = damagedCopy(name, (bytes) => bytes.subarray(0, size));
        if (name === "batches.arrow" || name.endsWith("feather")) {
          // the messages are whole before the footer, which is not needed to read them
          const read = await readTable(path).catch((error: Error) => error);
          if (!(read instanceof Error)) expect(read.numRows).toBe(5);
          else expect(read).toBeInstanceOf(DataError);
        } else expect(await fault(path)).not.toBe("");
      }
    });

    test("with bytes overwritten, gives a DataError or a table, and takes no more memory than a chunk may", async () => {
      const rng = new Rng(7);
      const before = process.memoryUsage().rss;
      for (let round = 0; round < 150; round++) {
        const path = damagedCopy(name, (bytes) => {
          for (let i = 0; i < 1 + (round % 4); i++) bytes[rng.below(bytes.length)] = rng.below(256);
          return bytes;
        });
        const read = await readTable(path).catch((error: unknown) => error);
        if (read instanceof Error && !(read instanceof DataError)) throw read;
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
    });
  },
);

test("the format is told apart by the name, whatever its case, or given", async () => {
  copyFileSync(join(goldens, "pandas.parquet"), join(scratch, "A.PARQUET"));
  copyFileSync(join(goldens, "pandas.parquet"), join(scratch, "data"));
  expect((await readTable(join(scratch, "A.PARQUET"))).numRows).toBe(3);
  expect((await readTable(join(scratch, "data"), { format: "parquet" })).numRows).toBe(3);
  await expect(readTable(join(scratch, "A.PARQUET"), { delimiter: ";" })).rejects.toThrow(
    /delimiter applies to CSV and TSV files/,
  );
});

test("the golden folder has no file that is not tested", () => {
  const known = new Set([...Object.keys(expected), "expected.json", "refused.parquet", "refused.feather"]);
  expect(readdirSync(goldens).filter((name) => !known.has(name))).toEqual([]);
});
