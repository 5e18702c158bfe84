import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openChunks } from "../readers/open-chunks.ts";
import { readTable } from "../readers/read-table.ts";
import { FileStream } from "./file-stream.ts";
import { MixedStream } from "./mixed-stream.ts";
import type { RowStream, StreamRow } from "./row-stream.ts";
import { StreamLoader } from "./stream-loader.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-streams-"));
const goldens = fileURLToPath(new URL("../../../tests/goldens/data/tables/", import.meta.url));

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const jsonLines = (name: string, rows: number, start = 0) =>
  write(
    name,
    Array.from({ length: rows }, (_, i) => `${JSON.stringify({ id: start + i, text: `row ${i}` })}\n`).join(
      "",
    ),
  );

async function rowsOf(stream: RowStream, epoch: number, start = 0): Promise<StreamRow[]> {
  const rows: StreamRow[] = [];
  for await (const row of stream.read(epoch, start)) rows.push(row);
  return rows;
}

const ids = (rows: readonly StreamRow[]) => rows.map(({ cells }) => cells["id"] as number);

describe("a file in pieces", () => {
  test.each(["odd.csv", "odd.tsv"])("has the cells and lines that reading %s whole gives", async (name) => {
    const delimiter = name.endsWith("csv") ? "," : "\t";
    const cells = [
      "plain",
      'say "hi"',
      "two\nlines",
      "a, b",
      "",
      "ünï©ødé",
      "crlf\r\nin it",
      "x".repeat(3000),
    ];
    const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
    const rows = Array.from({ length: 5000 }, (_, i) =>
      [String(i), quote(cells[i % cells.length]!)].join(delimiter),
    );
    const path = write(name, `id${delimiter}text\r\n${rows.join("\r\n")}`);
    const whole = await readTable(path, { quote: '"' });
    const file = await openChunks(path, { quote: '"' });
    expect(file.rowCounts.length).toBeGreaterThan(3);
    expect(file.columns).toEqual(whole.columns);
    const [texts, lines]: [unknown[], number[]] = [[], []];
    for (const chunk of file.rowCounts.keys()) {
      const { values, positions } = await file.readChunk(chunk, ["text"]);
      expect(values[0]!.length).toBe(file.rowCounts[chunk]);
      texts.push(...values[0]!);
      lines.push(...Array.from(positions));
    }
    expect(texts).toEqual(whole.column("text"));
    expect(lines.map((line) => `${path}:${line}`)).toEqual(lines.map((_, row) => whole.place(row)));
  });

  test("tells a broken row by its line, wherever it stands", async () => {
    const good = Array.from({ length: 3000 }, (_, i) => JSON.stringify({ id: i }));
    good[2500] = '{"id":';
    const stream = await FileStream.open(write("broken.jsonl", good.join("\n")));
    await expect(rowsOf(stream, 0)).rejects.toThrow(`${folder}/broken.jsonl:2501: not valid JSON`);
  });

  test("refuses what has no pieces, no rows or no such column", async () => {
    await expect(FileStream.open(write("a.json", "[]"))).rejects.toThrow(/cannot be read in pieces/);
    await expect(FileStream.open(write("e.jsonl", "\n\n"))).rejects.toThrow(/this one is empty/);
    await expect(FileStream.open(write("h.csv", "a,b\n"))).rejects.toThrow(
      /there must be rows, there are none/,
    );
    const path = jsonLines("c.jsonl", 3);
    await expect(FileStream.open(path, { columns: ["txt"] })).rejects.toThrow(
      /no column "txt"\. Did you mean "text"\?/,
    );
    const ragged = await FileStream.open(write("r.csv", "a,b\n1,2\n3\n"));
    await expect(rowsOf(ragged, 0)).rejects.toThrow(
      /r\.csv:3: expected 2 fields \("a", "b"\) as in the header, got 1/,
    );
  });
});

describe("a stream of files", () => {
  test.each(["zstd.parquet", "batches.arrow", "stream-lz4.arrow"])(
    "reads %s piece by piece",
    async (name) => {
      const stream = await FileStream.open(join(goldens, name), { columns: ["text", "int64"] });
      const rows = await rowsOf(stream, 0);
      expect(rows.map(({ cells }) => cells["text"])).toEqual([
        "Grüße",
        "",
        null,
        "two\nlines",
        "x".repeat(40),
      ]);
      expect(rows[2]!.place).toBe(join(goldens, `${name}, row 3`));
      expect(await rowsOf(stream, 0, 3)).toEqual(rows.slice(3));
    },
  );

  test("shuffles by seed and epoch, loses no row, and goes on from any place as if it had not stopped", async () => {
    const paths = [jsonLines("s1.jsonl", 2500), jsonLines("s2.jsonl", 1700, 2500)];
    const open = (seed: number) => FileStream.open(paths, { shuffle: true, bufferRows: 600, seed });
    const stream = await open(1);
    expect(stream.length).toBe(4200);
    const [first, second] = [ids(await rowsOf(stream, 0)), ids(await rowsOf(stream, 1))];
    const sorted = Array.from({ length: 4200 }, (_, i) => i);
    expect([...first].sort((a, b) => a - b)).toEqual(sorted);
    expect([...second].sort((a, b) => a - b)).toEqual(sorted);
    expect(second).not.toEqual(first);
    expect(ids(await rowsOf(await open(1), 0))).toEqual(first);
    expect(ids(await rowsOf(await open(2), 0))).not.toEqual(first);
    for (const start of [1, 599, 600, 601, 2000, 4199, 4200])
      expect(ids(await rowsOf(await open(1), 1, start))).toEqual(second.slice(start));
  });

  test("reads no more pieces than it needs, and holds one at a time", async () => {
    const path = jsonLines("n.jsonl", 20_000);
    // what lies before and after the place is broken: it must not be read
    const lines = readFileSync(path, "utf8").split("\n");
    const late = lines.map((line, i) =>
      (i >= 1024 && i < 10_240) || i >= 11_264 ? "x".repeat(line.length) : line,
    );
    writeFileSync(path, late.join("\n"));
    const stream = await FileStream.open(path);
    const reads: number[] = [];
    const file = await openChunks(path);
    expect(file.rowCounts.length).toBe(20);
    for await (const { cells } of stream.read(0, 10_500)) {
      reads.push(cells["id"] as number);
      if (reads.length === 700) break;
    }
    expect([reads[0], reads.at(-1)]).toEqual([10_500, 11_199]);
    expect(stream.rowsRead).toBe(1024);
  });
});

