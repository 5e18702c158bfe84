// Rights that must not come by another name: a folder's, a number's, a model's or a user's that is used again.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collectGarbage } from "../../collect-garbage.ts";
import { SqliteStore } from "../../stores/sql/sqlite-store.ts";
import { TrackingServer } from "../server.ts";
import { UserStore } from "./user-store.ts";

const api = "/api/2.0/mlflow";
const proxy = "/api/2.0/mlflow-artifacts/artifacts";
let store: SqliteStore;
let users: UserStore;
let server: TrackingServer;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  store = await SqliteStore.open({ path: join(folder, "mlflow.db"), artifactRoot: "mlflow-artifacts:/" });
  users = await UserStore.open(join(folder, "basic_auth.db"));
  for (const name of ["root", "ada", "bob"])
    await users.create({ username: name, password: passwordOf(name), isAdmin: name === "root" });
  const artifacts = { destination: join(folder, "artifacts") };
  server = await TrackingServer.start({ store, port: 0, artifacts, auth: { users } });
});

afterAll(async () => {
  await server.close();
  await store.close();
  await users.close();
});

const passwordOf = (name: string) => `${name}: a long password`;
const signIn = (name: string) => ({
  Authorization: `Basic ${Buffer.from(`${name}:${passwordOf(name)}`).toString("base64")}`,
});

async function ask(
  user: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...signIn(user), ...(body !== undefined && { "Content-Type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

async function made(user: string, path: string, body: object): Promise<any> {
  const { status, text } = await ask(user, "POST", `${api}/${path}`, body);
  expect([path, status, status === 200 ? "" : text]).toEqual([path, 200, ""]);
  return JSON.parse(text);
}

test("a folder whose name is a number belongs to the experiment that is there, not to one of that number", async () => {
  const { experiment_id: id } = await made("root", "experiments/create", {
    name: "secret",
    artifact_location: "mlflow-artifacts:/2024/secret",
  });
  const { run } = await made("root", "runs/create", { experiment_id: id });
  const place = run.info.artifact_uri.replace("mlflow-artifacts:/", "");
  expect((await ask("root", "PUT", `${proxy}/${place}/a.txt`, {})).status).toBe(200);
  await users.grant("ada", { resourceType: "experiment", pattern: id, permission: "DENY" });
  for (const path of [`${proxy}/${place}/a.txt`, `${proxy}?path=${place}`, `${proxy}?path=2024`]) {
    expect([path, (await ask("ada", "GET", path)).status]).toEqual([path, 403]);
  }
  expect((await ask("bob", "GET", `${proxy}/${place}/a.txt`)).status).toBe(200);
});

test("an experiment that gets the number of one that gc removed does not get its grants", async () => {
  const { experiment_id: first } = await made("ada", "experiments/create", { name: "first" });
  const grant = { username: "bob", resource_type: "experiment", resource_id: first, permission: "MANAGE" };
  expect((await ask("ada", "POST", "/api/3.0/mlflow/users/permissions/grant", grant)).status).toBe(200);
  await store.deleteExperiment(first);
  await collectGarbage(store); // by `sconce gc`, which knows no users
  const { experiment_id: second } = await made("root", "experiments/create", { name: "second" });
  expect(second).toBe(first);
  const fields = { experiment_id: second, key: "k", value: "v" };
  for (const user of ["ada", "bob"]) {
    const { status } = await ask(user, "POST", `${api}/experiments/set-experiment-tag`, fields);
    expect([user, status]).toEqual([user, 403]);
  }
  expect((await ask("root", "POST", `${api}/experiments/set-experiment-tag`, fields)).status).toBe(200);
});

test("a logged model does not come from a run that its maker may not read", async () => {
  const { experiment_id: hidden } = await made("root", "experiments/create", { name: "hidden" });
  const { run } = await made("root", "runs/create", { experiment_id: hidden });
  await users.grant("bob", { resourceType: "experiment", pattern: hidden, permission: "DENY" });
  const { experiment_id } = await made("bob", "experiments/create", { name: "bob's" });
  const model = { experiment_id, name: "m", source_run_id: run.info.run_id };
  expect((await ask("bob", "POST", `${api}/logged-models`, model)).status).toBe(403);
  const own = await made("bob", "runs/create", { experiment_id });
  await made("bob", "logged-models", { ...model, source_run_id: own.run.info.run_id });
});

test("a model is not renamed to what its owner may not have", async () => {
  await made("ada", "registered-models/create", { name: "mine" });
  await users.grant("ada", { resourceType: "registered_model", pattern: "reserved", permission: "DENY" });
  const rename = { name: "mine", new_name: "reserved" };
  expect((await ask("ada", "POST", `${api}/registered-models/rename`, rename)).status).toBe(403);
  expect((await ask("ada", "GET", `${api}/registered-models/get?name=mine`)).status).toBe(200);
});

test("the feed of a user who is gone is not that of the next one of the name", async () => {
  await users.create({ username: "temp", password: passwordOf("temp") });
  const end = new AbortController();
  const feed = await fetch(`${server.url}/ajax-api/2.0/sconce/events`, {
    headers: signIn("temp"),
    signal: end.signal,
  });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const chunk of feed.body!) seen.push(Buffer.from(chunk as Uint8Array).toString());
  })().catch(() => {}); // ended below
  await made("ada", "experiments/create", { name: "before" });
  await expect.poll(() => seen.join("")).toContain('"kind":"experiment"');
  const before = seen.length;
  await users.delete("temp");
  await users.create({ username: "temp", password: "another: a long password" });
  await made("ada", "experiments/create", { name: "after" });
  const other = await fetch(`${server.url}/ajax-api/2.0/sconce/events`, { headers: signIn("bob") });
  await made("ada", "experiments/create", { name: "later" });
  for await (const chunk of other.body!) if (String(Buffer.from(chunk as Uint8Array)).includes("kind")) break;
  end.abort();
  await reading;
  expect(seen.slice(before)).toEqual([]);
});
