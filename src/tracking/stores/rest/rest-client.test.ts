import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { TrackingError } from "../../../base/index.ts";
import { serverAddress } from "./credentials.ts";
import { RestClient } from "./rest-client.ts";
import { RestStore } from "./rest-store.ts";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let server: Server | undefined;
let client: RestClient | undefined;

afterEach(() => {
  client?.close();
  server?.closeAllConnections();
  server?.close();
});

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  env = {},
): Promise<RestClient> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  client = new RestClient(serverAddress(`http://127.0.0.1:${port}/`, env), { timeoutMs: 300 });
  return client;
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (error: TrackingError) => error.code,
  );

test("requests carry MLflow's names, values and credentials", async () => {
  const seen: [string, string, string, string][] = [];
  const rest = await serve(
    (request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        seen.push([request.method!, request.url!, body, request.headers.authorization ?? ""]);
        response.end("{}");
      });
    },
    { MLFLOW_TRACKING_USERNAME: "ada", MLFLOW_TRACKING_PASSWORD: "p:w" },
  );
  await rest.call("GET", "/mlflow/x", { a: "1 2", list: ["b", "c"] });
  await rest.call("POST", "/mlflow/y", { a: 1 });
  const basic = `Basic ${Buffer.from("ada:p:w").toString("base64")}`;
  expect(seen).toEqual([
    ["GET", "/api/2.0/mlflow/x?a=1+2&list=b&list=c", "", basic],
    ["POST", "/api/2.0/mlflow/y", '{"a":1}', basic],
  ]);
});

test("a server that is busy is asked again, but not where asking twice could do harm", async () => {
  let requests = 0;
  const rest = await serve((_request, response) => {
    requests++;
    response.writeHead(requests < 3 ? 503 : 200).end("{}");
  });
  await rest.call("GET", "/mlflow/x");
  expect(requests).toBe(3);
  requests = 0;
  expect(await codeOf(rest.call("POST", "/mlflow/runs/create"))).toBe("TEMPORARILY_UNAVAILABLE");
  expect(requests).toBe(1);
});

test("a kept connection that the server closed is opened anew", async () => {
  let requests = 0;
  const rest = await serve((request, response) => {
    requests++;
    if (requests === 2) return void request.socket.destroy();
    response.end("{}");
  });
  await rest.call("POST", "/mlflow/x");
  await rest.call("POST", "/mlflow/x");
  expect(requests).toBe(3);
});

test.each([
  [400, '{"error_code":"INVALID_PARAMETER_VALUE","message":"no"}', "INVALID_PARAMETER_VALUE"],
  [404, '{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no"}', "RESOURCE_DOES_NOT_EXIST"],
  [401, "", "UNAUTHENTICATED"],
  [403, "<html>", "PERMISSION_DENIED"],
  [404, "<html>", "ENDPOINT_NOT_FOUND"],
  [200, "<html>", "INVALID_STATE"],
])("an answer %d %j is %s", async (status, body, code) => {
  const rest = await serve((_request, response) => response.writeHead(status).end(body));
  expect(await codeOf(rest.call("POST", "/mlflow/x"))).toBe(code);
});

test("a server that does not answer, or is not there, is said so with its address", async () => {
  const rest = await serve(() => {});
  await expect(rest.call("POST", "/mlflow/x")).rejects.toThrow(
    /tracking server http:\/\/127\.0\.0\.1:\d+: it cannot be reached \(no answer for 0\.3 s\)/,
  );
  server!.closeAllConnections();
  server!.close();
  expect(await codeOf(rest.call("POST", "/mlflow/x"))).toBe("TEMPORARILY_UNAVAILABLE");
});

test("MLflow's file of credentials signs in where the variables do not", () => {
  const home = mkdtempSync(join(tmpdir(), "sconce-"));
  mkdirSync(join(home, ".mlflow"));
  const lines = ["[mlflow]", "mlflow_tracking_username = ada", "mlflow_tracking_password = of the file"];
  writeFileSync(join(home, ".mlflow", "credentials"), lines.join("\n"));
  const signedInAs = (env: Record<string, string>) =>
    Buffer.from(
      serverAddress("http://host", { HOME: home, ...env }).authorization!.slice("Basic ".length),
      "base64",
    ).toString();
  expect(signedInAs({})).toBe("ada:of the file");
  expect(signedInAs({ MLFLOW_TRACKING_USERNAME: "bob", MLFLOW_TRACKING_PASSWORD: "b" })).toBe("bob:b");
});

test("credentials come from the URI, the variables, or Databricks' profile, and never show in the address", () => {
  expect(serverAddress("http://ada:secret@host:1/base/", {})).toEqual({
    url: "http://host:1/base",
    authorization: `Basic ${Buffer.from("ada:secret").toString("base64")}`,
    insecureTls: false,
  });
  expect(
    serverAddress("https://host", { MLFLOW_TRACKING_TOKEN: "t", MLFLOW_TRACKING_INSECURE_TLS: "true" }),
  ).toMatchObject({
    authorization: "Bearer t",
    insecureTls: true,
  });
  expect(serverAddress("databricks", { DATABRICKS_HOST: "db.example", DATABRICKS_TOKEN: "t" })).toEqual({
    url: "https://db.example",
    authorization: "Bearer t",
    insecureTls: false,
  });
  const file = join(mkdtempSync(join(tmpdir(), "sconce-")), "cfg");
  writeFileSync(
    file,
    "# mine\n[DEFAULT]\nhost = https://a.example/\ntoken = ta\n[work]\nhost=https://b.example\ntoken=tb\n[half]\nhost=x\n",
  );
  const env = { DATABRICKS_CONFIG_FILE: file };
  expect(serverAddress("databricks", env)).toMatchObject({
    url: "https://a.example",
    authorization: "Bearer ta",
  });
  expect(serverAddress("databricks://work", env)).toMatchObject({
    url: "https://b.example",
    authorization: "Bearer tb",
  });
  expect(serverAddress("databricks", { ...env, DATABRICKS_CONFIG_PROFILE: "work" }).url).toBe(
    "https://b.example",
  );
  expect(() => serverAddress("databricks://half", env)).toThrow(
    /the profile \[half\] must have host and token/,
  );
  expect(() => serverAddress("databricks://", env)).toThrow(/a profile must follow/);
  expect(() => serverAddress("databricks://scope:prefix", env)).toThrow(/secret scopes are not supported/);
  expect(() => serverAddress("databricks", { DATABRICKS_CONFIG_FILE: "/none" })).toThrow(
    /DATABRICKS_HOST and DATABRICKS_TOKEN must be set/,
  );
});

test("a Databricks workspace is asked at its address with its token, here by a stand-in", async () => {
  const seen: [string, string][] = [];
  server = createServer((request, response) => {
    seen.push([request.url!, request.headers.authorization ?? ""]);
    response.end('{"experiment":{"experiment_id":"7","name":"/Users/ada/x"}}');
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  const file = join(mkdtempSync(join(tmpdir(), "sconce-")), "cfg");
  writeFileSync(
    file,
    `[work]\nhost = http://127.0.0.1:${(server.address() as AddressInfo).port}\ntoken = dapi123\n`,
  );
  vi.stubEnv("DATABRICKS_CONFIG_FILE", file);
  const store = RestStore.open("databricks://work");
  expect((await store.getExperimentByName("/Users/ada/x"))?.experimentId).toBe("7");
  await store.close();
  vi.unstubAllEnvs();
  expect(seen).toEqual([
    ["/api/2.0/mlflow/experiments/get-by-name?experiment_name=%2FUsers%2Fada%2Fx", "Bearer dapi123"],
  ]);
});
