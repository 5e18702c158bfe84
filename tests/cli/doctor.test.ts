import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkNode } from "../../src/cli/doctor/installation.ts";
import { ActiveRun, SqliteStore } from "../../src/tracking/index.ts";
import { librariesAfter, sconce } from "./run.ts";

interface Report {
  ok: boolean;
  findings: { name: string; state: string; detail: string; remedy?: string }[];
}

function makeProject(): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-doctor-")));
  writeFileSync(join(root, "package.json"), "{}");
  return root;
}

async function ask(cwd: string, words: readonly string[] = [], env = {}) {
  const { code, stdout } = await sconce(["doctor", "--json", ...words], { cwd, env });
  const { ok, findings } = JSON.parse(stdout) as Report;
  return { code, ok, findings, of: (name: string) => findings.find((finding) => finding.name === name) };
}

test("on a machine that is set up everything that is needed is there", async () => {
  const { code, ok, findings, of } = await ask(makeProject());
  expect(findings.filter(({ state }) => state === "missing")).toEqual([]);
  expect([code, ok]).toEqual([0, true]);
  expect(of("libtorch")?.detail).toMatch(/^2\.\d+\.\d+.* in /);
  expect(of("addon")?.detail).toMatch(/^built against libtorch 2\.\d+\.\d+ with Node v\d+/);
  expect(of("tokenizers")?.detail).toMatch(/^\d+\.\d+\.\d+, its binary loads$/);
  expect(of("machine")?.detail).toMatch(/^\d+(\.\d+)? processors.*, \d+(\.\d)? [GM]iB of memory$/);
  expect(of("hub")?.detail).toContain("https://huggingface.co");
});

test("libtorch is loaded and measured with --torch alone", async () => {
  expect(librariesAfter(["doctor"]).filter((path) => /sconce\.node|libtorch|libc10/.test(path))).toEqual([]);
  const { of } = await ask(makeProject(), ["--torch"]);
  expect(of("torch")?.detail).toMatch(/^libtorch 2\.\d+\.\d+ loads; \w+, 1 threads?, CUDA (yes|no)$/);
  for (const dtype of ["float32", "bfloat16"]) expect(of(dtype)?.detail).toMatch(/^[1-9]\d* GFLOPS/);
});

test("what is missing is named with the way to it, and the exit code is 1", async () => {
  const env = { SCONCE_ADDON: "/nowhere/sconce.node" };
  const { code, of } = await ask(makeProject(), [], env);
  expect([code, of("addon")]).toEqual([
    1,
    { name: "addon", state: "missing", detail: "not built", remedy: "Run: sconce setup" },
  ]);
  const { stdout } = await sconce(["doctor"], { cwd: makeProject(), env });
  expect(stdout).toMatch(/^ {2}MISSING {2}addon +not built\n +Run: sconce setup$/m);
  expect(stdout).toMatch(/\nMissing: addon\.\n$/);
});

test("an old Node is not enough", () => {
  expect(checkNode("20.18.3").state).toBe("missing");
  expect(checkNode("18.20.0").remedy).toContain("nvm install");
  for (const version of ["20.19.0", "22.0.0", "24.1.0"]) expect(checkNode(version).state).toBe("ok");
});

test("base models, runs, and runs without a process are counted", async () => {
  const root = makeProject();
  mkdirSync(join(root, "pretrained_models", "owner", "tiny"), { recursive: true });
  writeFileSync(join(root, "pretrained_models", "owner", "tiny", "model.safetensors"), "");
  const store = await SqliteStore.open({ path: join(root, "outputs", "mlflow", "mlflow.db") });
  const [finished, running, dead] = await Promise.all(
    [1, 2, 3].map(() => ActiveRun.start({ store, experimentName: "a" })),
  );
  await finished!.end();
  await dead!.flush();
  await store.setTags(dead!.runId, { "sconce.pid": "4194304" }); // beyond the largest process number
  const { code, of } = await ask(root);
  expect(code).toBe(0);
  expect(of("base models")?.detail).toBe("owner/tiny");
  expect(of("tracking")).toMatchObject({
    state: "note",
    detail: "sqlite:///outputs/mlflow/mlflow.db: 3 runs, 1 going on, 1 RUNNING without a process",
  });
  await running!.end();
  await store.close();
});

test("a tracking store that is none is a finding, not a crash", async () => {
  const root = makeProject();
  mkdirSync(join(root, "outputs", "mlflow"), { recursive: true });
  writeFileSync(
    join(root, "outputs", "mlflow", "mlflow.db"),
    "no database at all, but long enough to be one".repeat(40),
  );
  const { code, of } = await ask(root);
  expect([code, of("tracking")?.state]).toEqual([1, "missing"]);
  expect(of("tracking")?.remedy).toMatch(/Restore it from a backup/);
});

test("the hub is asked with --network alone, and its silence is no failure", async () => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const env = { HF_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  await ask(makeProject(), [], env);
  expect(requests).toBe(0);
  const { of } = await ask(makeProject(), ["--network"], env);
  expect([requests, of("hub")?.state, of("hub")?.detail]).toEqual([
    1,
    "ok",
    expect.stringContaining("it answers (200)"),
  ]);
  server.close();
  const silent = await ask(makeProject(), ["--network"], { HF_ENDPOINT: "http://127.0.0.1:9" });
  expect([silent.code, silent.of("hub")?.state]).toEqual([0, "note"]);
  const offline = await ask(makeProject(), [], { HF_HUB_OFFLINE: "1" });
  expect(offline.of("hub")?.detail).toContain("HF_HUB_OFFLINE forbids");
});
