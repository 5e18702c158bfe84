// Files that come in parts into the server's own folder.
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { AuditLog } from "./audit-log.ts";
import { UserStore } from "./auth/user-store.ts";
import { TrackingServer, type TrackingServerOptions } from "./server.ts";

const api = "/api/2.0/mlflow-artifacts";
let folder: string;
let destination: string;
let staging: string;
let store: SqliteStore;
let server: TrackingServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  destination = join(folder, "destination");
  staging = join(destination, ".uploads");
  store = await SqliteStore.open({ path: join(folder, "mlflow.db"), artifactRoot: "mlflow-artifacts:/" });
  await start();
});

afterEach(async () => {
  await server.close();
  await store.close();
});

async function start(options: Partial<TrackingServerOptions> = {}): Promise<void> {
  server = await TrackingServer.start({
    store,
    port: 0,
    maxArtifactBytes: 1000,
    artifacts: { destination },
    ...options,
  });
}

interface Credential {
  part_number: number;
  url: string;
  headers: Record<string, string>;
}

interface Upload {
  upload_id: string;
  credentials: Credential[];
}

async function post(action: string, body: object, headers: Record<string, string> = {}) {
  const answer = await fetch(`${server.url}${api}/mpu/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function begin(parts: number, name = "big.bin"): Promise<Upload> {
  const { status, body } = await post("create/1/run/artifacts", {
    path: `/home/me/${name}`,
    num_parts: parts,
  });
  expect(status).toBe(200);
  return body as unknown as Upload;
}

async function put({ url, headers }: Credential, body: string): Promise<{ status: number; etag: string }> {
  const answer = await fetch(url.replace(/^http:\/\/[^/]+/, server.url), { method: "PUT", headers, body });
  await answer.arrayBuffer();
  return { status: answer.status, etag: answer.headers.get("etag") ?? "" };
}

/** Sends all parts, and returns them as MLflow's client names them. */
async function putAll({ credentials }: Upload, contents: readonly string[]) {
  return Promise.all(
    credentials.map(async (credential, index) => ({
      part_number: credential.part_number,
      etag: (await put(credential, contents[index]!)).etag,
      url: credential.url,
    })),
  );
}

const complete = (upload: Upload, parts: object[], path = "big.bin") =>
  post("complete/1/run/artifacts", { path, upload_id: upload.upload_id, parts });
const abort = (upload: Upload, path = "big.bin") =>
  post("abort/1/run/artifacts", { path, upload_id: upload.upload_id });
const artifact = () => join(destination, "1/run/artifacts/big.bin");

test("a file is there once its parts are joined, in the order of their numbers, and nothing before", async () => {
  const upload = await begin(3);
  const parts = await putAll(upload, ["one,", "two,", "three"]);
  expect(parts[1]!.etag).toMatch(/^"[0-9a-f]{64}"$/);
  expect(existsSync(artifact())).toBe(false);
  expect(await complete(upload, parts.toReversed())).toEqual({ status: 200, body: {} });
  expect(readFileSync(artifact(), "utf8")).toBe("one,two,three");
  expect(readdirSync(join(destination, "1/run/artifacts"))).toEqual(["big.bin"]);
  expect(readdirSync(join(staging, upload.upload_id))).toEqual(["upload.json"]);

  // an answer that got lost is asked for again
  expect((await complete(upload, parts)).status).toBe(200);
  const others = parts.map((part) => ({ ...part, etag: parts[0]!.etag }));
  expect((await complete(upload, others)).body["message"]).toMatch(/was made already, of other parts/);
});

test("both of two that complete at once hear that the file is made", async () => {
  const upload = await begin(2);
  const parts = await putAll(upload, ["a".repeat(400), "b".repeat(400)]);
  const answers = await Promise.all([
    complete(upload, parts),
    complete(upload, parts),
    complete(upload, parts),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(statSync(artifact()).size).toBe(800);
});

test("a part may be sent again, and an upload goes on after the server has started anew", async () => {
  const upload = await begin(2);
  const first = await put(upload.credentials[0]!, "wrong ");
  const again = await put(upload.credentials[0]!, "right ");
  await server.close();
  await start();
  const second = await put(upload.credentials[1]!, "end");
  const parts = [
    { part_number: 1, etag: again.etag },
    { part_number: 2, etag: second.etag },
  ];
  expect(first.etag).not.toBe(again.etag);
  expect((await complete(upload, parts)).status).toBe(200);
  expect(readFileSync(artifact(), "utf8")).toBe("right end");
});

test("a part that is missing, unknown, named twice or changed on the disk makes no file", async () => {
  const upload = await begin(2);
  const [one, two] = await putAll(upload, ["first", "second"]);
  const etag = `"${"0".repeat(64)}"`;
  for (const [parts, message] of [
    [[one!], /each of its 2 parts must be named once, got 1 \(1\)/],
    [[one!, one!], /each of its 2 parts must be named once, got 2 \(1,1\)/],
    [[one!, { part_number: 3, etag }], /each of its 2 parts must be named once/],
    [[one!, { part_number: 2, etag }], /part 2 has not come with that ETag/],
    [[one!, { part_number: 2, etag: "../../../mlflow.db" }], /is no ETag of a part/],
  ] as const) {
    const answer = await complete(upload, [...parts]);
    expect([answer.status, answer.body["message"]]).toEqual([400, expect.stringMatching(message)]);
  }
  const place = join(staging, upload.upload_id);
  writeFileSync(join(place, `2-${two!.etag.slice(1, -1)}`), "changed");
  const answer = await complete(upload, [one!, two!]);
  expect([answer.status, answer.body["message"]]).toEqual([
    500,
    `upload ${upload.upload_id}: part 2 has changed on the server's disk since it came. Send the file again.`,
  ]);
  expect(readdirSync(join(destination, "1/run/artifacts"))).toEqual([]);
  await put(upload.credentials[1]!, "second");
  expect((await complete(upload, [one!, two!])).status).toBe(200);
});

