// A server with users: nothing is open to those who do not sign in, and every route has a rule.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ServerWithUsers, basicAuth } from "../../../../tests/fixtures/server-with-users.ts";
import { endpoints } from "../endpoints/all.ts";
import { userEndpoints } from "../endpoints/users.ts";
import { Auth } from "./auth.ts";
import { rules } from "./rules.ts";

const api = "/api/2.0/mlflow";
let there: ServerWithUsers;

beforeAll(async () => {
  there = await ServerWithUsers.start();
});
afterAll(() => there.close());

const filePaths = [
  "/mlflow-artifacts/artifacts",
  "/mlflow-artifacts/artifacts/1/x",
  "/get-artifact",
  "/model-versions/get-artifact",
];

describe("without credentials", () => {
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
  const paths = () => {
    const all = [...endpoints, ...userEndpoints(new Auth({ users: there.users }, there.store))].map(
      ({ path }) => path.replace(/\{\w+\*?\}/g, "x"),
    );
    return [...new Set([...all, ...filePaths])];
  };
  const prefixes = [
    "/api/2.0",
    "/ajax-api/2.0",
    "/api/3.0",
    "/ajax-api/3.0",
    "/API/2.0",
    "/api/2.0/",
    "//api/2.0",
  ];

  test("every route of the server answers 401, however it is spelled and asked for", async () => {
    const spellings = paths().flatMap((path) => [
      ...prefixes.map((prefix) => `${prefix}${path}`),
      path,
      `/api/2.0${path}/`,
      `/api/2.0/${path.replaceAll("/", "//")}`,
      `/api/2.0${path.replaceAll("/", "%2f")}`,
      `/api/2.0${path.toUpperCase()}`,
      `/health/..${path}`,
    ]);
    const pages = [
      "/",
      "/metrics",
      "/metrics/",
      "/ajax-api/2.0/sconce/events",
      "/health/",
      "//health",
      "/HEALTH",
    ];
    expect(spellings.length).toBeGreaterThan(700);
    const open: string[] = [];
    for (const [index, path] of [...spellings, ...pages].entries()) {
      // every method of the plain spellings, one of the others
      const isPlain = path.startsWith("/api/2.0/mlflow") || pages.includes(path) || filePaths.includes(path);
      for (const method of isPlain ? methods : [methods[index % methods.length]!]) {
        const answer = await there.send(method, path, { headers: { "Content-Type": "application/json" } });
        if (answer.status !== 401) open.push(`${method} ${path}: ${answer.status}`);
      }
    }
    expect(open).toEqual([]);
  }, 120_000);

  test("only health, version and what the server can do are open, and a browser's question before a request", async () => {
    expect((await there.send("GET", "/health")).body).toBe("OK");
    expect((await there.send("GET", "/version")).status).toBe(200);
    expect((await there.send("GET", "/api/3.0/mlflow/server-info")).status).toBe(200);
    const preflight = { Origin: there.server.url, "Access-Control-Request-Method": "POST" };
    expect((await there.send("OPTIONS", `${api}/runs/create`, { headers: preflight })).status).toBe(204);
  });

  test("the answer says how to sign in, and an upload is not read", async () => {
    const refused = await there.send("GET", `${api}/experiments/search`);
    expect(refused.headers["www-authenticate"]).toBe('Basic realm="mlflow", charset="UTF-8"');
    expect(refused.body).toMatchInlineSnapshot(`
      {
        "error_code": "UNAUTHENTICATED",
        "message": "sign in with a user name and password (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD).",
      }
    `);
    const upload = await there.send("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/x", {
      body: "x".repeat(1 << 20),
    });
    expect(upload.status).toBe(401);
  });

  const headers: [string, string][] = [
    ["no scheme", "root"],
    ["another scheme", "Bearer abc"],
    ["no base64", "Basic ???"],
    ["base64 with a space inside", "Basic cm9v dDpv"],
    ["no colon", `Basic ${Buffer.from("root").toString("base64")}`],
    ["no name", basicAuth("", "a long password")],
    ["bytes that are not UTF-8", `Basic ${Buffer.from([0x72, 0xff, 0x3a, 0x61]).toString("base64")}`],
    ["a header of 8000 characters", basicAuth("root", "x".repeat(6000))],
    ["a name with NUL", basicAuth("root\0", "a long password")],
    ["a wrong password", basicAuth("root", "not the password")],
    ["an empty password", basicAuth("root", "")],
    ["an unknown name", basicAuth("nobody", "not the password")],
  ];
  test.each(headers)("an Authorization with %s is refused", async (_, header) => {
    const answer = await there.send("GET", `${api}/users/current`, { headers: { Authorization: header } });
    expect(answer.status).toBe(401);
  });
});

test("every endpoint has a rule, and every rule an endpoint", () => {
  const all = [...endpoints, ...userEndpoints(new Auth({ users: there.users }, there.store))];
  const routes = all.flatMap(({ methods, path }) => methods.map((method) => `${method} ${path}`));
  const pages = [
    "GET /metrics",
    "GET /ajax-api/2.0/sconce/events",
    "GET /mlflow-artifacts/artifacts",
    ...["GET", "PUT", "DELETE"].map((method) => `${method} /mlflow-artifacts/artifacts/{path}`),
    "GET /get-artifact",
    "GET /model-versions/get-artifact",
  ];
  expect([...routes, ...pages].sort()).toEqual(Object.keys(rules).sort());
});

test("a route without a rule is closed, to admins too", async () => {
  const auth = new Auth({ users: there.users }, there.store);
  const access = auth.accessOf(await there.users.get("root"), "here");
  await expect(auth.demand(access, "POST /mlflow/new", {})).rejects.toThrow(/no rule says/);
  await expect(auth.demand(access, "toString", {})).rejects.toThrow(/no rule says/);
});
