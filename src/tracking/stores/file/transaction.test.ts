import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Transaction, finishTransaction } from "./transaction.ts";

/**
 * Commits changes of which the last cannot be made, since a folder is in its way, and takes that away: what is left is
 * what a process leaves that is killed before its last change.
 */
async function interrupted() {
  const root = mkdtempSync(join(tmpdir(), "sconce-"));
  const path = (...parts: string[]) => join(root, ...parts);
  const journal = path("journal");
  mkdirSync(path("home"));
  mkdirSync(path("trash", "home", "in the way"), { recursive: true });
  writeFileSync(path("home", "loss"), "1 1 0\n");
  const transaction = new Transaction(root, journal);
  transaction.write(path("home", "meta.yaml"), "stage: deleted\n");
  transaction.append(path("home", "loss"), "2 2 1\n");
  transaction.append(path("home", "loss"), "3 3 2\n");
  transaction.move(path("home"), path("trash", "home"));
  await expect(transaction.commit()).rejects.toThrow(/ENOTEMPTY|EEXIST/);
  rmSync(path("trash", "home"), { recursive: true });
  const read = (...parts: string[]) => readFileSync(path(...parts), "utf8");
  expect(read("home", "loss")).toBe("1 1 0\n2 2 1\n3 3 2\n");
  return { root, journal, path, read, finish: () => finishTransaction(root, journal) };
}

test("what was begun is completed once, and leaves nothing but its result", async () => {
  const { root, finish, read } = await interrupted();
  await finish();
  await finish();
  expect(read("trash", "home", "loss")).toBe("1 1 0\n2 2 1\n3 3 2\n");
  expect(read("trash", "home", "meta.yaml")).toBe("stage: deleted\n");
  expect(readdirSync(root)).toEqual(["trash"]);
});

test.each([0, 1, 5, 6, 7, 11])("lines of which %d characters were written are completed", async (written) => {
  const { path, finish, read } = await interrupted();
  truncateSync(path("home", "loss"), "1 1 0\n".length + written);
  await finish();
  expect(read("trash", "home", "loss")).toBe("1 1 0\n2 2 1\n3 3 2\n");
});

test("lines that another process added meanwhile stay", async () => {
  const after = await interrupted();
  appendFileSync(after.path("home", "loss"), "9 9 9\n");
  await after.finish();
  expect(after.read("trash", "home", "loss")).toBe("1 1 0\n2 2 1\n3 3 2\n9 9 9\n");

  const instead = await interrupted();
  writeFileSync(instead.path("home", "loss"), "1 1 0\n9 9 9\n");
  await instead.finish();
  expect(instead.read("trash", "home", "loss")).toBe("1 1 0\n9 9 9\n2 2 1\n3 3 2\n");
});

test("a move that was made is not made again, and what came before it is not written beside it", async () => {
  const { root, path, finish, read } = await interrupted();
  renameSync(path("home"), path("trash", "home"));
  writeFileSync(path("trash", "home", "meta.yaml"), "stage: changed since\n");
  await finish();
  expect(readdirSync(root)).toEqual(["trash"]);
  expect(read("trash", "home", "meta.yaml")).toBe("stage: changed since\n");
});

test("changes that are refused while they are collected leave no trace", async () => {
  const root = mkdtempSync(join(tmpdir(), "sconce-"));
  const transaction = new Transaction(root, join(root, "journal"));
  transaction.write(join(root, "a", "b"), "text");
  expect(existsSync(join(root, "a"))).toBe(false);
  await transaction.commit();
  expect([readdirSync(root), readFileSync(join(root, "a", "b"), "utf8")]).toEqual([["a"], "text"]);
});
