// Artifacts whose transfer is cut off: by a server that is killed, by a file that becomes shorter as it is sent.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { get, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const sconce = fileURLToPath(new URL("../../bin/sconce", import.meta.url));
const files = "/api/2.0/mlflow-artifacts/artifacts";
let folder: string;
let server: ChildProcess;
let url: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  await startServer();
});

afterEach(() => server.kill("SIGKILL"));

async function startServer(): Promise<void> {
  const words = ["server", "--backend-store-uri", `sqlite:///${join(folder, "mlflow.db")}`, "--port", "0"];
  server = spawn(sconce, words, { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = (await once(server.stdout!, "data")) as [Buffer];
  url = /MLFLOW_TRACKING_URI=(\S+)/.exec(said.toString())![1]!;
}

async function listed(path: string): Promise<string[]> {
  const answer = (await (await fetch(`${url}${files}?path=${path}`)).json()) as { files: { path: string }[] };
  return answer.files.map((file) => file.path);
}

test("an upload that a killed server had half of leaves the old file, and nothing that counts as one", async () => {
  await fetch(`${url}${files}/1/a/old.bin`, { method: "PUT", body: "old" });
  const uploads = ["old.bin", "new.bin"].map((name) => {
    const upload = request(`${url}${files}/1/a/${name}`, {
      method: "PUT",
      headers: { "Content-Length": String(1 << 24) },
    });
    upload.on("error", () => {}); // the server is killed
    upload.write(Buffer.alloc(1 << 20, name));
    return upload;
  });
  const place = join(folder, "Artifacts", "1", "a");
  await expect.poll(() => readdirSync(place).length).toBe(3);
  server.kill("SIGKILL");
  await once(server, "close");
  for (const upload of uploads) upload.destroy();

  await startServer();
  expect(readFileSync(join(place, "old.bin"), "utf8")).toBe("old");
  expect(await listed("1/a")).toEqual(["old.bin"]);
  expect((await fetch(`${url}${files}/1/a/new.bin`)).status).toBe(404);
  await fetch(`${url}${files}/1/a/new.bin`, { method: "PUT", body: "new" });
  expect(await listed("1/a")).toEqual(["new.bin", "old.bin"]);
  await fetch(`${url}${files}/1/a`, { method: "DELETE" });
  expect(readdirSync(join(folder, "Artifacts", "1"))).toEqual([]);
});

test("a file that becomes shorter as it is sent is no whole file to the client", async () => {
  await fetch(`${url}${files}/1/b/file.bin`, { method: "PUT", body: "begin" });
  const file = join(folder, "Artifacts", "1", "b", "file.bin");
  writeFileSync(file, Buffer.alloc(1 << 27));
  const reply = get(`${url}${files}/1/b/file.bin`);
  const [response] = (await once(reply, "response")) as [import("node:http").IncomingMessage];
  expect(response.headers["content-length"]).toBe(String(1 << 27));
  truncateSync(file, 1 << 20); // most of it waits for a client that has read nothing yet
  const failed = new Promise((resolve) => response.once("error", resolve));
  response.resume();
  expect(await failed).toMatchObject({ code: "ECONNRESET" });
}, 20_000);
