// A server with users, over real HTTP: nothing is open, and each level of permission opens what MLflow's does.
import { mkdtempSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SqliteStore } from "../../stores/sql/sqlite-store.ts";
import { endpoints } from "../endpoints/all.ts";
import { userEndpoints } from "../endpoints/users.ts";
import { TrackingServer } from "../server.ts";
import { Auth } from "./auth.ts";
import { rules } from "./rules.ts";
import { UserStore } from "./user-store.ts";

const api = "/api/2.0/mlflow";
const passwords: Record<string, string> = {};
let store: SqliteStore;
let users: UserStore;
let server: TrackingServer;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  store = await SqliteStore.open({ path: join(folder, "mlflow.db"), artifactRoot: "mlflow-artifacts:/" });
  users = await UserStore.open(join(folder, "basic_auth.db"));
  await addUser("root", true);
  server = await TrackingServer.start({
    store,
    port: 0,
    artifacts: { destination: join(folder, "artifacts") },
    auth: { users, defaultPermission: "NO_PERMISSIONS" },
  });
});

afterAll(async () => {
  await server.close();
  await store.close();
  await users.close();
});

async function addUser(username: string, isAdmin = false): Promise<string> {
  passwords[username] = `${username}: a long password`;
  await users.create({ username, password: passwords[username], isAdmin });
  return username;
}

function basic(username: string, password = passwords[username] ?? ""): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: any; // oxlint-disable-line no-explicit-any
}

/** Sends a request as it is: `fetch` would mend paths and headers. */
function send(
  method: string,
  path: string,
  { user, body, headers = {} }: { user?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const url = new URL(server.url);
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: url.hostname,
        port: url.port,
        method,
        path,
        headers: {
          ...(text === undefined
            ? {}
            : { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(text)) }),
          ...(user === undefined ? {} : { Authorization: basic(user) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const content = Buffer.concat(chunks).toString();
          const isJson = response.headers["content-type"] === "application/json" && content !== "";
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: isJson ? JSON.parse(content) : content,
          });
        });
      },
    );
    sent.on("error", reject);
    sent.end(text);
  });
}

/** Sends a request of MLflow's API and returns the status. */
async function status(user: string, method: string, path: string, fields: object = {}): Promise<number> {
  const query = new URLSearchParams(fields as Record<string, string>).toString();
  const answer = await (method === "GET" || method === "HEAD"
    ? send(method, `${path}?${query}`, { user })
    : send(method, path, { user, body: fields }));
  return answer.status;
}

const filePaths = [
  "/mlflow-artifacts/artifacts",
  "/mlflow-artifacts/artifacts/1/x",
  "/get-artifact",
  "/model-versions/get-artifact",
];

