import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { AuditLog } from "./audit-log.ts";
import { UserStore } from "./auth/user-store.ts";
import { TrackingServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-"));
const path = join(folder, "audit.jsonl");
const password = "a long password";
const api = "/api/2.0/mlflow";
let store: SqliteStore;
let users: UserStore;
let auditLog: AuditLog;
let server: TrackingServer;

beforeAll(async () => {
  store = await SqliteStore.open({ path: join(folder, "mlflow.db") });
  users = await UserStore.open(join(folder, "basic_auth.db"));
  await users.create({ username: "root", password, isAdmin: true });
  await users.create({ username: "ada", password });
  auditLog = AuditLog.open(path);
  server = await TrackingServer.start({ store, port: 0, auth: { users }, auditLog });
});

afterAll(async () => {
  await server.close();
  await store.close();
  await users.close();
  auditLog.close();
});

function send(
  method: string,
  target: string,
  { user = "root", word = password, body }: Partial<Record<string, any>> = {},
) {
  // oxlint-disable-line no-explicit-any
  return fetch(`${server.url}${target}`, {
    method,
    headers: {
      Authorization: `Basic ${Buffer.from(`${user}:${word}`).toString("base64")}`,
      "Content-Type": "application/json",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** Returns the lines that came since, when the last of them is there. */
async function linesFrom(start: number, count: number): Promise<Record<string, any>[]> {
  // oxlint-disable-line no-explicit-any
  for (let tries = 0; tries < 100; tries++) {
    const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
    if (lines.length >= start + count) return lines.slice(start).map((line) => JSON.parse(line));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("the lines did not come");
}

const lineCount = () => readFileSync(path, "utf8").split("\n").length - 1;

test("a write has a line before and one after, a read one, and a probe none", async () => {
  const start = lineCount();
  await send("GET", "/health");
  await send("POST", `${api}/experiments/create`, {
    body: { name: "first", tags: [{ key: "k", value: "secret" }] },
  });
  await send("GET", `${api}/experiments/get?experiment_id=1`);
  const [before, after, read, ...others] = await linesFrom(start, 3);
  expect(others).toEqual([]);
  const known = {
    user: "root",
    address: "127.0.0.1",
    method: "POST",
    endpoint: "/mlflow/experiments/create",
    about: { name: "first" },
  };
  expect(before).toEqual({ time: expect.any(String), event: "request", id: after?.["id"], ...known });
  expect(after).toMatchObject({ event: "answer", ...known, status: 200 });
  expect(read).toMatchObject({ event: "answer", method: "GET", about: { experiment_id: "1" }, status: 200 });
  expect(Date.parse(String(before?.["time"]))).toBeGreaterThan(Date.now() - 60_000);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("what is refused is there with whom it named, if there is such a user", async () => {
  const start = lineCount();
  await send("GET", "/metrics", { word: "not the password" });
  await send("GET", "/metrics", { user: "typed password in here" });
  await send("POST", "/api/2.0/sconce/purge-run", { user: "ada", body: { run_id: "0".repeat(32) } });
  const [wrong, unknown, denied] = await linesFrom(start, 3);
  expect(wrong).toMatchObject({ user: null, claimed: "root", status: 401 });
  expect(unknown).toMatchObject({ user: null, status: 401 });
  expect(unknown).not.toHaveProperty("claimed");
  expect(denied).toMatchObject({ user: "ada", endpoint: "/sconce/purge-run", status: 403 });
  expect(readFileSync(path, "utf8")).not.toContain("typed password");
});

test("no password of any request is in it", async () => {
  const start = lineCount();
  const body = { username: "bob", password: "the password of bob" };
  await send("POST", `${api}/users/create`, { body });
  await send("PATCH", `${api}/users/update-password`, {
    body: { ...body, current_password: "the password of bob" },
  });
  const lines = await linesFrom(start, 4);
  expect(lines[0]).toMatchObject({ endpoint: "/mlflow/users/create", about: { username: "bob" } });
  expect(readFileSync(path, "utf8")).not.toMatch(/password of bob|a long password|Basic/);
});

test("no name can forge a line or hide one", async () => {
  const start = lineCount();
  const name = '\n{"event":"answer","user":"root"}\r\u2028\u202e\u0001\u001b[2Kend';
  await send("POST", `${api}/experiments/create`, { body: { name } });
  await send("GET", `${api}/experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`);
  await send("GET", `${api}/%0a%7b%22user%22:1%7d`);
  const lines = await linesFrom(start, 4);
  expect(lines).toHaveLength(4);
  expect(lines[0]?.["about"]).toEqual({ name });
  expect(lines[2]?.["about"]).toEqual({ experiment_name: name });
  expect(lines[3]).toMatchObject({ endpoint: "other", status: 404 });
  expect(readFileSync(path, "latin1")).toMatch(/^[\x20-\x7e\n]*$/);
});

test("a line that a crash cut off does not swallow the next one", () => {
  const file = join(folder, "cut.jsonl");
  writeFileSync(file, '{"time":"2026');
  const log = AuditLog.open(file);
  log.end({ id: "1", method: "GET", endpoint: "other", address: "a", user: null, about: {} }, 200);
  log.close();
  const lines = readFileSync(file, "utf8").split("\n");
  expect(lines[0]).toBe('{"time":"2026');
  expect(JSON.parse(lines[1]!)).toMatchObject({ id: "1", status: 200 });
});

test.skipIf(!existsSync("/dev/full"))("on a full disk nothing is done that no line tells of", async () => {
  const full = AuditLog.open("/dev/full");
  const strict = await TrackingServer.start({ store, port: 0, auditLog: full });
  const create = (name: string) =>
    fetch(`${strict.url}${api}/experiments/create`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name }),
    });
  const refused = await create("unrecorded");
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({
    message: expect.stringMatching(/cannot write its audit log/),
  });
  expect(await store.getExperimentByName("unrecorded")).toBeUndefined();
  expect((await fetch(`${strict.url}/metrics`)).status).toBe(503);
  expect((await fetch(`${strict.url}/health`)).status).toBe(200);
  await strict.close();
  full.close();
});

test("the artifacts' folder may hold neither the log nor the users", async () => {
  const options = { store, port: 0, artifacts: { destination: join(folder, "else"), roots: [folder] } };
  await expect(TrackingServer.start({ ...options, auditLog })).rejects.toThrow(/audit\.jsonl is in/);
  await expect(TrackingServer.start({ ...options, auth: { users } })).rejects.toThrow(/basic_auth\.db is in/);
});