test("a part wants the token of its upload, a number that it has, and no more bytes than a file may have", async () => {
  const upload = await begin(1);
  const other = await begin(1, "other.bin");
  const [credential] = upload.credentials;
  for (const headers of [{}, { "X-Sconce-Upload-Token": "x" }, other.credentials[0]!.headers]) {
    expect((await put({ ...credential!, headers: headers as Record<string, string> }, "x")).status).toBe(404);
  }
  for (const [from, to] of [
    [upload.upload_id, "0".repeat(32)],
    [/\/1$/, "/2"],
    [/\/1$/, "/0"],
    [/\/1$/, "/../1"],
    [upload.upload_id, "..%2f.."],
  ] as const) {
    const { status } = await put({ ...credential!, url: credential!.url.replace(from, to) }, "x");
    expect([400, 404], `${from} ${to} ${status}`).toContain(status);
  }
  expect((await put(credential!, "x".repeat(1001))).status).toBe(413);
  expect(readdirSync(join(staging, upload.upload_id))).toEqual(["upload.json"]);

  const pair = await begin(2);
  const parts = await putAll(pair, ["x".repeat(600), "y".repeat(600)]);
  expect((await complete(pair, parts)).status).toBe(413);
  expect(existsSync(artifact())).toBe(false);
});

test("an upload is completed and aborted only as the file that it was begun as", async () => {
  const upload = await begin(1);
  const parts = await putAll(upload, ["x"]);
  expect((await complete(upload, parts, "another.bin")).status).toBe(404);
  expect((await abort(upload, "another.bin")).status).toBe(404);
  expect((await abort({ ...upload, upload_id: "../.." })).status).toBe(404);
  expect((await abort(upload)).status).toBe(200);
  expect(readdirSync(staging)).toEqual([]);
  expect((await put(upload.credentials[0]!, "x")).status).toBe(404);
  expect((await complete(upload, parts)).status).toBe(404);
});

test("what waits is hidden from all who read or write artifacts", async () => {
  const upload = await begin(1);
  await putAll(upload, ["secret"]);
  expect(await (await fetch(`${server.url}${api}/artifacts`)).json()).toEqual({ files: [] });
  expect(await (await fetch(`${server.url}${api}/artifacts?path=.uploads`)).json()).toMatchObject({
    error_code: "INVALID_PARAMETER_VALUE",
  });
  for (const method of ["GET", "PUT", "DELETE"]) {
    for (const path of [".uploads", `.uploads/${upload.upload_id}/upload.json`]) {
      const body = method === "PUT" ? { body: "x" } : {};
      const { status } = await fetch(`${server.url}${api}/artifacts/${path}`, { method, ...body });
      expect(status, `${method} ${path}`).toBe(400);
    }
  }
  expect((await post("create/.uploads", { path: "x" })).status).toBe(400);
  expect(statSync(staging).mode & 0o777).toBe(0o700);
  const record = readFileSync(join(staging, upload.upload_id, "upload.json"), "utf8");
  expect(record).not.toContain(upload.credentials[0]!.headers["X-Sconce-Upload-Token"]);
});

