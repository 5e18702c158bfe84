// Artifacts behind a tracking server: ours, and one that means harm.
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { existsSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RestStore } from "../stores/rest/rest-store.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { TrackingServer } from "../server/server.ts";
import { downloadArtifacts } from "./download.ts";
import type { HttpArtifactRepository } from "./http.ts";

const undo: (() => unknown)[] = [];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
});

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function ourServer(): Promise<HttpArtifactRepository> {
  const store = await SqliteStore.open({ path: join(folder, "mlflow.db") });
  const server = await TrackingServer.start({
    store,
    port: 0,
    artifacts: { destination: join(folder, "artifacts") },
  });
  const client = RestStore.open(server.url);
  undo.push(
    () => store.close(),
    () => server.close(),
    () => client.close(),
  );
  return client.artifacts("mlflow-artifacts:/1/run/artifacts");
}

/** Returns a repository of a server that answers as it likes. */
async function otherServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpArtifactRepository> {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = RestStore.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { retries: 1 });
  undo.push(
    () => server.close(),
    () => server.closeAllConnections(),
    () => client.close(),
  );
  return client.artifacts("mlflow-artifacts:/root");
}

function listing(files: readonly object[]) {
  return (_: IncomingMessage, response: ServerResponse) =>
    void response.setHeader("Content-Type", "application/json").end(JSON.stringify({ files }));
}

test("files are sent, listed, read in parts, downloaded and deleted", async () => {
  const repository = await ourServer();
  const file = join(folder, "plot ü.svg");
  writeFileSync(file, "0123456789");
  await repository.logFile(file);
  await repository.logFile(file, "deep/50%/empty or not");
  writeFileSync(file, "");
  await repository.logFile(file, "deep/empty");

  expect(await repository.list()).toEqual([
    { path: "deep", isDirectory: true },
    { path: "plot ü.svg", isDirectory: false, size: 10 },
  ]);
  expect(await repository.list("deep/50%")).toEqual([
    { path: "deep/50%/empty or not", isDirectory: false, size: 10 },
  ]);
  expect(await text(await repository.open("plot ü.svg", { start: 2, end: 4 }))).toBe("234");
  expect((await repository.stat("plot ü.svg"))?.size).toBe(10);
  expect(await repository.stat("deep")).toBeUndefined();
  expect(await repository.stat("missing")).toBeUndefined();

  const target = join(folder, "downloaded");
  await downloadArtifacts(repository, "", target);
  expect(readdirSync(target).sort()).toEqual([".sconce-download.json", "deep", "plot ü.svg"]);
  expect(readFileSync(join(target, "deep/50%/empty or not"), "utf8")).toBe("0123456789");
  expect(statSync(join(target, "deep/empty")).size).toBe(0);

  await repository.delete("deep");
  expect((await repository.list()).map(({ path }) => path)).toEqual(["plot ü.svg"]);
  await repository.delete();
  expect(await repository.list()).toEqual([]);
  expect(existsSync(join(folder, "artifacts/1/run"))).toBe(true);
});

test("only what changed is downloaded again", async () => {
  const repository = await ourServer();
  const file = join(folder, "weights");
  for (const name of ["a", "b"]) {
    writeFileSync(file, "same size");
    await repository.logFile(file, name);
  }
  const target = join(folder, "downloaded");
  await downloadArtifacts(repository, "", target);
  const inodes = () => ["a", "b"].map((name) => statSync(join(target, name)).ino);
  const before = inodes();
  writeFileSync(file, "size same");
  await repository.logFile(file, "b");
  await downloadArtifacts(repository, "", target);
  const after = inodes();
  expect(after[0]).toBe(before[0]);
  expect(readFileSync(join(target, "b"), "utf8")).toBe("size same");

  writeFileSync(join(target, "a"), "cut"); // what is damaged here comes anew
  await downloadArtifacts(repository, "a", target);
  expect(readFileSync(join(target, "a"), "utf8")).toBe("same size");
});

