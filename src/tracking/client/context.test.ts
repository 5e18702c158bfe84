import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contextTags, gitCommit } from "./context.ts";
import { flattenParams } from "./flatten.ts";

function git(folder: string, ...args: string[]): string {
  const identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"];
  return execFileSync("git", [...identity, ...args], { cwd: folder, encoding: "utf8", stdio: "pipe" }).trim();
}

test("the commit is git's own, on a branch, detached, packed, in a worktree and in a folder below", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  expect(gitCommit(folder)).toBeUndefined();
  git(folder, "init", "-q");
  expect(gitCommit(folder)).toBeUndefined(); // no commit yet
  writeFileSync(join(folder, "a"), "");
  git(folder, "add", "a");
  git(folder, "commit", "-q", "-m", "a");
  const head = git(folder, "rev-parse", "HEAD");
  mkdirSync(join(folder, "deep", "er"), { recursive: true });
  expect(gitCommit(join(folder, "deep", "er"))).toBe(head);
  git(folder, "pack-refs", "--all");
  expect(gitCommit(folder)).toBe(head);
  git(folder, "worktree", "add", "-q", join(folder, "tree"));
  expect(gitCommit(join(folder, "tree"))).toBe(head);
  git(folder, "checkout", "-q", "--detach");
  expect(gitCommit(folder)).toBe(head);
  writeFileSync(join(folder, ".git", "HEAD"), "ref: refs/heads/none\n");
  expect(gitCommit(folder)).toBeUndefined();
});

test("a run's tags name user, program and process", () => {
  const tags = contextTags({ folder: tmpdir(), versions: { sconce: "1" } });
  expect(tags).toMatchObject({
    "sconce.pid": String(process.pid),
    "version.sconce": "1",
    "mlflow.source.type": "LOCAL",
  });
  expect(tags["mlflow.user"]).not.toBe("");
  expect(tags["mlflow.source.git.commit"]).toBeUndefined();
});

test("a nested config becomes flat params that MLflow takes", () => {
  expect(
    flattenParams({
      trainer: { max_epochs: 3, precision: "bf16-mixed" },
      callbacks: [{ name: "early_stopping", patience: 2 }, "plain"],
      betas: [0.9, 0.999],
      labels: [],
      empty: {},
      nothing: null,
      missing: undefined,
      on: true,
      "odd key?": 1,
      "a/../b": NaN,
    }),
  ).toEqual({
    "trainer.max_epochs": "3",
    "trainer.precision": "bf16-mixed",
    "callbacks.0.name": "early_stopping",
    "callbacks.0.patience": "2",
    "callbacks.1": "plain",
    betas: "[0.9,0.999]",
    labels: "[]",
    empty: "{}",
    nothing: "null",
    on: "true",
    "odd key_": "1",
    "a/_/b": "NaN",
  });
  expect(flattenParams({})).toEqual({});
  expect(Object.keys(flattenParams({ ["x".repeat(300)]: 1 }))[0]).toHaveLength(250);
  const hostile = flattenParams(
    JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}') as object as Record<string, unknown>,
  );
  expect(Object.entries(hostile)).toEqual([
    ["__proto__.polluted", "1"],
    ["constructor", "2"],
  ]);
});