test("a server that starts removes uploads that have not moved for a day, and no others", async () => {
  const old = await begin(1, "old.bin");
  const slow = await begin(2, "slow.bin");
  await put(old.credentials[0]!, "x");
  await put(slow.credentials[0]!, "x");
  const before = (Date.now() - 25 * 3_600_000) / 1000;
  for (const { upload_id } of [old, slow]) {
    const place = join(staging, upload_id);
    for (const name of readdirSync(place)) utimesSync(join(place, name), before, before);
    utimesSync(place, before, before);
  }
  await put(slow.credentials[1]!, "y");
  await server.close();
  await start();
  expect(readdirSync(staging)).toEqual([slow.upload_id]);
});

test("the addresses of parts are those under which the client reached the server, or its proxy", async () => {
  const urlFor = async (headers: Record<string, string>) => {
    const { status, body } = await post("create/1/run/artifacts", { path: "x" }, headers);
    return status === 200
      ? (body as unknown as Upload).credentials[0]!.url.replace(/[0-9a-f]{32}/, "ID")
      : status;
  };
  const path = "api/2.0/mlflow-artifacts/mpu/parts/ID/1";
  expect(await urlFor({})).toBe(`${server.url}/${path}`);
  expect(
    await urlFor({
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "ml.example.com, inner",
      "X-Forwarded-Prefix": "/tracking/",
    }),
  ).toBe(`https://ml.example.com/tracking/${path}`);
  expect(await urlFor({ "X-Forwarded-Host": "a b" })).toBe(400);
  expect(await urlFor({ "X-Forwarded-Host": "me@evil.example" })).toBe(400);
});

test("with users, whoever may write begins and completes, and the audit log tells of each part", async () => {
  await server.close();
  const users = await UserStore.open(join(folder, "basic_auth.db"));
  const log = join(folder, "audit.log");
  const auditLog = AuditLog.open(log);
  for (const [username, isAdmin] of [
    ["root", true],
    ["writer", false],
    ["reader", false],
  ] as const) {
    await users.create({ username, password: `${username}: a long password`, isAdmin });
  }
  const pattern = await store.createExperiment({ name: "first" });
  await users.grant("writer", { resourceType: "experiment", pattern, permission: "EDIT" });
  await start({ auth: { users, defaultPermission: "READ" }, auditLog });
  const as = (name: string) => ({
    Authorization: `Basic ${Buffer.from(`${name}:${name}: a long password`).toString("base64")}`,
  });
  const create = (headers: Record<string, string>) =>
    post("create/1/run/artifacts", { path: "big.bin" }, headers);
  expect((await create({})).status).toBe(401);
  expect((await create(as("reader"))).status).toBe(403);
  const upload = (await create(as("writer"))).body as unknown as Upload;
  expect((await put({ ...upload.credentials[0]!, headers: as("root") }, "x")).status).toBe(404);
  const parts = await putAll(upload, ["hello"]);
  const finish = (headers: Record<string, string>) =>
    post("complete/1/run/artifacts", { path: "big.bin", upload_id: upload.upload_id, parts }, headers);
  expect((await finish({})).status).toBe(401);
  expect((await finish(as("reader"))).status).toBe(403);
  // a right to write elsewhere is none to this upload
  const elsewhere = { path: "big.bin", upload_id: upload.upload_id, parts };
  expect((await post("complete/2/run/artifacts", elsewhere, as("root"))).status).toBe(404);
  expect((await finish(as("writer"))).status).toBe(200);
  expect(readFileSync(artifact(), "utf8")).toBe("hello");
  await server.close();
  await users.close();
  auditLog.close();
  const lines = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ endpoint }) => String(endpoint).includes("/mpu/parts/"));
  expect(lines.map(({ event, status, about }) => ({ event, status, about }))).toEqual([
    { event: "answer", status: 404, about: {} },
    { event: "request", status: undefined, about: { path: "1/run/artifacts/big.bin" } },
    { event: "answer", status: 200, about: { path: "1/run/artifacts/big.bin" } },
  ]);
  await start();
});
