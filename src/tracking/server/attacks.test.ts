// Attacks that MLflow's own servers fell to, over HTTP. Places and sources one by one: ./locations.test.ts; artifacts sent
// and removed: ./artifacts.test.ts.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sendJson } from "../../../tests/raw-request.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { TrackingServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-"));
const destination = join(folder, "destination");
const api = "/api/2.0/mlflow";
let store: SqliteStore;
let server: TrackingServer;
let runId: string;
let modelId: string;

beforeAll(async () => {
  mkdirSync(join(folder, "secret"));
  writeFileSync(join(folder, "secret", "passwd"), "root:x");
  store = await SqliteStore.open({ path: join(folder, "mlflow.db"), artifactRoot: "mlflow-artifacts:/" });
  server = await TrackingServer.start({ store, port: 0, artifacts: { destination } });
  const { info } = await store.createRun({ experimentId: "0" });
  runId = info.runId;
  const model = await store.createLoggedModel({ experimentId: "0", sourceRunId: runId });
  modelId = model.modelId;
  for (const uri of [info.artifactUri, model.artifactLocation]) {
    const place = join(destination, uri.replace("mlflow-artifacts:/", ""));
    mkdirSync(place, { recursive: true });
    symlinkSync(join(folder, "secret"), join(place, "link"));
    writeFileSync(join(place, "own.txt"), "own");
  }
  await store.createRegisteredModel({ name: "spam" });
  await store.createModelVersion({ name: "spam", source: `${info.artifactUri}`, runId });
});

afterAll(async () => {
  await server.close();
  await store.close();
});

const send = (method: string, path: string, body?: object) => sendJson(server.url, method, path, { body });

const climbing = [
  "../../../../secret/passwd",
  "..\\..\\..\\secret\\passwd",
  "....//....//....//secret/passwd",
  "/etc/passwd",
  "//proc/self/root/etc/passwd",
  "C:\\Windows\\win.ini",
  "file:///etc/passwd",
  "a\0/passwd",
  "%2e%2e/%2e%2e/%2e%2e/secret/passwd",
  "%252e%252e/%252e%252e/secret/passwd",
  "own.txt/../../../../secret/passwd",
  "link/passwd",
  "link",
];

test.each(climbing)("the path %j leads to nothing, wherever a request may name one", async (path) => {
  for (const spelled of [encodeURIComponent(path), encodeURIComponent(encodeURIComponent(path))]) {
    for (const address of [
      `/get-artifact?run_id=${runId}&path=${spelled}`,
      `/model-versions/get-artifact?name=spam&version=1&path=${spelled}`,
      `${api}/artifacts/list?run_id=${runId}&path=${spelled}`,
      `${api}/logged-models/${modelId}/artifacts/directories?artifact_directory_path=${spelled}`,
      `/api/2.0/mlflow-artifacts/artifacts?path=${spelled}`,
    ]) {
      const { status, text } = await send("GET", address);
      expect([address, status < 500, text.includes("root:"), text.includes('"passwd"')]).toEqual([
        address,
        true,
        false,
        false,
      ]);
      if (status === 200) expect((JSON.parse(text) as { files: unknown[] }).files).toEqual([]);
    }
  }
});

test("what a request may name is there all the same", async () => {
  expect((await send("GET", `/get-artifact?run_id=${runId}&path=own.txt`)).text).toBe("own");
  expect((await send("GET", "/model-versions/get-artifact?name=spam&version=1&path=own.txt")).text).toBe(
    "own",
  );
  const listed = await send("GET", `${api}/logged-models/${modelId}/artifacts/directories`);
  expect(JSON.parse(listed.text).files).toEqual([{ path: "own.txt", is_dir: false, file_size: 3 }]);
});

test("no field of a request lets a model version come from elsewhere", async () => {
  const prompt = [{ key: "mlflow.prompt.is_prompt", value: "true" }];
  const fields = [
    {},
    { run_id: runId },
    { model_id: modelId },
    { run_id: runId, model_id: modelId },
    { run_id: "" },
    { tags: prompt },
    { run_id: runId, tags: prompt },
    { run_id: runId, run_link: "file:///etc" },
    { run_id: runId, storage_location: "/etc" },
    { run_id: runId, local_model_path: "/etc" },
  ];
  const sources = ["/etc", `file://${folder}/secret`, `${folder}/secret`, "http://169.254.169.254/latest"];
  for (const source of sources) {
    for (const each of fields) {
      const { status, text } = await send("POST", `${api}/model-versions/create`, {
        name: "spam",
        source,
        ...each,
      });
      expect([source, each, status, JSON.parse(text).error_code]).toEqual([
        source,
        each,
        400,
        "INVALID_PARAMETER_VALUE",
      ]);
    }
  }
  expect(await store.searchModelVersions({ filter: "name = 'spam'" })).toHaveLength(1);
});

test("a place on another host is never asked, whoever wrote it into the store", async () => {
  let asked = 0;
  const inside = createServer((_, response) => {
    asked++;
    response.end("secret");
  }).listen(0, "127.0.0.1");
  await once(inside, "listening");
  const address = `127.0.0.1:${(inside.address() as AddressInfo).port}`;
  for (const [index, scheme] of ["http", "https", "ftp", "sftp", "hdfs", "mlflow-artifacts"].entries()) {
    const artifactLocation = `${scheme}://${address}/x`;
    const refused = await send("POST", `${api}/experiments/create`, {
      name: `${index}`,
      artifact_location: artifactLocation,
    });
    expect([scheme, refused.status]).toEqual([scheme, 400]);
    const experimentId = await store.createExperiment({ name: `${index}`, artifactLocation });
    const { info } = await store.createRun({ experimentId });
    for (const path of [
      `${api}/artifacts/list?run_id=${info.runId}`,
      `/get-artifact?run_id=${info.runId}&path=passwd`,
    ]) {
      const { status, text } = await send("GET", path);
      expect([scheme, status >= 400 && status !== 500, text.includes("secret")]).toEqual([
        scheme,
        true,
        false,
      ]);
    }
  }
  expect(asked).toBe(0);
  inside.close();
});

test("there is no proxy, no job and no graph to batch", async () => {
  for (const path of [
    "/api/2.0/mlflow/gateway-proxy?gateway_path=http://169.254.169.254",
    "/ajax-api/2.0/mlflow/gateway-proxy",
    "/ajax-api/3.0/jobs/1",
    "/ajax-api/3.0/jobs/search",
    "/graphql",
  ]) {
    for (const method of ["GET", "POST"]) {
      const { status, text } = await send(
        method,
        path,
        method === "POST" ? { query: "{a:x b:x}" } : undefined,
      );
      expect([path, status, JSON.parse(text).error_code]).toEqual([path, 404, "ENDPOINT_NOT_FOUND"]);
    }
  }
});

test("nothing of all this was written where it must not", () => {
  expect(readdirSync(folder).sort()).toEqual(
    ["destination", "mlflow.db", "mlflow.db-shm", "mlflow.db-wal", "secret"].sort(),
  );
  expect(readdirSync(join(folder, "secret"))).toEqual(["passwd"]);
  expect(readFileSync(join(folder, "secret", "passwd"), "utf8")).toBe("root:x");
});