describe("a mixture", () => {
  const source = (length: number, name: string): RowStream => ({
    length,
    async *read(epoch, start = 0) {
      for (let row = start; row < length; row++)
        yield { cells: { from: name, row, epoch }, place: `${name} ${row}` };
    },
  });
  const tally = (rows: readonly StreamRow[]) => {
    const counts: Record<string, number> = {};
    for (const { cells } of rows)
      counts[cells["from"] as string] = (counts[cells["from"] as string] ?? 0) + 1;
    return counts;
  };

  test("keeps its shares, and ends with the source that is out first", async () => {
    const mixed = new MixedStream([source(7000, "a"), source(50_000, "b")], { weights: [0.7, 0.3], seed: 3 });
    expect([mixed.length, mixed.counts]).toEqual([10_000, [7000, 3000]]);
    const rows = await rowsOf(mixed, 0);
    expect(tally(rows)).toEqual({ a: 7000, b: 3000 });
    expect(tally(rows.slice(0, 1000))).toEqual({ a: 700, b: 300 });
    expect(tally(rows.slice(0, 100))["a"]).not.toBe(70); // drawn, not dealt
    expect(new Set(rows.map(({ place }) => place)).size).toBe(10_000);
  });

  test("or goes on until every source has been read, those that are out beginning anew", async () => {
    const mixed = new MixedStream([source(10, "a"), source(25, "b")], { stopping: "all_exhausted" });
    const rows = await rowsOf(mixed, 0);
    expect(rows.length).toBe(mixed.length);
    expect(tally(rows)).toEqual({ a: mixed.counts[0], b: 25 });
    const first = new MixedStream([source(10, "a"), source(25, "b")]);
    expect(Math.max(...first.counts)).toBeLessThanOrEqual(25);
    expect(first.counts[0]).toBe(10);
    const again = rows.filter(({ cells }) => cells["from"] === "a");
    expect(again.slice(0, 12).map(({ cells }) => cells["row"])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    expect(again[10]!.cells["epoch"]).not.toBe(again[0]!.cells["epoch"]);
  });

  test("is the same for a seed, and goes on from any place", async () => {
    const make = (seed: number) =>
      new MixedStream([source(900, "a"), source(4000, "b"), source(3, "c")], {
        weights: [2, 5, 0.001],
        stopping: "all_exhausted",
        seed,
      });
    const whole = await rowsOf(make(1), 2);
    expect(tally(whole)["c"]).toBeGreaterThanOrEqual(3);
    for (const start of [1, 999, 1000, 1001, 2345])
      expect(await rowsOf(make(1), 2, start)).toEqual(whole.slice(start));
    expect(await rowsOf(make(2), 2)).not.toEqual(whole);
  });

  test("refuses weights that are none", () => {
    expect(() => new MixedStream([source(3, "a")], { weights: [1, 2] })).toThrow(
      /a weight for each source, got 2 for 1/,
    );
    expect(() => new MixedStream([source(3, "a"), source(3, "b")], { weights: [1, 0] })).toThrow(
      /weights must be above 0, got 1, 0/,
    );
  });
});

test("batches of a stream go on from a place, and no more than one is read ahead", async () => {
  const stream = await FileStream.open(jsonLines("l.jsonl", 3000), {
    shuffle: true,
    bufferRows: 500,
    seed: 4,
  });
  let prepared = 0;
  const make = () =>
    new StreamLoader(stream, {
      batchSize: 64,
      prepare: (rows) => (prepared++, ids(rows)),
      collate: (batch) => batch,
    });
  const loader = make();
  expect(loader.length).toBe(47);
  const first: number[][] = [];
  for await (const batch of loader) first.push(batch);
  expect(first.flat().length).toBe(3000);
  expect(loader.position).toEqual({ epoch: 1, batch: 0 });
  prepared = 0;
  const later = make();
  later.seek({ epoch: 0, batch: 20 });
  expect(await later.next()).toEqual(first[20]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(prepared).toBe(2);
  later.seek({ epoch: 0, batch: 46 });
  expect([await later.next(), await later.next()]).toEqual([first[46], undefined]);
  expect((await later.next())!.length).toBe(64);
});