test("a file or folder that is not there is an error that names it", async () => {
  const repository = await ourServer();
  await expect(downloadArtifacts(repository, "model", folder)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[TrackingError: artifact "model": it must exist, and mlflow-artifacts:/1/run/artifacts does not hold it.]`,
  );
  await expect(repository.open("model")).rejects.toThrow(/must be a file, and there is none/);
  await expect(repository.open("../x")).rejects.toThrow(/artifact path "..\/x"/);
  await expect(repository.logFile(join(folder, "missing"))).rejects.toThrow(/ENOENT/);
});

const hostileNames = ["../x", "..", ".", "", "/etc/passwd", "a/b", "a\\b", "C:x", "%2e%2e", "a\0b", "file:x"];

test.each(hostileNames)("a server that lists the name %j is not believed", async (path) => {
  const repository = await otherServer(listing([{ path, is_dir: false, file_size: 1 }]));
  await expect(repository.list()).rejects.toThrow(/is no name of a file/);
  await expect(downloadArtifacts(repository, "", join(folder, "target"))).rejects.toThrow(
    /is no name of a file/,
  );
  expect(existsSync(join(folder, "target"))).toBe(false);
});

test("folders without end are given up", async () => {
  const repository = await otherServer(listing([{ path: "again", is_dir: true }]));
  await expect(downloadArtifacts(repository, "", join(folder, "target"))).rejects.toThrow(
    /folders more than 100 deep/,
  );
});

test("a file of another length than announced is not kept", async () => {
  let head = 10;
  const repository = await otherServer((request, response) => {
    if (request.url?.includes("?"))
      return listing([{ path: "a", is_dir: false, file_size: 10 }])(request, response);
    if (request.method === "HEAD") return void response.writeHead(200, { "Content-Length": head }).end();
    response.writeHead(200, { "Transfer-Encoding": "chunked" }).end("12345");
  });
  const target = join(folder, "target");
  await expect(downloadArtifacts(repository, "", target)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[TrackingError: artifact "a": 10 bytes were to come from mlflow-artifacts:/root, and 5 came. Try again.]`,
  );
  expect(readdirSync(target)).toEqual([]);
  head = 5;
  await downloadArtifacts(repository, "", target);
  expect(readFileSync(join(target, "a"), "utf8")).toBe("12345");
});

test("a connection that breaks in the middle leaves no half of a file", async () => {
  const repository = await otherServer((request, response) => {
    if (request.url?.includes("?"))
      return listing([{ path: "a", is_dir: false, file_size: 10 }])(request, response);
    response.writeHead(200, { "Content-Length": 10 });
    if (request.method === "HEAD") return void response.end();
    response.write("123", () => response.destroy());
  });
  const target = join(folder, "target");
  await expect(downloadArtifacts(repository, "", target)).rejects.toThrow();
  expect(readdirSync(target)).toEqual([]);
});

test("a server that is busy is asked again, with the whole file", async () => {
  const bodies: string[] = [];
  const repository = await otherServer(async (request, response) => {
    bodies.push(await text(request));
    response.writeHead(bodies.length === 1 ? 503 : 200).end("{}");
  });
  const file = join(folder, "a");
  writeFileSync(file, "whole");
  await repository.logFile(file);
  expect(bodies).toEqual(["whole", "whole"]);
});

test("what the server says is said again", async () => {
  const repository = await otherServer((request, response) => {
    request.resume();
    response
      .writeHead(403, { "Content-Type": "application/json" })
      .end(JSON.stringify({ error_code: "PERMISSION_DENIED", message: "not for you" }));
  });
  const file = join(folder, "a");
  writeFileSync(file, "x");
  await expect(repository.logFile(file)).rejects.toMatchObject({
    code: "PERMISSION_DENIED",
    message: "not for you",
  });
  await expect(repository.open("a")).rejects.toThrow("not for you");
  await expect(repository.delete("a")).rejects.toThrow("not for you");
});

test.each([
  "mlflow-artifacts://host:1/path",
  "s3://bucket/x",
  "mlflow-artifacts:/a?b",
  "mlflow-artifacts:/../x",
])("the place %s is refused", (uri) => {
  expect(() => RestStore.open("http://127.0.0.1:1").artifacts(uri)).toThrow(/artifact/);
});
