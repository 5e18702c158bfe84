// Webhooks through the REST API: what is told to whom, and what never leaves the server.
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startReceiver } from "../../../tests/webhook-receiver.ts";
import { logger } from "../../base/index.ts";
import { RestStore } from "../stores/rest/rest-store.ts";
import { FileStore } from "../stores/file/file-store.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { TrackingServer } from "./server.ts";

const key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const otherKey = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=";
let folder: string;
let store: SqliteStore;
let server: TrackingServer;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
const warnings: string[] = [];
logger.addSink((level, message) => void (level === "warn" && warnings.push(message)));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  store = await SqliteStore.open({ path: join(folder, "mlflow.db") });
  server = await TrackingServer.start({ store, port: 0 });
  receiver = await startReceiver((response, { url }) =>
    response.writeHead(url === "/away" ? 503 : url === "/moved" ? 302 : 200).end("seen"),
  );
  vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", receiver.host);
  vi.stubEnv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", key);
  warnings.length = 0;
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close({ graceMs: 100 });
  await store.close();
  receiver.close();
});

async function call(method: string, path: string, body?: object) {
  const answer = await fetch(`${server.url}/api/2.0/mlflow/webhooks${path}`, {
    method,
    ...(body !== undefined && {
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: JSON.parse(text) }; // oxlint-disable-line no-explicit-any
}

const event = (entity: string, action: string) => ({ entity, action });
const created = event("REGISTERED_MODEL", "CREATED");

async function make(fields: object = {}): Promise<string> {
  const input = { name: "hook", url: receiver.url, events: [created], secret: "hush", ...fields };
  const { status, body, text } = await call("POST", "", input);
  expect(status, text).toBe(200);
  return body.webhook.webhook_id;
}

test("what a client does is told, signed, once to each webhook that asks, before the server is closed", async () => {
  await make();
  await make({ name: "tags", events: [event("MODEL_VERSION_TAG", "SET"), event("PROMPT", "CREATED")] });
  await make({ name: "off", status: "DISABLED" });
  const client = RestStore.open(server.url);
  await client.createRegisteredModel({ name: "spam" });
  await client.createModelVersion({ name: "spam", source: "s3://models/a" });
  await client.setModelVersionTags("spam", 1, { checked: "yes" });
  await client.createRegisteredModel({ name: "hi", tags: { "mlflow.prompt.is_prompt": "true", a: "b" } });
  await server.close();
  const told = receiver.calls.map(({ body }) => JSON.parse(body));
  expect(told.map(({ entity, action, data }) => [entity, action, data.name])).toEqual(
    expect.arrayContaining([
      ["registered_model", "created", "spam"],
      ["model_version_tag", "set", "spam"],
      ["prompt", "created", "hi"],
    ]),
  );
  expect(told).toHaveLength(3);
  for (const { headers, body } of receiver.calls) {
    const content = `${headers["x-mlflow-delivery-id"]}.${headers["x-mlflow-timestamp"]}.${body}`;
    const signature = createHmac("sha256", "hush").update(content).digest("base64");
    expect(headers["x-mlflow-signature"]).toBe(`v1,${signature}`);
  }
});

test("a secret is in no answer, and in no file as it is", async () => {
  const id = await make();
  const answers = [
    await call("GET", ""),
    await call("GET", `/${id}`),
    await call("PATCH", `/${id}`, { name: "x" }),
  ];
  for (const { status, text } of answers) {
    expect(status).toBe(200);
    expect(text).not.toMatch(/hush|gAAAA|secret/);
  }
  expect(answers[1]!.body.webhook).toEqual({
    webhook_id: id,
    name: "hook",
    url: receiver.url,
    events: [created],
    status: "ACTIVE",
    creation_timestamp: expect.any(Number),
    last_updated_timestamp: expect.any(Number),
  });
  await store.close();
  expect(readFileSync(join(folder, "mlflow.db")).includes("hush")).toBe(false);
  store = await SqliteStore.open({ path: join(folder, "mlflow.db") });
});

test("where the key of a secret is not the one it was kept with, nothing is sent unsigned", async () => {
  const id = await make();
  vi.stubEnv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", otherKey);
  await RestStore.open(server.url).createRegisteredModel({ name: "spam" });
  await expect.poll(() => warnings.join()).toMatch(/webhook "hook": .* encrypted with another key/);
  const { body } = await call("POST", `/${id}/test`, {});
  expect(body.result).toEqual({ success: false, error_message: expect.stringMatching(/another key/) });
  expect(receiver.calls).toEqual([]);
  await call("PATCH", `/${id}`, { secret: "" });
  expect((await call("POST", `/${id}/test`, {})).body.result.success).toBe(true);
  expect(receiver.calls[0]!.headers["x-mlflow-signature"]).toBeUndefined();
});

test("a test says what came of it: the answer, a redirect that is not followed, an address that is not public", async () => {
  const id = await make();
  const tested = async (fields: object) => {
    await call("PATCH", `/${id}`, fields);
    return (await call("POST", `/${id}/test`, { event: event("PROMPT_ALIAS", "DELETED") })).body.result;
  };
  expect(await tested({})).toEqual({ success: true, response_status: 200, response_body: "seen" });
  expect(JSON.parse(receiver.calls[0]!.body)).toMatchObject({
    entity: "prompt_alias",
    action: "deleted",
    data: { name: "example_prompt", alias: "example_alias" },
  });
  expect(await tested({ url: receiver.url.replace("hook", "away") })).toEqual({
    success: false,
    response_status: 503,
    response_body: "seen",
    error_message: "it answered with 503",
  });
  expect(await tested({ url: receiver.url.replace("hook", "moved") })).toMatchObject({
    success: false,
    error_message: "it answered with 302, and redirects are not followed",
  });
  vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", ""); // as if another server had kept it
  expect((await call("POST", `/${id}/test`, {})).body.result).toMatchObject({
    success: false,
    error_message: expect.stringMatching(/must begin with https/),
  });
  expect(receiver.calls).toHaveLength(3);
});

test("a receiver that is away holds nothing up, and what it was not told is said when the server is closed", async () => {
  await make({ url: receiver.url.replace("hook", "away") });
  const client = RestStore.open(server.url);
  const before = performance.now();
  for (const name of ["a", "b", "c"]) await client.createRegisteredModel({ name });
  expect(performance.now() - before).toBeLessThan(2000);
  await server.close({ graceMs: 200 });
  expect(warnings.join()).toMatch(/webhook "hook": 3 events were not told to it/);
});

test("what is no webhook is refused, and a store of files keeps none", async () => {
  for (const body of [
    {},
    { name: "x", url: receiver.url },
    { name: "x", url: receiver.url, events: [event("RUN", "FINISHED")] },
    { name: "x", url: receiver.url, events: [event("PROMPT", "DELETED")] },
    { name: "x", url: "https://10.0.0.1/", events: [created] },
    { name: "x", url: receiver.url, events: [created], status: "ASLEEP" },
    { name: "x", url: receiver.url, events: [created], secret: { $ne: "" } },
  ]) {
    expect((await call("POST", "", body)).status, JSON.stringify(body)).toBe(400);
  }
  for (const path of ["/missing", "/missing/test"]) {
    expect(
      (await call(path.endsWith("test") ? "POST" : "GET", path, path.endsWith("test") ? {} : undefined))
        .status,
    ).toBe(404);
  }
  const files = await FileStore.open({ path: join(folder, "mlruns") });
  const plain = await TrackingServer.start({
    store: files,
    port: 0,
    artifacts: { destination: join(folder, "a") },
  });
  const answer = await fetch(`${plain.url}/api/2.0/mlflow/webhooks`);
  expect([answer.status, await answer.json()]).toEqual([
    501,
    {
      error_code: "NOT_IMPLEMENTED",
      message: expect.stringMatching(/keeps none, as MLflow's file store does not/),
    },
  ]);
  await plain.close();
  await files.close();
});

test("a version of a prompt has a placeholder for its source, and no other", async () => {
  const post = (body: object) =>
    fetch(`${server.url}/api/2.0/mlflow/model-versions/create`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "hi", ...body }),
    });
  await store.createRegisteredModel({ name: "hi", tags: { "mlflow.prompt.is_prompt": "true" } });
  const tags = [{ key: "mlflow.prompt.is_prompt", value: "true" }];
  expect((await post({ source: "dummy-source", tags })).status).toBe(200);
  for (const body of [
    { source: "dummy-source" },
    { source: "/etc", tags },
    { source: "s3://models/a", tags },
  ]) {
    expect((await post(body)).status, JSON.stringify(body)).toBe(400);
  }
});
