// Notifications of the built command line: a training's own, and a server's.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ActiveRun, RestStore } from "sconce/tracking";
import { afterEach, expect, test, vi } from "vitest";
import { makeTinyProject } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";
import { startReceiver } from "../webhook-receiver.ts";

const sconce = fileURLToPath(new URL("../../bin/sconce", import.meta.url));

function start(words: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(sconce, words, { env: { ...process.env, ...env } });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (said.stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (said.stderr += String(chunk)));
  const ended = once(child, "close").then(([code]) => ({ code: code as number, ...said }));
  return { child, said, ended };
}

let project: TinyProject | undefined;
afterEach(() => project?.remove());

/** Makes a project whose config has notifications; `told` is the file to which `command` adds a line each time. */
function makeProject(notifications: (command: string[]) => unknown[], trainer: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const told = join(folder, "told.jsonl");
  const hook = join(folder, "hook.mjs");
  writeFileSync(
    hook,
    `import { appendFileSync, readFileSync } from "node:fs";
     appendFileSync(${JSON.stringify(told)}, readFileSync(0, "utf8") + "\\n");`,
  );
  project = makeTinyProject({
    config: {
      mlops: { notifications: notifications([process.execPath, hook]) },
      trainer: { max_epochs: 1, enable_progress_bar: false, ...trainer },
    },
  });
  const lines = () =>
    existsSync(told)
      ? readFileSync(told, "utf8")
          .trim()
          .split("\n")
          .map(
            (line) => JSON.parse(line) as { entity: string; action: string; data: Record<string, unknown> },
          )
      : [];
  return { project, lines };
}

test("sconce train tells a command of the version, the alias and the end of the run, and records no list", async () => {
  const { project: made, lines } = makeProject((command) => [
    { on: ["run_finished", "run_failed", "alias_changed", "model_version.created"], command },
  ]);
  const { code, stderr } = await start(["train", made.config]).ended;
  expect(code, stderr).toBe(0);
  const told = lines();
  expect(told.map(({ entity, action }) => `${entity}.${action}`)).toEqual([
    "model_version.created",
    "model_version_alias.created",
    "run.finished",
  ]);
  expect(told[1]!.data).toEqual({ name: "demo", alias: "champion", version: "1" });
  expect(told[2]!.data).toMatchObject({ experiment_name: "demo/first", status: "FINISHED" });
  expect(readFileSync(join(made.runs()[0]!, "use_case.yaml"), "utf8")).not.toContain("hook.mjs");
});

test("a training that is killed is told by the command that started it", async () => {
  const { project: made, lines } = makeProject((command) => [{ on: ["run_killed"], command }], {
    max_epochs: 100_000,
  });
  const { ended } = start(["train", made.config]);
  const lock = await vi.waitFor(
    () => {
      const [run] = made.runs();
      if (!readdirSync(run!).includes("checkpoints")) throw new Error("not yet");
      return JSON.parse(readFileSync(join(run!, "run.lock"), "utf8")) as { pid: number };
    },
    { timeout: 30_000, interval: 50 },
  );
  process.kill(lock.pid, "SIGKILL");
  expect((await ended).code).toBe(1);
  expect(lines().map(({ data }) => [data["status"], data["signal"]])).toEqual([["KILLED", "SIGKILL"]]);
});

test("a receiver that fails changes nothing about the training", async () => {
  const { project: made } = makeProject(() => [
    { on: ["run_finished"], command: ["/no/such/program"] },
    { on: ["run_finished"], webhook: "https://no-such-host.invalid/" },
  ]);
  const { code, stderr } = await start(["train", made.config]).ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("warn: notifications: /no/such/program: spawn /no/such/program ENOENT");
  expect(stderr).toContain("warn: notifications: https://no-such-host.invalid: 1 event was not told to it");
});

test("everything wrong in a config's list is said at once, before anything is trained", async () => {
  const { project: made } = makeProject((command) => [
    { on: ["run_finnished"], command },
    { on: [], command },
    { on: ["run_failed"], comand: command },
  ]);
  const { code, stderr } = await start(["check", made.config]).ended;
  expect(code).toBe(2);
  expect(stderr).toMatch(/mlops\.notifications\.0\.on\.0: expected one of .* Did you mean "run_finished"\?/);
  expect(stderr).toMatch(/mlops\.notifications\.1\.on: expected a list of events, at least one, got \[\]/);
  expect(stderr).toMatch(/mlops\.notifications\.2\.comand: unknown key\. Did you mean "command"\?/);
  project!.remove();

  const { project: other } = makeProject((command) => [
    { on: ["run_failed"], webhook: "https://2130706433/", secret_env: "NO_SUCH_SECRET" },
    { on: ["run_failed"], webhook: "https://example.com", command },
  ]);
  const checked = await start(["check", other.config]).ended;
  expect(checked.stderr).toMatch(
    /:\d+:\d+: mlops\.notifications\.0\.webhook: its host must be written as "127\.0\.0\.1", got "2130706433"\./,
  );
  expect(checked.stderr).toMatch(
    /notifications\.0\.secret_env: it must name an environment variable that is set/,
  );
  expect(checked.stderr).toMatch(
    /notifications\.1\.command: either command or webhook must be set, got both\./,
  );
});

