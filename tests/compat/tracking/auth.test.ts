// MLflow's own clients as users of our server and of MLflow's with its basic-auth app: both let each do the same.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore, TrackingServer, UserStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type MlflowServer, startMlflowServer } from "../mlflow-server.ts";
import { compatPython, compatSkipReason, runPythonBeside } from "../python.ts";

const script = readFileSync(new URL("./auth_client.py", import.meta.url), "utf8");
const admin = { username: "root", password: "the password of root" };
/** MLflow checks a password for each request, which takes minutes here, unless it is told to remember. */
const settings = `[mlflow]
default_permission = READ
database_uri = sqlite:///basic_auth.db
auth_cache_ttl_seconds = 600
`;
const env = {
  MLFLOW_AUTH_ADMIN_USERNAME: admin.username,
  MLFLOW_AUTH_ADMIN_PASSWORD: admin.password,
  MLFLOW_FLASK_SERVER_SECRET_KEY: "for this test",
};
const skipReason = compatSkipReason ?? missingPackage();

function missingPackage(): string | undefined {
  try {
    execFileSync(compatPython(), ["-c", "import flask_wtf"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "this Python has no Flask-WTF, which MLflow's basic-auth app and its client need";
  }
}

describe.skipIf(skipReason !== undefined)(`users (${skipReason ?? "on"})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  let theirs: MlflowServer;
  let store: SqliteStore;
  const users: UserStore[] = [];
  const servers: TrackingServer[] = [];

  /** Starts our server with the users of a file. */
  async function serve(path: string): Promise<TrackingServer> {
    const opened = await UserStore.open(path);
    users.push(opened);
    const server = await TrackingServer.start({
      store,
      port: 0,
      artifacts: { destination: join(folder, "ours") },
      auth: { users: opened },
    });
    servers.push(server);
    return server;
  }

  beforeAll(async () => {
    const file = join(folder, "basic_auth.ini");
    writeFileSync(file, settings);
    theirs = await startMlflowServer(folder, {
      words: ["--app-name", "basic-auth"],
      env: { ...env, MLFLOW_AUTH_CONFIG_PATH: file },
    });
    store = await SqliteStore.open({ path: join(folder, "ours.db"), artifactRoot: "mlflow-artifacts:/" });
  }, 150_000);

  afterAll(async () => {
    for (const server of servers) await server.close();
    for (const opened of users) await opened.close();
    await store.close();
    await theirs.stop();
  });

  test("MLflow's clients may do the same on both servers", async () => {
    const ours = await serve(join(folder, "users.db"));
    await users[0]!.create({ ...admin, isAdmin: true });
    const words = [admin.username, admin.password];
    const expected = await runPythonBeside(script, theirs.url, ...words);
    expect(Object.keys(expected as object).length).toBeGreaterThan(200);
    expect(await runPythonBeside(script, ours.url, ...words)).toEqual(expected);
  }, 600_000);

  test("our server takes over the users of MLflow's, and MLflow's those of ours", async () => {
    const taken = await serve(join(folder, "basic_auth.db"));
    const current = async (url: string, username: string, password: string) => {
      const Authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
      const answer = await fetch(`${url}/api/2.0/mlflow/users/current`, { headers: { Authorization } });
      return answer.ok
        ? ((await answer.json()) as { user: { username: string } }).user.username
        : answer.status;
    };
    expect(await current(taken.url, admin.username, admin.password)).toBe(admin.username);
    expect(await current(taken.url, "zoë", "a long password")).toBe("zoë");
    expect(await current(taken.url, "zoë", "another password")).toBe(401);
    await users.at(-1)!.create({ username: "made by sconce", password: "a password of ours" });
    await users
      .at(-1)!
      .grant("made by sconce", { resourceType: "experiment", pattern: "1", permission: "EDIT" });
    expect(await current(theirs.url, "made by sconce", "a password of ours")).toBe("made by sconce");
    const asked = await fetch(
      `${theirs.url}/api/3.0/mlflow/users/permissions/get?username=made+by+sconce&resource_type=experiment&resource_id=1`,
      {
        headers: {
          Authorization: `Basic ${Buffer.from(`${admin.username}:${admin.password}`).toString("base64")}`,
        },
      },
    );
    expect(await asked.json()).toEqual({ allowed: true, permission: "EDIT" });
  }, 60_000);
});
