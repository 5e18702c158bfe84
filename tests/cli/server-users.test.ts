// `sconce server` with users, as a process: the first admin, signing in, and what is refused before it starts.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RestStore } from "sconce/tracking";
import { expect, test } from "vitest";

const sconce = fileURLToPath(new URL("../../bin/sconce", import.meta.url));
const password = "a long password";

function start(
  words: readonly string[],
  { input, env = {} }: { input?: string; env?: Record<string, string> } = {},
) {
  const child = spawn(sconce, ["server", ...words], { env: { ...process.env, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  child.stdin.on("error", () => {}); // a command that reads nothing may end before the input does
  child.stdin.end(input ?? "");
  const ended = once(child, "close").then(([code]) => ({ code: code as number, stdout, stderr }));
  const url = new Promise<string>((resolve) => {
    child.stdout.on("data", () => {
      const found = /^MLFLOW_TRACKING_URI=(\S+)$/m.exec(stdout)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return { child, ended, url };
}

function newFolder() {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const database = join(folder, "basic_auth.db");
  const store = ["--backend-store-uri", `sqlite:///${join(folder, "mlflow.db")}`];
  return { folder, database, store, users: ["--auth-database", database] };
}

test("an admin is made by a command that reads the password, and signs in to the server", async () => {
  const { folder, database, store, users } = newFolder();
  const added = await start(["users", "add", "ada", "--admin", ...users], { input: `${password}\n` }).ended;
  expect(added).toEqual({ code: 0, stdout: `Admin "ada" is in ${database}\n`, stderr: "" });
  await start(["users", "add", "bob", ...users], { input: password }).ended;
  expect((await start(["users", "list", ...store]).ended).stdout).toBe("ada (admin)\nbob\n");
  const changed = await start(["users", "set-password", "bob", ...users], { input: `${password}!` }).ended;
  expect(changed).toEqual({ code: 0, stdout: `User "bob" has a new password in ${database}\n`, stderr: "" });
  const removed = await start(["users", "remove", "bob", ...users]).ended;
  expect(removed).toEqual({ code: 0, stdout: `User "bob" is no longer in ${database}\n`, stderr: "" });

  const auditLog = join(folder, "audit.jsonl");
  const server = start([...store, "--port", "0", "--app-name", "basic-auth", "--audit-log", auditLog]);
  const url = await server.url;
  expect((await fetch(`${url}/api/2.0/mlflow/experiments/search`)).status).toBe(401);
  const client = RestStore.open(url.replace("//", `//ada:${encodeURIComponent(password)}@`));
  const id = await client.createExperiment({ name: "signed in" });
  expect((await client.getExperiment(id)).name).toBe("signed in");
  await client.close();
  await expect(RestStore.open(url).getExperiment(id)).rejects.toThrow(
    /sign in with a user name and password/,
  );
  server.child.kill("SIGTERM");
  expect(await server.ended).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(auditLog, "utf8")).toMatch(/"user":"ada".*"name":"signed in".*"status":200/);
}, 60_000);

test("the first admin can come from MLflow's variables", async () => {
  const { store } = newFolder();
  const env = { MLFLOW_AUTH_ADMIN_USERNAME: "root", MLFLOW_AUTH_ADMIN_PASSWORD: password };
  const server = start([...store, "--port", "0", "--app-name", "basic-auth"], { env });
  const url = await server.url;
  const Authorization = `Basic ${Buffer.from(`root:${password}`).toString("base64")}`;
  const answer = await fetch(`${url}/api/2.0/mlflow/users/current`, { headers: { Authorization } });
  expect(await answer.json()).toMatchObject({ user: { username: "root", is_admin: true } });
  server.child.kill("SIGTERM");
  await server.ended;
}, 60_000);

test("a network address warns that passwords come in the clear", async () => {
  const { store } = newFolder();
  const env = { MLFLOW_AUTH_ADMIN_PASSWORD: password };
  const server = start([...store, "--port", "0", "--host", "0.0.0.0", "--app-name", "basic-auth"], { env });
  await server.url;
  server.child.kill("SIGTERM");
  expect((await server.ended).stderr).toMatch(/passwords come to http:\/\/0\.0\.0\.0:\d+ unencrypted/);
}, 60_000);

const basicAuth = ["--app-name", "basic-auth"];
test.each<[string[], Record<string, string>, RegExp]>([
  [basicAuth, {}, /there must be an admin, and there is none.*sconce server users add NAME --admin/s],
  [basicAuth, { MLFLOW_AUTH_ADMIN_PASSWORD: "short" }, /password: it must have 12 to 512 characters, got 5/],
  [basicAuth, { MLFLOW_AUTH_CONFIG_PATH: "x.ini" }, /MLFLOW_AUTH_CONFIG_PATH: no file of settings is read/],
  [[...basicAuth, "--default-permission", "REED"], {}, /unknown permission "REED".*READ/],
  [["--default-permission", "READ"], {}, /Add --app-name basic-auth/],
  [["--app-name", "basic"], {}, /--app-name: it must be basic-auth/],
  [["--audit-log", "/no/such/folder/x"], {}, /the audit log must be a file that can be written/],
  [["users"], {}, /an action is missing.*add/s],
  [["users", "add", "ada"], {}, /standard input, which is empty/],
])("%j with %j is refused with one message", async (words, env, message) => {
  const { store } = newFolder();
  const [action, ...rest] = words[0] === "users" ? words : ["", ...words];
  const flags = action === "users" && rest.length === 0 ? [] : [...store];
  const { code, stderr } = await start([...(action === "" ? [] : [action!]), ...rest, ...flags], { env })
    .ended;
  expect(code).not.toBe(0);
  expect(stderr).toMatch(message);
});