test("sconce server tells of its clients' runs, signed, and a training behind it leaves that to the server", async () => {
  const receiver = await startReceiver();
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const list = join(folder, "notify.yaml");
  writeFileSync(
    list,
    `- on: [run_finished, run_failed]\n  webhook: ${receiver.url}\n  secret_env: HOOK_SECRET\n`,
  );
  const words = ["server", "--port", "0", "--backend-store-uri", `sqlite:///${join(folder, "mlflow.db")}`];
  const env = { HOOK_SECRET: "hush", SCONCE_WEBHOOK_ALLOWED_HOSTS: receiver.host };
  const server = start([...words, "--notify", list], env);
  const url = await vi.waitFor(() => /^MLFLOW_TRACKING_URI=(\S+)$/m.exec(server.said.stdout)![1]!, {
    timeout: 20_000,
  });
  const store = RestStore.open(url);
  await (await ActiveRun.start({ store, experimentName: "told", journalFolder: false })).end("FAILED", "why");
  await store.close();
  await vi.waitFor(() => expect(receiver.calls).toHaveLength(1));
  expect(JSON.parse(receiver.calls[0]!.body)).toMatchObject({
    entity: "run",
    action: "failed",
    data: { reason: "why" },
  });
  expect(receiver.calls[0]!.headers["x-mlflow-signature"]).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);

  const { project: made, lines } = makeProject((command) => [{ on: ["run_finished"], command }]);
  const trained = await start(["train", made.config, `mlops.tracking.uri=${url}`]).ended;
  expect(trained.code, trained.stderr).toBe(0);
  expect(trained.stderr).toContain(`mlops.notifications: ${url} is a server, so it tells of runs`);
  expect(lines()).toEqual([]);
  await vi.waitFor(() => expect(receiver.calls).toHaveLength(2));
  server.child.kill("SIGTERM");
  expect((await server.ended).code).toBe(0);
  receiver.close();
});

test("sconce server refuses a list that is wrong, with its place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const list = join(folder, "notify.json");
  writeFileSync(list, '[{ "on": ["run_failed"], "webhook": "http://10.0.0.1/" }, { "on": "run_failed" }]');
  const words = ["server", "--port", "0", "--backend-store-uri", `sqlite:///${join(folder, "mlflow.db")}`];
  const first = await start([...words, "--notify", list]).ended;
  expect(first.code).toBe(2);
  expect(first.stderr).toMatch(
    /notify\.json:1:\d+: 1\.on: expected a list of events, at least one, got "run_failed"/,
  );
  writeFileSync(list, '[{ "on": ["run_failed"], "webhook": "http://10.0.0.1/" }]');
  const second = await start([...words, "--notify", list]).ended;
  expect(second.stderr).toMatch(
    /notify\.json:1:\d+: 0\.webhook: it must begin with https:\/\/, got http:\/\/\. To allow it, set SCONCE_WEBHOOK_ALLOWED_HOSTS=10\.0\.0\.1/,
  );
});

test("sconce models tells a command of a registration and of a promotion", async () => {
  const { project: made, lines } = makeProject((command) => [
    { on: ["registered_model.created", "stage_changed"], command },
  ]);
  const { mlops } = JSON.parse(readFileSync(made.config, "utf8")) as { mlops: { notifications: unknown } };
  const list = join(made.root, "notify.json");
  writeFileSync(list, JSON.stringify(mlops.notifications));
  const trained = await start(["train", made.config]).ended;
  expect(trained.code, trained.stderr).toBe(0);
  const env = { MLFLOW_TRACKING_URI: `sqlite:///${made.database}` };
  const copied = await start(["models", "register", "models:/demo/1", "other", "--notify", list], env).ended;
  expect(copied.code, copied.stderr).toBe(0);
  const words = ["models", "transition", "demo", "--stage", "Production", "--version", "1", "--notify", list];
  const moved = await start(words, env).ended;
  expect(moved.code, moved.stderr).toBe(0);
  expect(lines().map(({ entity, action, data }) => [`${entity}.${action}`, data["name"]])).toEqual([
    ["registered_model.created", "demo"],
    ["registered_model.created", "other"],
    ["model_version_stage.set", "demo"],
  ]);
});
