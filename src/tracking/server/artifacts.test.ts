// Artifacts through the server: sent, listed, read in parts, deleted; and what must never come out or go in.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RawRequest, sendRaw } from "../../../tests/raw-request.ts";
import type { Store } from "../open-store.ts";
import { FileStore } from "../stores/file/file-store.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { contentDisposition, parseRange } from "./send-file.ts";
import { TrackingServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-"));
const destination = join(folder, "destination");
const proxy = "/api/2.0/mlflow-artifacts/artifacts";
let store: SqliteStore;
let server: TrackingServer;

beforeAll(async () => {
  mkdirSync(destination);
  mkdirSync(join(folder, "secret"));
  writeFileSync(join(folder, "secret", "passwd"), "root:x");
  store = await SqliteStore.open({ path: join(folder, "mlflow.db"), artifactRoot: "mlflow-artifacts:/" });
  server = await TrackingServer.start({
    store,
    port: 0,
    maxArtifactBytes: 1_000_000,
    artifacts: { destination },
  });
});

afterAll(async () => {
  await server.close();
  await store.close();
});

const send = (method: string, path: string, options?: RawRequest<string | Buffer>) =>
  sendRaw(server.url, method, path, options);

test("what is sent is listed, read, read in parts, and deleted", async () => {
  const content = "0123456789".repeat(10);
  expect((await send("PUT", `${proxy}/1/run/artifacts/model/a%20b.bin`, { body: content })).status).toBe(200);
  expect(readFileSync(join(destination, "1/run/artifacts/model/a b.bin"), "utf8")).toBe(content);
  const listed = await send("GET", `${proxy}?path=1/run/artifacts`);
  expect(JSON.parse(listed.text)).toEqual({ files: [{ path: "model", is_dir: true }] });
  const inner = await send("GET", `${proxy}?path=1/run/artifacts/model`);
  expect(JSON.parse(inner.text)).toEqual({ files: [{ path: "a b.bin", is_dir: false, file_size: 100 }] });

  const whole = await send("GET", `${proxy}/1/run/artifacts/model/a%20b.bin`);
  expect(whole.text).toBe(content);
  expect(whole.headers).toMatchObject({
    "content-length": "100",
    "accept-ranges": "bytes",
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename="a b.bin"; filename*=UTF-8''a%20b.bin`,
    "x-content-type-options": "nosniff",
  });
  const read = (headers: Record<string, string>) =>
    send("GET", `${proxy}/1/run/artifacts/model/a%20b.bin`, { headers });
  const part = await read({ Range: "bytes=5-14" });
  expect([part.status, part.text, part.headers["content-range"]]).toEqual([
    206,
    "5678901234",
    "bytes 5-14/100",
  ]);
  expect((await read({ Range: "bytes=-3" })).text).toBe("789");
  expect((await read({ Range: "bytes=95-" })).text).toBe("56789");
  expect((await read({ Range: "bytes=100-" })).status).toBe(416);
  expect((await read({ Range: "bytes=0-1,5-6" })).status).toBe(200);
  const tag = whole.headers["etag"]!;
  for (const known of [tag, "*", `W/${tag}`, `"other", ${tag}`, ` * `]) {
    expect((await read({ "If-None-Match": known })).status, known).toBe(304);
  }
  for (const other of ['"other"', tag.slice(1, -1), `${tag}x`, "", ","]) {
    expect((await read({ "If-None-Match": other })).status, other).toBe(200);
  }
  expect((await read({ Range: "bytes=0-1", "If-Range": '"other"' })).status).toBe(200);

  expect((await send("DELETE", `${proxy}/1/run/artifacts/model`)).status).toBe(200);
  expect(existsSync(join(destination, "1/run/artifacts/model"))).toBe(false);
  expect((await send("GET", `${proxy}/1/run/artifacts/model/a%20b.bin`)).status).toBe(404);
});

test("a name may have as many bytes as the file system takes, and one more is refused, as is a file in the way", async () => {
  const long = "x".repeat(255);
  expect((await send("PUT", `${proxy}/long/${long}`, { body: "1" })).status).toBe(200);
  expect((await send("GET", `${proxy}/long/${long}`)).text).toBe("1");
  const answers = [
    await send("PUT", `${proxy}/long/${long}x`, { body: "1" }),
    await send("PUT", `${proxy}/long/${long}/below`, { body: "1" }),
  ];
  for (const { status, text } of answers) {
    expect([status, JSON.parse(text)]).toMatchObject([400, { error_code: "INVALID_PARAMETER_VALUE" }]);
  }
  expect(readdirSync(join(destination, "long"))).toEqual([long]);
});

test("without a bucket there are no signed addresses", async () => {
  const ability = JSON.parse((await send("GET", "/api/3.0/mlflow/server-info")).text);
  expect(ability).toMatchObject({ multipart_uploads_enabled: true, multipart_downloads_enabled: false });
  const headers = { "Content-Type": "application/json" };
  expect((await send("GET", "/api/2.0/mlflow-artifacts/presigned/1/run/artifacts/a")).status).toBe(501);
  const { info } = await store.createRun({ experimentId: "0" });
  for (const fields of [{}, { run_id: info.runId, model_id: "m-1" }, { run_id: info.runId }]) {
    const body = JSON.stringify({ path: "a", ...fields });
    const path = "/api/2.0/mlflow/artifacts/presigned-upload-url";
    expect((await send("POST", path, { body, headers })).status).toBe(400);
  }
});

test("a run's artifacts are listed and linked by its id", async () => {
  const { info } = await store.createRun({ experimentId: "0" });
  expect(info.artifactUri).toBe(`mlflow-artifacts:/0/${info.runId}/artifacts`);
  await send("PUT", `${proxy}/0/${info.runId}/artifacts/notes/a.html`, { body: "<script>alert(1)</script>" });
  const listed = await send("GET", `/api/2.0/mlflow/artifacts/list?run_id=${info.runId}&path=notes`);
  expect(JSON.parse(listed.text)).toEqual({
    root_uri: info.artifactUri,
    files: [{ path: "notes/a.html", is_dir: false, file_size: 25 }],
  });
  const page = await send("GET", `/get-artifact?run_id=${info.runId}&path=notes/a.html`);
  expect(page.headers).toMatchObject({
    "content-type": "text/plain; charset=utf-8",
    "content-security-policy": "sandbox; default-src 'none'",
  });
  expect(page.headers["content-disposition"]).toMatch(/^attachment/);
  expect((await send("GET", `/get-artifact?run_id=${info.runId}&path=notes`)).status).toBe(404);
});

test.each(["a.html", "a.svg", "a.xml", "a.js", "A.HTML"])("%s never acts as a page", async (name) => {
  await send("PUT", `${proxy}/pages/${name}`, { body: "<svg onload=alert(1)>" });
  const { headers } = await send("GET", `${proxy}/pages/${name}`);
  expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
  expect(headers["content-disposition"]).toMatch(/^attachment/);
});

const escapes = [
  "../secret/passwd",
  "..%2fsecret/passwd",
  "%2e%2e/secret/passwd",
  "%252e%252e/secret/passwd",
  "%25252e%25252e%25252fsecret/passwd",
  "a/../../secret/passwd",
  "/etc/passwd",
  "%2fetc/passwd",
  "C:/Windows",
  "..\\secret\\passwd",
  "..%5csecret%5cpasswd",
  "a%00b",
  "file:///etc/passwd",
  "link/passwd",
];

test.each(escapes)("%s leads nowhere, whatever is asked", async (path) => {
  if (!existsSync(join(destination, "link"))) symlinkSync(join(folder, "secret"), join(destination, "link"));
  for (const method of ["GET", "PUT", "DELETE"]) {
    const { status, text } = await send(method, `${proxy}/${path}`, method === "PUT" ? { body: "x" } : {});
    expect([400, 404], `${method} ${status}`).toContain(status);
    expect(text).not.toContain("root:x");
  }
  const listed = await send("GET", `${proxy}?path=${encodeURIComponent(path)}`);
  expect(listed.text).not.toContain('passwd"');
  expect(readdirSync(join(folder, "secret"))).toEqual(["passwd"]);
  expect(readFileSync(join(folder, "secret", "passwd"), "utf8")).toBe("root:x");
});

test("links are neither listed nor followed", async () => {
  expect(
    JSON.parse((await send("GET", proxy)).text).files.map(({ path }: { path: string }) => path),
  ).not.toContain("link");
});

test("folders that the server was not told of are not shown, whatever the store says", async () => {
  const experimentId = await store.createExperiment({
    name: "elsewhere",
    artifactLocation: join(folder, "secret"),
  });
  const { info } = await store.createRun({ experimentId });
  for (const path of [
    `/api/2.0/mlflow/artifacts/list?run_id=${info.runId}`,
    `/get-artifact?run_id=${info.runId}&path=passwd`,
  ]) {
    const { status, text } = await send("GET", path);
    expect(status).toBe(403);
    expect(text).toMatch(/outside of the places that this server shows. Start it with --artifacts-root/);
  }
});

test("a destination that holds the store's own files is refused", async () => {
  const start = (own: Store, at: string) =>
    TrackingServer.start({ store: own, port: 0, artifacts: { destination: at } });
  await expect(start(store, folder)).rejects.toThrow(/mlflow\.db is in .*, where clients write/);
  const path = join(folder, "mlruns ü");
  const files = await FileStore.open({ path });
  await expect(start(files, path)).rejects.toThrow(/the destination must not hold the store/);
  await expect(start(files, folder)).rejects.toThrow(/the destination must not hold the store/);
  await expect(start(files, join(path, "0"))).rejects.toThrow(/must not be a part of the store/);
  await (await start(files, join(path, "..", "other"))).close();
});

test("too large a file, and one that stops half-way, leave nothing", async () => {
  const large = await send("PUT", `${proxy}/large.bin`, { body: Buffer.alloc(1_000_001) }).catch(
    () => undefined,
  );
  if (large !== undefined) expect(large.status).toBe(413);
  const { hostname, port } = new URL(server.url);
  await new Promise<void>((resolve) => {
    const sent = request({
      hostname,
      port,
      method: "PUT",
      path: `${proxy}/half.bin`,
      headers: { "Content-Length": "100" },
    });
    sent.on("error", () => resolve());
    sent.on("close", () => resolve());
    sent.write("half", () => sent.destroy());
  });
  await expect.poll(() => readdirSync(destination).filter((name) => /large|half/.test(name))).toEqual([]);
});

test("a name with quotes and line breaks stays one header", () => {
  expect(contentDisposition('a"b\r\nX: y.txt')).toBe(
    `attachment; filename="a_b__X: y.txt"; filename*=UTF-8''a%22b%0D%0AX%3A%20y.txt`,
  );
  expect(contentDisposition("half \ud83d.txt")).toBe(
    `attachment; filename="half _.txt"; filename*=UTF-8''half%20%EF%BF%BD.txt`,
  );
  expect(contentDisposition("bücher(1)'.csv")).toBe(
    `attachment; filename="b_cher(1)'.csv"; filename*=UTF-8''b%C3%BCcher%281%29%27.csv`,
  );
});

test.each([
  [undefined, undefined],
  ["bytes=", undefined],
  ["bytes=-", undefined],
  ["bytes=5-2", undefined],
  ["lines=0-1", undefined],
  ["bytes=0-999999999999999999999", undefined],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=0-", { start: 0, end: 9 }],
  ["bytes=-100", { start: 0, end: 9 }],
])("the range %j of 10 bytes is %j", (header, range) => {
  expect(parseRange(header, 10)).toEqual(range);
});
