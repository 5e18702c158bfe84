import { appendFileSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { Journal, listJournals, readJournal } from "./journal.ts";
import type { JournalEntry } from "./journal.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
});

const entries: JournalEntry[] = [
  { kind: "param", item: { key: "lr", value: "0.1" } },
  { kind: "metric", item: { key: "loss", value: NaN, timestamp: 5, step: 1 } },
  { kind: "metric", item: { key: "loss", value: -Infinity, timestamp: 6, step: 2, modelId: "m-1" } },
  { kind: "tag", item: { key: "__proto__", value: 'a\n"b"\u2028' } },
  { kind: "end", item: { status: "KILLED", endTime: 7 } },
];

function create(): Journal {
  return Journal.create(folder, { storeUri: "sqlite:///a.db", runId: "r/1" });
}

test("what is added is read back, numbers that JSON lacks among it", () => {
  const journal = create();
  journal.append(entries.slice(0, 2));
  journal.append(entries.slice(2));
  expect(listJournals(folder)).toEqual([journal.path]);
  const read = readJournal(journal.path);
  expect(read?.entries).toEqual(entries);
  expect(read?.header).toMatchObject({
    storeUri: "sqlite:///a.db",
    runId: "r/1",
    writer: { pid: process.pid },
  });
});

test("what the store has taken is not read again", () => {
  const journal = create();
  journal.append(entries);
  journal.markTaken(2);
  expect(readJournal(journal.path)?.entries).toEqual(entries.slice(2));
  journal.markTaken(3);
  expect(readJournal(journal.path)?.entries).toEqual([]);
});

test("half a line at the end, as a crash leaves it, is no entry", () => {
  const journal = create();
  journal.append(entries.slice(0, 1));
  appendFileSync(journal.path, '{"kind":"metric","item":{"key":"lo');
  expect(readJournal(journal.path)?.entries).toEqual(entries.slice(0, 1));
});

test("a damaged count means that all is sent again", () => {
  const journal = create();
  journal.append(entries);
  journal.markTaken(4);
  writeFileSync(`${journal.path}.taken`, "\0\0\0");
  expect(readJournal(journal.path)?.entries).toEqual(entries);
});

test("a file that is no journal is none", () => {
  const path = join(folder, "x.jsonl");
  writeFileSync(path, "hello\n");
  expect(readJournal(path)).toBeUndefined();
});

test("a journal is removed with its count, or left under another name", () => {
  const first = create();
  first.append(entries);
  first.remove();
  expect(readdirSync(folder)).toEqual([]);
  const second = create();
  second.append(entries);
  second.markTaken(1);
  const path = second.leave();
  expect(existsSync(path)).toBe(true);
  expect(readJournal(path)?.entries).toEqual(entries.slice(1));
  expect(listJournals(folder)).toEqual([path]);
});
