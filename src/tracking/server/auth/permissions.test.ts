// What each level of permission opens on a server with users: what MLflow's does.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServerWithUsers } from "../../../../tests/fixtures/server-with-users.ts";
import type { JsonAnswer } from "../../../../tests/raw-request.ts";

const api = "/api/2.0/mlflow";
let there: ServerWithUsers;
const ids: Record<string, string> = {};

beforeAll(async () => {
  there = await ServerWithUsers.start();
  await there.addUser("owner");
  const made = await there.send("POST", `${api}/experiments/create`, {
    user: "owner",
    body: { name: "matrix" },
  });
  ids["experiment"] = made.body.experiment_id;
  const { body } = await there.send("POST", `${api}/runs/create`, {
    user: "owner",
    body: { experiment_id: ids["experiment"] },
  });
  ids["run"] = body.run.info.run_id;
  const logged = await there.send("POST", `${api}/logged-models`, {
    user: "owner",
    body: { experiment_id: ids["experiment"], name: "net" },
  });
  ids["logged"] = logged.body.model.info.model_id;
  const created = await there.status("owner", "POST", `${api}/registered-models/create`, { name: "champ" });
  expect(created).toBe(200);
  const path = `${ids["experiment"]}/${ids["run"]}/artifacts/note.txt`;
  ids["file"] = path;
  const put = await there.send("PUT", `/api/2.0/mlflow-artifacts/artifacts/${path}`, {
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
  const user = await there.addUser(`level ${level}`);
  if (level !== "none") {
    for (const [type, id] of [
      ["experiment", ids["experiment"]!],
      ["registered_model", "champ"],
    ] as const) {
      await there.users.grant(user, { resourceType: type, pattern: id, permission: level });
    }
  }
  const wrong: string[] = [];
  for (const [action, method, path, fields] of [...requests(), ...modelRequests()]) {
    const expected = actions[level]!.includes(action);
    const got = await there.status(user, method, path, fields);
    if ((got === 403) === expected || got === 401 || got >= 500)
      wrong.push(`${method} ${path} (${action}): ${got}`);
  }
  expect(wrong).toEqual([]);
});

test("an admin may do all of it", async () => {
  for (const [, method, path, fields] of [...requests(), ...modelRequests()]) {
    if (path.endsWith("purge-run")) continue;
    expect([path, await there.status("root", method, path, fields)]).not.toEqual([path, 403]);
  }
});

test("searches leave out what may not be read, and fill their pages with the rest", async () => {
  const user = await there.addUser("searcher");
  for (let index = 0; index < 6; index++) {
    const { body } = await there.send("POST", `${api}/experiments/create`, {
      user: "owner",
      body: { name: `s${index}` },
    });
    await there.status("owner", "POST", `${api}/registered-models/create`, { name: `s${index}` });
    if (index % 2 === 1) continue;
    await there.users.grant(user, {
      resourceType: "experiment",
      pattern: body.experiment_id,
      permission: "READ",
    });
    await there.users.grant(user, {
      resourceType: "registered_model",
      pattern: `s${index}`,
      permission: "READ",
    });
  }
  for (const kind of ["experiments", "registered-models"]) {
    const search = (fields: object) =>
      there.send("POST", `${api}/${kind}/search`, { user, body: { order_by: ["name ASC"], ...fields } });
    const key = kind.replace("-", "_");
    const names = (answer: JsonAnswer) => answer.body[key].map(({ name }: { name: string }) => name);
    expect(names(await search({}))).toEqual(["s0", "s2", "s4"]);
    const first = await search({ max_results: 2 });
    expect(names(first)).toEqual(["s0", "s2"]);
    const second = await search({ max_results: 2, page_token: first.body.next_page_token });
    expect(names(second)).toEqual(["s4"]);
  }
  const all = (await there.store.searchExperiments()).map(({ experimentId }) => experimentId);
  const runs = await there.send("POST", `${api}/runs/search`, { user, body: { experiment_ids: all } });
  expect(runs.body.runs).toEqual([]);
  const models = await there.send("POST", `${api}/logged-models/search`, {
    user,
    body: { experiment_ids: all },
  });
  expect(models.body.models).toEqual([]);
  const theirs = await there.send("POST", `${api}/runs/search`, {
    user: "owner",
    body: { experiment_ids: all },
  });
  expect(theirs.body.runs.length).toBeGreaterThan(0);
});

test("another spelling of an id is the same experiment", async () => {
  const user = await there.addUser("speller");
  await there.users.grant(user, { resourceType: "experiment", pattern: "*", permission: "READ" });
  await there.users.grant(user, {
    resourceType: "experiment",
    pattern: ids["experiment"]!,
    permission: "DENY",
  });
  for (const spelled of [
    `0${ids["experiment"]}`,
    `${ids["experiment"]}.0`,
    ` ${ids["experiment"]}`,
    `+${ids["experiment"]}`,
  ]) {
    const answer = await there.send(
      "GET",
      `${api}/experiments/get?experiment_id=${encodeURIComponent(spelled)}`,
      { user },
    );
    expect([spelled, answer.body.experiment]).toEqual([spelled, undefined]);
  }
  const twice = `/get-artifact?path=note.txt&run_id=${ids["run"]}&run_id=${"0".repeat(32)}`;
  expect((await there.send("GET", twice, { user })).status).toBe(403);
});

test("a file goes with its experiment, however its path is written", async () => {
  const user = await there.addUser("prowler");
  await there.users.grant(user, { resourceType: "experiment", pattern: "*", permission: "READ" });
  await there.users.grant(user, {
    resourceType: "experiment",
    pattern: ids["experiment"]!,
    permission: "DENY",
  });
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
    const answer = await there.send("GET", `/api/2.0/mlflow-artifacts/artifacts/${path}`, { user });
    expect([path, [400, 403].includes(answer.status)]).toEqual([path, true]);
  }
});

test("only admins say where artifacts are, so that nobody reads another's through their own runs", async () => {
  const body = { name: "thief", artifact_location: `mlflow-artifacts:/${ids["experiment"]}` };
  expect((await there.send("POST", `${api}/experiments/create`, { user: "owner", body })).status).toBe(403);
  const { body: made } = await there.send("POST", `${api}/experiments/create`, {
    user: "root",
    body: { name: "elsewhere", artifact_location: "mlflow-artifacts:/team/a" },
  });
  const user = await there.addUser("teammate");
  await there.users.grant(user, {
    resourceType: "experiment",
    pattern: made.experiment_id,
    permission: "EDIT",
  });
  const run = await there.send("POST", `${api}/runs/create`, {
    user,
    body: { experiment_id: made.experiment_id },
  });
  const root = run.body.run.info.artifact_uri.replace(
    "mlflow-artifacts:/",
    "/api/2.0/mlflow-artifacts/artifacts/",
  );
  expect((await there.send("PUT", `${root}/x.txt`, { user, body: "x" })).status).toBe(200);
  expect((await there.send("PUT", `${root}/x.txt`, { user: "owner", body: "x" })).status).toBe(403);
  expect(
    (await there.send("PUT", `${root.replace("/team/", "/other/")}/x.txt`, { user, body: "x" })).status,
  ).toBe(403);
});

test("a version is made only of what its maker may read", async () => {
  const user = await there.addUser("registrar");
  await there.status(user, "POST", `${api}/registered-models/create`, { name: "loot" });
  const create = (fields: object) =>
    there.status(user, "POST", `${api}/model-versions/create`, { name: "loot", ...fields });
  expect(await create({ source: `runs:/${ids["run"]}/model`, run_id: ids["run"] })).toBe(403);
  expect(await create({ source: `models:/${ids["logged"]}`, model_id: ids["logged"] })).toBe(403);
  expect(await create({ source: "models:/champ/1" })).toBe(403);
  expect(await create({ source: "s3://bucket/of/others" })).toBe(403);
  await there.users.grant(user, {
    resourceType: "experiment",
    pattern: ids["experiment"]!,
    permission: "READ",
  });
  expect(await create({ source: `runs:/${ids["run"]}/model`, run_id: ids["run"] })).toBe(200);
  expect(await create({ source: `models:/${ids["logged"]}`, model_id: ids["logged"] })).toBe(200);
  expect(await create({ source: "s3://bucket/of/others", run_id: ids["run"] })).toBe(403);
});

test("grants follow a model to its new name, and end with it", async () => {
  const user = await there.addUser("renamer");
  const api2 = `${api}/registered-models`;
  await there.status(user, "POST", `${api2}/create`, { name: "before" });
  expect(await there.status(user, "POST", `${api2}/rename`, { name: "before", new_name: "after" })).toBe(200);
  expect(await there.status(user, "GET", `${api2}/get`, { name: "after" })).toBe(200);
  expect(await there.status(user, "DELETE", `${api2}/delete`, { name: "after" })).toBe(200);
  await there.status("owner", "POST", `${api2}/create`, { name: "after" });
  expect(await there.status(user, "GET", `${api2}/get`, { name: "after" })).toBe(403);
});

test("the history of the registry names who signed in, whatever the client says", async () => {
  await there.status("owner", "POST", `${api}/runs/set-tag`, { run_id: ids["run"], key: "a", value: "b" });
  const made = await there.send("POST", `${api}/model-versions/create`, {
    user: "owner",
    body: { name: "champ", source: `runs:/${ids["run"]}/m`, run_id: ids["run"] },
  });
  await there.status("owner", "POST", `${api}/registered-models/alias`, {
    name: "champ",
    alias: "champion",
    version: made.body.model_version.version,
    sconce_user_id: "root",
  });
  expect((await there.store.registryHistory("champ")).at(-1)).toMatchObject({
    name: "champion",
    userId: "owner",
  });
});

test("the feed of changes has those of what may be read", async () => {
  const user = await there.addUser("watcher");
  await there.users.grant(user, {
    resourceType: "experiment",
    pattern: ids["experiment"]!,
    permission: "READ",
  });
  const controller = new AbortController();
  const feed = await fetch(`${there.server.url}/ajax-api/2.0/sconce/events`, {
    headers: there.signIn(user),
    signal: controller.signal,
  });
  await there.status("owner", "POST", `${api}/experiments/create`, { name: "unseen" });
  await there.status("owner", "POST", `${api}/registered-models/set-tag`, {
    name: "champ",
    key: "k",
    value: "v",
  });
  await there.status("owner", "POST", `${api}/runs/set-tag`, { run_id: ids["run"], key: "k", value: "v" });
  const seen = await readUntil(feed, /"kind":"run"/);
  controller.abort();
  expect(seen).not.toMatch(/unseen|experiment|registered_model/);
});

test("a role lends its permissions to those who have it, and a user's own role to nobody else", async () => {
  const user = await there.addUser("actor");
  const roles = "/ajax-api/3.0/mlflow/roles";
  const run = () => there.status(user, "GET", `${api}/runs/get`, { run_id: ids["run"] });
  const ask = (method: string, path: string, body: object) =>
    there.send(method, `${roles}/${path}`, { user: "root", body });
  const { role } = (await ask("POST", "create", { name: "readers", workspace: "default" })).body;
  const grant = { resource_type: "experiment", resource_pattern: ids["experiment"], permission: "READ" };
  expect((await ask("POST", "permissions/add", { role_id: role.id, ...grant })).status).toBe(200);
  expect(await run()).toBe(403);
  await ask("POST", "assign", { username: user, role_id: role.id });
  expect(await run()).toBe(200);
  expect(await there.status(user, "POST", `${roles}/assign`, { username: user, role_id: role.id })).toBe(403);
  await ask("DELETE", "delete", { role_id: role.id });
  expect(await run()).toBe(403);

  const [own] = await there.users.listGrants((await there.users.get("owner")).id);
  const lent = await ask("POST", "assign", { username: user, role_id: own?.roleId });
  expect(lent.body.message).toMatch(/it is one user's own/);
  expect((await ask("DELETE", "delete", { role_id: own?.roleId })).status).toBe(400);
});

test("a finer grant of MLflow's, which this server cannot tell apart, closes everything", async () => {
  const user = await there.addUser("finer");
  await there.users.grant(user, { resourceType: "experiment", pattern: "*", permission: "MANAGE" });
  expect(await there.status(user, "GET", `${api}/runs/get`, { run_id: ids["run"] })).toBe(200);
  await there.users.grant(user, { resourceType: "run", pattern: "*", permission: "DENY" });
  expect(await there.status(user, "GET", `${api}/runs/get`, { run_id: ids["run"] })).toBe(403);
  expect(await there.status(user, "POST", `${api}/experiments/create`, { name: "by finer" })).toBe(403);
});

afterAll(() => there.close());

async function readUntil(response: Response, pattern: RegExp): Promise<string> {
  let text = "";
  for await (const chunk of response.body!) {
    text += Buffer.from(chunk as Uint8Array).toString();
    if (pattern.test(text)) return text;
  }
  return text;
}