describe("without credentials", () => {
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
  const paths = () => {
    const all = [...endpoints, ...userEndpoints(new Auth({ users }, store))].map(({ path }) =>
      path.replace(/\{\w+\*?\}/g, "x"),
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
        const answer = await send(method, path, { headers: { "Content-Type": "application/json" } });
        if (answer.status !== 401) open.push(`${method} ${path}: ${answer.status}`);
      }
    }
    expect(open).toEqual([]);
  }, 120_000);

  test("only health and version are open, and a browser's question before a request", async () => {
    expect((await send("GET", "/health")).body).toBe("OK");
    expect((await send("GET", "/version")).status).toBe(200);
    const preflight = { Origin: server.url, "Access-Control-Request-Method": "POST" };
    expect((await send("OPTIONS", `${api}/runs/create`, { headers: preflight })).status).toBe(204);
  });

  test("the answer says how to sign in, and an upload is not read", async () => {
    const refused = await send("GET", `${api}/experiments/search`);
    expect(refused.headers["www-authenticate"]).toBe('Basic realm="mlflow", charset="UTF-8"');
    expect(refused.body).toMatchInlineSnapshot(`
      {
        "error_code": "UNAUTHENTICATED",
        "message": "sign in with a user name and password (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD).",
      }
    `);
    const upload = await send("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/x", {
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
    ["no name", basic("", "a long password")],
    ["bytes that are not UTF-8", `Basic ${Buffer.from([0x72, 0xff, 0x3a, 0x61]).toString("base64")}`],
    ["a header of 8000 characters", basic("root", "x".repeat(6000))],
    ["a name with NUL", basic("root\0", "a long password")],
    ["a wrong password", basic("root", "not the password")],
    ["an empty password", basic("root", "")],
    ["an unknown name", basic("nobody", "not the password")],
  ];
  test.each(headers)("an Authorization with %s is refused", async (_, header) => {
    const answer = await send("GET", `${api}/users/current`, { headers: { Authorization: header } });
    expect(answer.status).toBe(401);
  });
});

test("every endpoint has a rule, and every rule an endpoint", () => {
  const all = [...endpoints, ...userEndpoints(new Auth({ users }, store))];
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
  const auth = new Auth({ users }, store);
  const access = auth.accessOf(await users.get("root"), "here");
  await expect(auth.demand(access, "POST /mlflow/new", {})).rejects.toThrow(/no rule says/);
  await expect(auth.demand(access, "toString", {})).rejects.toThrow(/no rule says/);
});

describe("permissions", () => {
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    await addUser("owner");
    const made = await send("POST", `${api}/experiments/create`, { user: "owner", body: { name: "matrix" } });
    ids["experiment"] = made.body.experiment_id;
    const { body } = await send("POST", `${api}/runs/create`, {
      user: "owner",
      body: { experiment_id: ids["experiment"] },
    });
    ids["run"] = body.run.info.run_id;
    const logged = await send("POST", `${api}/logged-models`, {
      user: "owner",
      body: { experiment_id: ids["experiment"], name: "net" },
    });
    ids["logged"] = logged.body.model.info.model_id;
    const created = await status("owner", "POST", `${api}/registered-models/create`, { name: "champ" });
    expect(created).toBe(200);
    const path = `${ids["experiment"]}/${ids["run"]}/artifacts/note.txt`;
    ids["file"] = path;
    const put = await send("PUT", `/api/2.0/mlflow-artifacts/artifacts/${path}`, {
      user: "owner",
      body: "hi",
    });
    expect(put.status).toBe(200);
  });

  /** Requests by the action that they need, all of which change nothing that another one needs. */
  function requests(): [action: string, method: string, path: string, fields: object][] {
    const experiment_id = ids["experiment"];
    const run_id = ids["run"];
    const file = `/api/2.0/mlflow-artifacts/artifacts/${ids["file"]}`;
    const model = `${api}/logged-models/${ids["logged"]}`;
    const metric = { key: "m", value: 1, timestamp: 1, step: 0 };
    return [
      ["read", "GET", `${api}/experiments/get`, { experiment_id }],
      ["read", "GET", `${api}/experiments/get-by-name`, { experiment_name: "matrix" }],
      ["read", "POST", `${api}/experiments/search-datasets`, { experiment_ids: [experiment_id] }],
      ["read", "GET", `${api}/runs/get`, { run_id }],
      ["read", "GET", `${api}/runs/get`, { run_uuid: run_id }],
      ["read", "GET", `${api}/metrics/get-history`, { run_id, metric_key: "m" }],
      ["read", "GET", `${api}/metrics/get-history-bulk-interval`, { run_ids: run_id, metric_key: "m" }],
      ["read", "GET", `${api}/artifacts/list`, { run_id }],
      ["read", "GET", "/get-artifact", { run_id, path: "note.txt" }],
      ["read", "HEAD", file, {}],
      ["read", "GET", file, {}],
      ["read", "GET", "/ajax-api/2.0/mlflow-artifacts/artifacts", { path: `${ids["experiment"]}` }],
      ["read", "GET", model, {}],
      ["read", "GET", `${model}/artifacts/directories`, {}],
      ["update", "POST", `${api}/experiments/update`, { experiment_id, new_name: "matrix" }],
      ["update", "POST", `${api}/experiments/set-experiment-tag`, { experiment_id, key: "k", value: "v" }],
      ["update", "POST", `${api}/runs/create`, { experiment_id }],
      ["update", "POST", `${api}/runs/update`, { run_id }],
      ["update", "POST", `${api}/runs/log-metric`, { run_id, ...metric }],
      ["update", "POST", `${api}/runs/log-metric`, { run_id, ...metric, model_id: ids["logged"] }],
      ["update", "POST", `${api}/runs/log-batch`, { run_id, metrics: [metric] }],
      ["update", "POST", `${api}/runs/log-parameter`, { run_id, key: "p", value: "1" }],
      ["update", "POST", `${api}/runs/set-tag`, { run_id, key: "k", value: "v" }],
      ["update", "POST", `${api}/runs/log-inputs`, { run_id }],
      ["update", "POST", `${api}/runs/outputs`, { run_id, models: [{ model_id: ids["logged"] }] }],
      ["update", "POST", `${api}/logged-models`, { experiment_id, name: "other" }],
      ["update", "PATCH", `${model}/tags`, { tags: [{ key: "k", value: "v" }] }],
      ["update", "POST", `${model}/params`, { params: [{ key: "p", value: "1" }] }],
      ["update", "PUT", file, {}],
      ["delete", "DELETE", `${model}/tags/k`, {}],
      ["delete", "POST", `${api}/runs/delete`, { run_id }],
      ["delete", "POST", `${api}/runs/restore`, { run_id }],
      ["delete", "POST", `${api}/experiments/delete`, { experiment_id }],
      ["delete", "POST", `${api}/experiments/restore`, { experiment_id }],
      ["admin", "GET", "/api/2.0/sconce/deleted-runs", {}],
      ["admin", "POST", "/api/2.0/sconce/purge-run", { run_id }],
      ["admin", "GET", "/api/2.0/mlflow-artifacts/artifacts", {}],
      ["admin", "PUT", "/api/2.0/mlflow-artifacts/artifacts/of-no-experiment", {}],
    ];
  }

  function modelRequests(): [action: string, method: string, path: string, fields: object][] {
    const name = "champ";
    return [
      ["read", "GET", `${api}/registered-models/get`, { name }],
      ["read", "POST", `${api}/registered-models/get-latest-versions`, { name }],
      ["read", "GET", "/api/2.0/sconce/registry-history", { name }],
      ["update", "PATCH", `${api}/registered-models/update`, { name, description: "d" }],
      ["update", "POST", `${api}/registered-models/set-tag`, { name, key: "k", value: "v" }],
      ["update", "DELETE", `${api}/registered-models/delete-tag`, { name, key: "k" }],
      ["update", "POST", `${api}/registered-models/rename`, { name, new_name: name }],
    ];
  }

  const actions: Record<string, string[]> = {
    none: [],
    READ: ["read"],
    USE: ["read"],
    EDIT: ["read", "update"],
    MANAGE: ["read", "update", "delete"],
    DENY: [],
  };

  test.each(Object.keys(actions))("%s opens what it is for, and nothing else", async (level) => {
    const user = await addUser(`level ${level}`);
    if (level !== "none") {
      for (const [type, id] of [
        ["experiment", ids["experiment"]!],
        ["registered_model", "champ"],
      ] as const) {
        await users.grant(user, { resourceType: type, pattern: id, permission: level });
      }
    }
    const wrong: string[] = [];
    for (const [action, method, path, fields] of [...requests(), ...modelRequests()]) {
      const expected = actions[level]!.includes(action);
      const got = await status(user, method, path, fields);
      if ((got === 403) === expected || got === 401 || got >= 500)
        wrong.push(`${method} ${path} (${action}): ${got}`);
    }
    expect(wrong).toEqual([]);
  });

  test("an admin may do all of it", async () => {
    for (const [, method, path, fields] of [...requests(), ...modelRequests()]) {
      if (path.endsWith("purge-run")) continue;
      expect([path, await status("root", method, path, fields)]).not.toEqual([path, 403]);
    }
  });

  test("searches leave out what may not be read, and fill their pages with the rest", async () => {
    const user = await addUser("searcher");
    for (let index = 0; index < 6; index++) {
      const { body } = await send("POST", `${api}/experiments/create`, {
        user: "owner",
        body: { name: `s${index}` },
      });
      await status("owner", "POST", `${api}/registered-models/create`, { name: `s${index}` });
      if (index % 2 === 1) continue;
      await users.grant(user, {
        resourceType: "experiment",
        pattern: body.experiment_id,
        permission: "READ",
      });
      await users.grant(user, { resourceType: "registered_model", pattern: `s${index}`, permission: "READ" });
    }
    for (const kind of ["experiments", "registered-models"]) {
      const search = (fields: object) =>
        send("POST", `${api}/${kind}/search`, { user, body: { order_by: ["name ASC"], ...fields } });
      const key = kind.replace("-", "_");
      const names = (answer: Answer) => answer.body[key].map(({ name }: { name: string }) => name);
      expect(names(await search({}))).toEqual(["s0", "s2", "s4"]);
      const first = await search({ max_results: 2 });
      expect(names(first)).toEqual(["s0", "s2"]);
      const second = await search({ max_results: 2, page_token: first.body.next_page_token });
      expect(names(second)).toEqual(["s4"]);
    }
    const all = (await store.searchExperiments()).map(({ experimentId }) => experimentId);
    const runs = await send("POST", `${api}/runs/search`, { user, body: { experiment_ids: all } });
    expect(runs.body.runs).toEqual([]);
    const models = await send("POST", `${api}/logged-models/search`, { user, body: { experiment_ids: all } });
    expect(models.body.models).toEqual([]);
    const theirs = await send("POST", `${api}/runs/search`, { user: "owner", body: { experiment_ids: all } });
    expect(theirs.body.runs.length).toBeGreaterThan(0);
  });

  test("another spelling of an id is the same experiment", async () => {
    const user = await addUser("speller");
    await users.grant(user, { resourceType: "experiment", pattern: "*", permission: "READ" });
    await users.grant(user, { resourceType: "experiment", pattern: ids["experiment"]!, permission: "DENY" });
    for (const spelled of [
      `0${ids["experiment"]}`,
      `${ids["experiment"]}.0`,
      ` ${ids["experiment"]}`,
      `+${ids["experiment"]}`,
    ]) {
      const answer = await send(
        "GET",
        `${api}/experiments/get?experiment_id=${encodeURIComponent(spelled)}`,
        { user },
      );
      expect([spelled, answer.body.experiment]).toEqual([spelled, undefined]);
    }
    const twice = `/get-artifact?path=note.txt&run_id=${ids["run"]}&run_id=${"0".repeat(32)}`;
    expect((await send("GET", twice, { user })).status).toBe(403);
  });

  test("a file goes with its experiment, however its path is written", async () => {
    const user = await addUser("prowler");
    await users.grant(user, { resourceType: "experiment", pattern: "*", permission: "READ" });
    await users.grant(user, { resourceType: "experiment", pattern: ids["experiment"]!, permission: "DENY" });
    const { file = "" } = ids;
    const paths = [
      file,
      `/${file}`,
      `./${file}`,
      `x/../${file}`,
      file.replaceAll("/", "%2f"),
      file.replaceAll("/", "//"),
    ];
    for (const path of [...paths, `%25${file.charCodeAt(0).toString(16)}${file.slice(1)}`]) {
      const answer = await send("GET", `/api/2.0/mlflow-artifacts/artifacts/${path}`, { user });
      expect([path, [400, 403].includes(answer.status)]).toEqual([path, true]);
    }
  });

  test("only admins say where artifacts are, so that nobody reads another's through their own runs", async () => {
    const body = { name: "thief", artifact_location: `mlflow-artifacts:/${ids["experiment"]}` };
    expect((await send("POST", `${api}/experiments/create`, { user: "owner", body })).status).toBe(403);
    const { body: made } = await send("POST", `${api}/experiments/create`, {
      user: "root",
      body: { name: "elsewhere", artifact_location: "mlflow-artifacts:/team/a" },
    });
    const user = await addUser("teammate");
    await users.grant(user, { resourceType: "experiment", pattern: made.experiment_id, permission: "EDIT" });
    const run = await send("POST", `${api}/runs/create`, {
      user,
      body: { experiment_id: made.experiment_id },
    });
    const root = run.body.run.info.artifact_uri.replace(
      "mlflow-artifacts:/",
      "/api/2.0/mlflow-artifacts/artifacts/",
    );
    expect((await send("PUT", `${root}/x.txt`, { user, body: "x" })).status).toBe(200);
    expect((await send("PUT", `${root}/x.txt`, { user: "owner", body: "x" })).status).toBe(403);
    expect(
      (await send("PUT", `${root.replace("/team/", "/other/")}/x.txt`, { user, body: "x" })).status,
    ).toBe(403);
  });

  test("a version is made only of what its maker may read", async () => {
    const user = await addUser("registrar");
    await status(user, "POST", `${api}/registered-models/create`, { name: "loot" });
    const create = (fields: object) =>
      status(user, "POST", `${api}/model-versions/create`, { name: "loot", ...fields });
    expect(await create({ source: `runs:/${ids["run"]}/model`, run_id: ids["run"] })).toBe(403);
    expect(await create({ source: `models:/${ids["logged"]}`, model_id: ids["logged"] })).toBe(403);
    expect(await create({ source: "models:/champ/1" })).toBe(403);
    expect(await create({ source: "s3://bucket/of/others" })).toBe(403);
    await users.grant(user, { resourceType: "experiment", pattern: ids["experiment"]!, permission: "READ" });
    expect(await create({ source: `runs:/${ids["run"]}/model`, run_id: ids["run"] })).toBe(200);
    expect(await create({ source: `models:/${ids["logged"]}`, model_id: ids["logged"] })).toBe(200);
    expect(await create({ source: "s3://bucket/of/others", run_id: ids["run"] })).toBe(403);
  });

  test("grants follow a model to its new name, and end with it", async () => {
    const user = await addUser("renamer");
    const api2 = `${api}/registered-models`;
    await status(user, "POST", `${api2}/create`, { name: "before" });
    expect(await status(user, "POST", `${api2}/rename`, { name: "before", new_name: "after" })).toBe(200);
    expect(await status(user, "GET", `${api2}/get`, { name: "after" })).toBe(200);
    expect(await status(user, "DELETE", `${api2}/delete`, { name: "after" })).toBe(200);
    await status("owner", "POST", `${api2}/create`, { name: "after" });
    expect(await status(user, "GET", `${api2}/get`, { name: "after" })).toBe(403);
  });

  test("the history of the registry names who signed in, whatever the client says", async () => {
    await status("owner", "POST", `${api}/runs/set-tag`, { run_id: ids["run"], key: "a", value: "b" });
    const made = await send("POST", `${api}/model-versions/create`, {
      user: "owner",
      body: { name: "champ", source: `runs:/${ids["run"]}/m`, run_id: ids["run"] },
    });
    await status("owner", "POST", `${api}/registered-models/alias`, {
      name: "champ",
      alias: "champion",
      version: made.body.model_version.version,
      sconce_user_id: "root",
    });
    expect((await store.registryHistory("champ")).at(-1)).toMatchObject({
      name: "champion",
      userId: "owner",
    });
  });

  test("the feed of changes has those of what may be read", async () => {
    const user = await addUser("watcher");
    await users.grant(user, { resourceType: "experiment", pattern: ids["experiment"]!, permission: "READ" });
    const controller = new AbortController();
    const feed = await fetch(`${server.url}/ajax-api/2.0/sconce/events`, {
      headers: { Authorization: basic(user) },
      signal: controller.signal,
    });
    await status("owner", "POST", `${api}/experiments/create`, { name: "unseen" });
    await status("owner", "POST", `${api}/registered-models/set-tag`, {
      name: "champ",
      key: "k",
      value: "v",
    });
    await status("owner", "POST", `${api}/runs/set-tag`, { run_id: ids["run"], key: "k", value: "v" });
    const seen = await readUntil(feed, /"kind":"run"/);
    controller.abort();
    expect(seen).not.toMatch(/unseen|experiment|registered_model/);
  });

  test("a role lends its permissions to those who have it, and a user's own role to nobody else", async () => {
    const user = await addUser("actor");
    const roles = "/ajax-api/3.0/mlflow/roles";
    const run = () => status(user, "GET", `${api}/runs/get`, { run_id: ids["run"] });
    const ask = (method: string, path: string, body: object) =>
      send(method, `${roles}/${path}`, { user: "root", body });
    const { role } = (await ask("POST", "create", { name: "readers", workspace: "default" })).body;
    const grant = { resource_type: "experiment", resource_pattern: ids["experiment"], permission: "READ" };
    expect((await ask("POST", "permissions/add", { role_id: role.id, ...grant })).status).toBe(200);
    expect(await run()).toBe(403);
    await ask("POST", "assign", { username: user, role_id: role.id });
    expect(await run()).toBe(200);
    expect(await status(user, "POST", `${roles}/assign`, { username: user, role_id: role.id })).toBe(403);
    await ask("DELETE", "delete", { role_id: role.id });
    expect(await run()).toBe(403);

    const [own] = await users.listGrants((await users.get("owner")).id);
    const lent = await ask("POST", "assign", { username: user, role_id: own?.roleId });
    expect(lent.body.message).toMatch(/it is one user's own/);
    expect((await ask("DELETE", "delete", { role_id: own?.roleId })).status).toBe(400);
  });

  test("a finer grant of MLflow's, which this server cannot tell apart, closes everything", async () => {
    const user = await addUser("finer");
    await users.grant(user, { resourceType: "experiment", pattern: "*", permission: "MANAGE" });
    expect(await status(user, "GET", `${api}/runs/get`, { run_id: ids["run"] })).toBe(200);
    await users.grant(user, { resourceType: "run", pattern: "*", permission: "DENY" });
    expect(await status(user, "GET", `${api}/runs/get`, { run_id: ids["run"] })).toBe(403);
    expect(await status(user, "POST", `${api}/experiments/create`, { name: "by finer" })).toBe(403);
  });
});

async function readUntil(response: Response, pattern: RegExp): Promise<string> {
  let text = "";
  for await (const chunk of response.body!) {
    text += Buffer.from(chunk as Uint8Array).toString();
    if (pattern.test(text)) return text;
  }
  return text;
}
