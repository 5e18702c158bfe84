// `sconce server` as a process: starts, answers, tells where it is, and stops when asked to.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const sconce = fileURLToPath(new URL("../../bin/sconce", import.meta.url));

function start(...words: string[]) {
  const child = spawn(sconce, ["server", ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const ended = once(child, "close").then(([code]) => ({ code: code as number, stdout, stderr }));
  const url = new Promise<string>((resolve) => {
    child.stdout.on("data", () => {
      const found = /^MLFLOW_TRACKING_URI=(\S+)$/m.exec(stdout)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return { child, ended, url };
}

test("serves a store without loading libtorch, and ends with 0 when asked to", async () => {
  const database = join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db");
  const server = start("--backend-store-uri", `sqlite:///${database}`, "--port", "0");
  const url = await server.url;
  const created = await fetch(`${url}/api/2.0/mlflow/experiments/create`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "spam" }),
  });
  expect(created.status).toBe(200);
  if (process.platform === "linux") {
    const pids = [server.child.pid!, ...childrenOf(server.child.pid!)];
    const maps = pids.map((pid) => readFileSync(`/proc/${pid}/maps`, "utf8")).join();
    expect(maps).toContain("libsql");
    expect(maps).not.toContain("libtorch");
  }
  server.child.kill("SIGTERM");
  const { code, stdout, stderr } = await server.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`Serving sqlite:///${database}\nMLFLOW_TRACKING_URI=${url}\n`);
});

test("without artifacts of its own it names the places at which clients keep them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const uri = `sqlite:///${join(folder, "mlflow.db")}`;
  const root = join(folder, "files");
  const words = ["--no-serve-artifacts", "--default-artifact-root", root, "--port", "0"];
  const server = start("--backend-store-uri", uri, ...words);
  const url = await server.url;
  const api = `${url}/api/2.0`;
  const found = await fetch(`${api}/mlflow/experiments/get?experiment_id=0`);
  expect(await found.json()).toMatchObject({ experiment: { artifact_location: `${root}/0` } });
  for (const path of ["artifacts", "artifacts/a", "presigned/a"]) {
    expect((await fetch(`${api}/mlflow-artifacts/${path}`)).status, path).toBe(503);
  }
  const put = await fetch(`${api}/mlflow-artifacts/artifacts/a`, { method: "PUT", body: "x" });
  expect(await put.json()).toMatchObject({ message: expect.stringContaining("--serve-artifacts") });
  server.child.kill("SIGTERM");
  expect((await server.ended).code).toBe(0);
});

test.each([
  [["--port", "70000"], /--port: must be a number from 0 to 65535, got "70000"/],
  [["--backend-store-uri", "redis://x"], /tracking URI: it must be /],
  [["--prot", "1"], /unknown flag --prot.*--port/],
])("%j is refused with one message", async (words, message) => {
  const { code, stderr } = await start(...words).ended;
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
  expect(stderr.trim().split("\n").length).toBeLessThan(4);
});

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number),
  );
}
