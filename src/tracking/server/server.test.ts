import { mkdtempSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RawRequest, sendJson } from "../../../tests/raw-request.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { TrackingServer } from "./server.ts";

let store: SqliteStore;
let server: TrackingServer;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  store = await SqliteStore.open({ path: join(folder, "mlflow.db") });
  server = await TrackingServer.start({ store, port: 0, maxBodyBytes: 100_000 });
});

afterAll(async () => {
  await server.close();
  await store.close();
});

const send = (...words: [method: string, path: string, request?: RawRequest<string | object>]) =>
  sendJson(server.url, ...words);

const api = "/api/2.0/mlflow";

test("health, version and metrics are answered", async () => {
  expect((await send("GET", "/health")).body).toBe("OK");
  expect((await send("GET", "/version")).body).toMatch(/^3\.17/);
  const { body } = await send("GET", "/metrics");
  expect(body).toMatch(
    /sconce_http_request_duration_seconds_count\{method="GET",path="other",status="200"\} [12]/,
  );
  expect(body).toContain("process_resident_memory_bytes");
});

test("clients learn what the server can do, and that it takes no artifacts where it does not", async () => {
  const path = "/api/3.0/mlflow/server-info";
  const { body } = await send("GET", path);
  expect(body).toMatchObject({ store_type: "SqlStore", multipart_uploads_enabled: true });
  expect((await send("GET", `/ajax-${path.slice(1)}`)).body).toEqual(body);
  expect((await send("GET", path, { headers: { Host: "attacker.example" } })).status).toBe(403);
  const bare = await TrackingServer.start({ store, port: 0, artifacts: {} });
  expect((await sendJson(bare.url, "GET", path)).body).toEqual({ ...body, multipart_uploads_enabled: false });
  await bare.close();
});

test("a run is created, written, searched and read under both prefixes", async () => {
  const created = await send("POST", `${api}/experiments/create`, { body: { name: "first" } });
  expect(created.status).toBe(200);
  const { experiment_id } = created.body;
  const run = await send("POST", `/ajax-api/2.0/mlflow/runs/create`, {
    body: { experiment_id, user_id: "ada", start_time: 5, tags: [{ key: "a", value: "1" }], unknown: 1 },
  });
  const { run_id } = run.body.run.info;
  expect(run.body.run.info).toMatchObject({ status: "RUNNING", start_time: 5, user_id: "ada" });
  const logged = await send("POST", `${api}/runs/log-batch`, {
    body: {
      run_id,
      metrics: [
        { key: "loss", value: "NaN", timestamp: "7", step: "1" },
        { key: "loss", value: 0.5, timestamp: 8, step: 2 },
        { key: "inf", value: "-Infinity", timestamp: 8 },
      ],
      params: [{ key: "lr", value: "0.1" }],
      tags: [{ key: "__proto__", value: "x" }],
    },
  });
  expect(logged.body).toEqual({});
  const got = (await send("GET", `${api}/runs/get?run_id=${run_id}`)).body.run;
  expect(got.data.metrics).toEqual([
    { key: "inf", value: "-Infinity", timestamp: 8, step: 0 },
    { key: "loss", value: 0.5, timestamp: 8, step: 2 },
  ]);
  expect(got.data.params).toEqual([{ key: "lr", value: "0.1" }]);
  expect(got.data.tags).toContainEqual({ key: "__proto__", value: "x" });
  const history = await send(
    "GET",
    `${api}/metrics/get-history?run_id=${run_id}&metric_key=loss&max_results=1`,
  );
  expect(history.body.metrics).toEqual([{ key: "loss", value: "NaN", timestamp: 7, step: 1 }]);
  expect(history.body.next_page_token).toBeTypeOf("string");
  const found = await send("POST", `${api}/runs/search`, {
    body: { experiment_ids: [experiment_id], filter: "metrics.loss < 1 and params.lr = '0.1'" },
  });
  expect(found.body.runs.map((each: any) => each.info.run_id)).toEqual([run_id]); // oxlint-disable-line no-explicit-any
  const bulk = await send(
    "GET",
    `${api}/metrics/get-history-bulk-interval?run_ids=${run_id}&metric_key=loss&max_results=10`,
  );
  expect(bulk.body.metrics.map((point: { step: number }) => point.step)).toEqual([1, 2]);
});

