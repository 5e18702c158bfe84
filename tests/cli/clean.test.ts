import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { makeTinyProject } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";
import { hashTree, sconce, sconceBin } from "./run.ts";

let trained: TinyProject;
let project: TinyProject;
let champion: string;
let failed: string;

beforeAll(async () => {
  trained = makeTinyProject();
  for (let n = 0; n < 2; n++) {
    const { code, stderr } = await sconce(["train", trained.config]);
    expect(code, stderr).toBe(0);
  }
});
afterAll(() => trained?.remove());

beforeEach(() => {
  project = makeTinyProject();
  cpSync(join(trained.root, "outputs"), join(project.root, "outputs"), {
    recursive: true,
    preserveTimestamps: true,
  });
  [champion, failed] = project.runs() as [string, string];
  setStatus(failed, "FAILED");
});
afterEach(() => project.remove());

function setStatus(run: string, status: string): void {
  const path = join(run, "run.json");
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, "utf8")) as object), status }));
}

const clean = (...words: string[]) => sconce(["clean", ...words], { cwd: project.datasets });

test("without a flag it shows what each flag would free, and deletes nothing", async () => {
  const before = hashTree(project.root);
  const { code, stdout } = await clean();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ +\d+ KiB +1 {2}checkpoints of finished runs +--checkpoints$/m);
  expect(stdout).toMatch(/^ +\d+ KiB +1 {2}runs that failed or were interrupted +--all$/m);
  expect(stdout).toContain("Nothing was deleted: name a flag.");
  expect(hashTree(project.root)).toEqual(before);
});

test("--cache deletes the tokens that trainings share, and nothing else", async () => {
  const cache = join(project.root, "outputs", "cache");
  expect(readdirSync(join(cache, "tokens")).length).toBe(3); // train, validation and test, of two trainings
  expect((await clean()).stdout).toMatch(/1 {2}tokens and images of data sets +--cache$/m);
  const { code } = await clean("--cache", "--yes");
  expect([code, existsSync(cache), existsSync(join(champion, "checkpoints")), existsSync(failed)]).toEqual([
    0,
    false,
    true,
    true,
  ]);
});

test("--dry-run names every item with its size, and deletes nothing", async () => {
  const before = hashTree(project.root);
  const { code, stdout } = await clean("--all", "--dry-run");
  expect(code).toBe(0);
  expect(stdout.match(/outputs\/TrainedModels\/\S+/g)).toEqual(
    [join(champion, "checkpoints"), failed].map((path) => path.slice(project.root.length + 1)),
  );
  expect(hashTree(project.root)).toEqual(before);
});

test("without a terminal it does not delete unless --yes says so", async () => {
  const before = hashTree(project.root);
  const { code, stderr } = await clean("--all");
  expect(code).toBe(2);
  expect(stderr).toBe("sconce clean: there is no terminal to ask on. Add --yes to delete, or --dry-run.\n");
  expect(hashTree(project.root)).toEqual(before);
});

const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

test.runIf(hasScript).each([
  ["y\n", 0, /Deleted: \d+ KiB freed\./],
  ["n\n", 0, /Nothing was deleted\./],
  ["\n", 0, /Nothing was deleted\./],
  ["\x04", 0, /Nothing was deleted\./],
  ["\x03", 130, /Nothing was deleted\./],
])("on a terminal it asks, and %j is answered with exit code %i", async (keys, code, message) => {
  const before = hashTree(project.root);
  const command = `"${process.execPath}" "${sconceBin}" clean --checkpoints`;
  const child = spawn("script", ["-qec", command, "/dev/null"], { cwd: project.root });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const wasAsked = output.includes("[y/N]");
    output += chunk.toString();
    if (!wasAsked && output.includes("[y/N]")) child.stdin.write(keys);
  });
  expect(await new Promise((resolve) => child.on("close", resolve)), output).toBe(code);
  expect(output).toMatch(message);
  expect(Object.keys(hashTree(project.root)).length === Object.keys(before).length).toBe(keys !== "y\n");
});

test("--checkpoints takes those of finished runs alone; the champion still predicts", async () => {
  const before = hashTree(project.root);
  const { code, stdout } = await clean("--checkpoints", "--yes");
  expect(code).toBe(0);
  expect(stdout).toMatch(/Deleted: \d+ KiB freed\.\n$/);
  const gone = Object.keys(before).filter((path) => !(path in hashTree(project.root)));
  expect(gone.length).toBeGreaterThan(0);
  expect(gone.every((path) => join(project.root, path).startsWith(join(champion, "checkpoints")))).toBe(true);
  expect((await sconce(["predict", "-m", project.champion, "--text", "wet"])).code).toBe(0);
});

test("--runs never takes the champion's run, and takes others by their age", async () => {
  setStatus(failed, "FINISHED");
  expect((await clean("--runs", "1", "--yes")).stdout).toBe("Nothing to delete.\n");
  const { code } = await clean("--runs", "0", "--yes");
  expect([code, existsSync(champion), existsSync(failed)]).toEqual([0, true, false]);
  expect(existsSync(join(champion, "model.safetensors"))).toBe(true);
  expect(existsSync(join(project.champion, "model.safetensors"))).toBe(true);
});

test("--all does not touch a run that a process holds", async () => {
  setStatus(failed, "RUNNING");
  writeFileSync(join(failed, "run.lock"), JSON.stringify({ pid: process.pid, host: hostname() }));
  const before = hashTree(failed);
  const { code } = await clean("--all", "--runs", "0", "--yes");
  expect([code, hashTree(failed)]).toEqual([0, before]);
});

test("a project without outputs has nothing to free", async () => {
  const bare = makeTinyProject();
  const { code, stdout } = await sconce(["clean"], { cwd: bare.root });
  expect([code, stdout]).toEqual([0, `${join(bare.root, "outputs")}: nothing to free.\n`]);
  bare.remove();
});
