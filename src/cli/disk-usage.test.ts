import { spawnSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { findFreeable, freedBytes } from "./disk-usage.ts";

let root: string;
let trained: string;
const dead = spawnSync(process.execPath, ["-e", "0"]).pid;
const dayMs = 86_400_000;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-disk-")));
  trained = join(root, "outputs", "TrainedModels", "demo", "first");
});

function write(path: string, content = "x"): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function makeRun(name: string, status: string, ageDays = 0): string {
  const folder = join(trained, name);
  const files = [
    write(join(folder, "run.json"), JSON.stringify({ runId: name, status })),
    write(join(folder, "model.safetensors")),
    write(join(folder, "checkpoints", "epoch=1-step=8", "model.safetensors")),
  ];
  const then = new Date(Date.now() - ageDays * dayMs);
  for (const path of [...files, join(folder, "checkpoints"), folder]) utimesSync(path, then, then);
  return folder;
}

function makeChampion(run: string): void {
  write(
    join(root, "outputs", "OptimumModels", "demo", "first", "champion.json"),
    JSON.stringify({ candidate: { run } }),
  );
}

function found(options = {}): string[] {
  return findFreeable(root, options).map(
    ({ kind, path }) => `${kind} ${relative(join(root, "outputs"), path)}`,
  );
}

describe("what may go", () => {
  test("is nothing where there are no outputs", () => {
    expect(found()).toEqual([]);
  });

  test("is of finished runs the checkpoints, of others all", () => {
    makeRun("a", "FINISHED");
    makeRun("b", "FAILED");
    makeRun("c", "KILLED");
    expect(found()).toEqual([
      "checkpoints TrainedModels/demo/first/a/checkpoints",
      "unfinished TrainedModels/demo/first/b",
      "unfinished TrainedModels/demo/first/c",
    ]);
  });

  test("is a run that says RUNNING only when no process holds it", () => {
    const lock = (name: string, holder: object) =>
      write(join(makeRun(name, "RUNNING"), "run.lock"), JSON.stringify(holder));
    lock("alive", { pid: process.pid, host: hostname() });
    lock("dead", { pid: dead, host: hostname() });
    lock("elsewhere", { pid: dead, host: "another-machine" });
    write(join(makeRun("taking", "RUNNING"), "run.lock"), "");
    makeRun("unheld", "RUNNING");
    expect(found()).toEqual([
      "unfinished TrainedModels/demo/first/dead",
      "unfinished TrainedModels/demo/first/unheld",
    ]);
  });

  test("is never a run that is being resumed, whatever it said before", () => {
    write(
      join(makeRun("a", "FAILED", 90), "run.lock"),
      JSON.stringify({ pid: process.pid, host: hostname() }),
    );
    expect(found({ olderThanDays: 30 })).toEqual([]);
  });

  test("is an old run, but not the champion's", () => {
    makeRun("champion", "FINISHED", 90);
    makeRun("new", "FINISHED", 1);
    makeRun("old", "FINISHED", 31);
    makeRun("older", "KILLED", 60);
    makeChampion("champion");
    expect(found({ olderThanDays: 30 })).toEqual([
      "checkpoints TrainedModels/demo/first/champion/checkpoints",
      "checkpoints TrainedModels/demo/first/new/checkpoints",
      "old TrainedModels/demo/first/old",
      "old TrainedModels/demo/first/older",
    ]);
  });

  test("is what dead processes left half-written, not what living ones are writing", () => {
    const outputs = join(root, "outputs");
    write(join(outputs, "mlflow", `meta.json.${dead}.0.tmp`));
    write(join(trained, "a", "checkpoints", `epoch=1-step=4.${dead}.tmp`, "model.safetensors"));
    write(join(outputs, "OptimumModels", "demo", `first.${dead}.new`, "config.json"));
    write(join(outputs, "mlflow", `meta.json.${process.pid}.0.tmp`));
    write(join(outputs, "notes.tmp"));
    makeRun("a", "FINISHED");
    expect(
      found()
        .filter((line) => line.startsWith("leftovers"))
        .sort(),
    ).toEqual([
      `leftovers OptimumModels/demo/first.${dead}.new`,
      `leftovers TrainedModels/demo/first/a/checkpoints/epoch=1-step=4.${dead}.tmp`,
      `leftovers mlflow/meta.json.${dead}.0.tmp`,
    ]);
  });

  test("is not a champion that a crash between two renames left under its old name alone", () => {
    const models = join(root, "outputs", "OptimumModels", "demo");
    write(join(models, `first.${dead}.old`, "champion.json"), JSON.stringify({ candidate: { run: "a" } }));
    expect(found()).toEqual([]);
    makeChampion("b");
    expect(found()).toEqual([`leftovers OptimumModels/demo/first.${dead}.old`]);
  });

  test("is never behind a link", () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "sconce-elsewhere-"));
    write(join(elsewhere, "b", "run.json"), JSON.stringify({ runId: "b", status: "FAILED" }));
    write(join(elsewhere, `x.${dead}.tmp`));
    makeRun("a", "FINISHED");
    symlinkSync(join(elsewhere, "b"), join(trained, "b"));
    symlinkSync(elsewhere, join(root, "outputs", "elsewhere"));
    expect(found()).toEqual(["checkpoints TrainedModels/demo/first/a/checkpoints"]);
  });
});

describe("the bytes that are freed", () => {
  test("leave out a file that has a link elsewhere", () => {
    const kept = write(join(root, "champion", "model"), "m".repeat(100_000));
    const own = write(join(root, "run", "log"), "l".repeat(100_000));
    linkSync(kept, join(root, "run", "model"));
    const run = freedBytes([join(root, "run")]);
    expect(run).toBe(freedBytes([own]));
    expect(run).toBeGreaterThanOrEqual(100_000);
    expect(freedBytes([join(root, "run"), join(root, "champion")])).toBe(2 * run);
  });

  test("count a file once that is named twice", () => {
    const folder = dirname(write(join(root, "run", "log"), "l".repeat(100_000)));
    expect(freedBytes([folder, join(folder, "log")])).toBe(freedBytes([folder]));
  });
});