test.each([
  ["GET", `${api}/experiments/get-by-name?experiment_name=none`, undefined, 404, "RESOURCE_DOES_NOT_EXIST"],
  ["POST", `${api}/experiments/create`, {}, 400, "INVALID_PARAMETER_VALUE"],
  ["POST", `${api}/experiments/create`, { name: 5 }, 400, "INVALID_PARAMETER_VALUE"],
  [
    "POST",
    `${api}/experiments/create`,
    { name: "x", artifact_location: "http://169.254.169.254/" },
    400,
    "INVALID_PARAMETER_VALUE",
  ],
  ["POST", `${api}/runs/log-batch`, { run_id: "0".repeat(32) }, 404, "RESOURCE_DOES_NOT_EXIST"],
  [
    "POST",
    `${api}/runs/log-metric`,
    { run_id: "a", key: "k", value: "one", timestamp: 1 },
    400,
    "INVALID_PARAMETER_VALUE",
  ],
  [
    "POST",
    `${api}/runs/search`,
    { experiment_ids: ["0"], filter: "metrics.a OR 1=1" },
    400,
    "INVALID_PARAMETER_VALUE",
  ],
  [
    "POST",
    `${api}/runs/search`,
    { experiment_ids: ["0"], filter: { $where: "1" } },
    400,
    "INVALID_PARAMETER_VALUE",
  ],
  ["GET", `${api}/runs/get?run_id[$ne]=1`, undefined, 400, "INVALID_PARAMETER_VALUE"],
  ["POST", `${api}/experiments/create`, "{", 400, "INVALID_PARAMETER_VALUE"],
  ["POST", `${api}/experiments/create`, "[]", 400, "INVALID_PARAMETER_VALUE"],
  ["POST", `${api}/experiments/create`, `{"name":"${"x".repeat(200_000)}"}`, 413, "REQUEST_LIMIT_EXCEEDED"],
  ["POST", `${api}/experiments/create`, "[".repeat(50_000), 400, "INVALID_PARAMETER_VALUE"],
  ["GET", `${api}/none`, undefined, 404, "ENDPOINT_NOT_FOUND"],
  ["GET", "/api/3.0/mlflow/traces", undefined, 404, "ENDPOINT_NOT_FOUND"],
  ["GET", "/mlflow/experiments/get?experiment_id=0", undefined, 404, "ENDPOINT_NOT_FOUND"],
  ["GET", "/api/2.0/../../etc/passwd", undefined, 404, "ENDPOINT_NOT_FOUND"],
  ["GET", "http://other.example/", undefined, 400, "INVALID_PARAMETER_VALUE"],
  ["GET", `${api}/logged-models/%ff`, undefined, 400, "INVALID_PARAMETER_VALUE"],
  ["POST", `${api}/model-versions/create`, { name: "m", source: "/etc" }, 400, "INVALID_PARAMETER_VALUE"],
] as const)("%s %.60s %.60j is answered with %d %s", async (method, path, body, status, code) => {
  const answer = await send(method, path, { body });
  expect(answer.status).toBe(status);
  expect(answer.body.error_code).toBe(code);
  expect(answer.body.message.length).toBeLessThan(1000);
});

test("a body that goes on beyond the limit is answered, not read", async () => {
  const answer = await send("POST", `${api}/experiments/create`, {
    body: `{"name":"${"x".repeat(200_000)}"}`,
    headers: { "Transfer-Encoding": "chunked" },
  });
  expect(answer.status).toBe(413);
  expect(answer.headers["connection"]).toBe("close");
});

test("a body of another type, as a form of any web page may send it, writes nothing", async () => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
    const answer = await send("POST", `${api}/experiments/create`, {
      body: { name: "forged" },
      headers: { "Content-Type": type },
    });
    expect(answer.status).toBe(400);
  }
  expect(await store.getExperimentByName("forged")).toBeUndefined();
});

test("a foreign Host or a foreign page is refused; pages of this machine may write", async () => {
  const rebound = await send("GET", `${api}/experiments/get?experiment_id=0`, {
    headers: { Host: "evil.example" },
  });
  expect(rebound.status).toBe(403);
  expect((await send("GET", "/health", { headers: { Host: "evil.example" } })).status).toBe(200);
  const forged = await send("POST", `${api}/experiments/create`, {
    body: { name: "csrf" },
    headers: { Origin: "https://evil.example" },
  });
  expect(forged.status).toBe(403);
  expect(forged.headers["access-control-allow-origin"]).toBeUndefined();
  const local = await send("POST", `${api}/experiments/create`, {
    body: { name: "local page" },
    headers: { Origin: "http://localhost:3000" },
  });
  expect(local.status).toBe(200);
  expect(local.headers).toMatchObject({
    "access-control-allow-origin": "http://localhost:3000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
  });
});

test("the client's words never come back as HTML", async () => {
  const answer = await send("GET", "/api/2.0/<script>alert(1)</script>", {
    headers: { "Content-Type": "<script>" },
  });
  expect(answer.headers["content-type"]).toBe("application/json");
  expect(answer.headers["x-content-type-options"]).toBe("nosniff");
});

test("live views are told what changes", async () => {
  const url = new URL(`${server.url}/ajax-api/2.0/sconce/events?kind=experiment`);
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(url, (response) => {
      let seen = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        if (seen === "") send("POST", `${api}/experiments/create`, { body: { name: "live" } }).catch(reject);
        seen += chunk;
        if (!seen.includes("data:")) return;
        resolve(seen);
        sent.destroy();
      });
    });
    sent.on("error", reject);
    sent.end();
  });
  const { experimentId } = (await store.getExperimentByName("live"))!;
  expect(text).toContain(`event: experiment\ndata: {"kind":"experiment","id":"${experimentId}"}\n\n`);
});

test("a port that is taken is said in one line", async () => {
  const port = Number(new URL(server.url).port);
  await expect(TrackingServer.start({ store, port })).rejects.toThrow(
    /cannot listen on 127\.0\.0\.1:\d+: another process listens there\. Choose another --port/,
  );
});
