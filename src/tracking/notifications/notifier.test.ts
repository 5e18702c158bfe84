// What notifiers do with commands that fail and servers that are away: try again, say so, and never throw.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { startReceiver } from "../../../tests/webhook-receiver.ts";
import { logger } from "../../base/index.ts";
import type { NotificationEvent } from "./event.ts";
import { Notifier } from "./notifier.ts";

const failed: NotificationEvent = {
  entity: "run",
  action: "failed",
  data: { run_id: "a1", run_name: "$(touch pwned); `id`", status: "FAILED" },
};
const on = ["run_failed"] as const;

const warnings: string[] = [];
logger.addSink((level, message) => {
  if (level === "warn") warnings.push(message);
});
afterEach(() => {
  warnings.length = 0;
  vi.unstubAllEnvs();
});

function script(body: string): { command: string[]; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const file = join(folder, "hook.mjs");
  writeFileSync(file, `import { readFileSync, writeFileSync } from "node:fs";\n${body}`);
  return { command: [process.execPath, file], folder };
}

/** Tells whether a process runs; one that nobody has asked for its exit code does not. */
function isRunning(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  if (existsSync(status)) return !/^State:\tZ/m.test(readFileSync(status, "utf8"));
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function tell(notifier: Notifier, ...events: NotificationEvent[]): Promise<void> {
  for (const event of events) notifier.publish(event);
  await notifier.close();
}

test("a command gets the event as JSON and its facts in the environment, and no shell reads them", async () => {
  const { command, folder } = script(`
    const { SCONCE_EVENT, SCONCE_RUN_ID, SCONCE_RUN_NAME, SCONCE_RUN_STATUS, SCONCE_DELIVERY_ID } = process.env;
    const env = { SCONCE_EVENT, SCONCE_RUN_ID, SCONCE_RUN_NAME, SCONCE_RUN_STATUS, id: SCONCE_DELIVERY_ID.length };
    const args = process.argv.slice(2);
    writeFileSync(import.meta.dirname + "/told.json", JSON.stringify({ event: JSON.parse(readFileSync(0)), env, args }));
  `);
  const finished: NotificationEvent = { ...failed, action: "finished" };
  await tell(new Notifier([{ on, command: [...command, "$HOME; ls"] }]), finished, failed);
  expect(JSON.parse(readFileSync(join(folder, "told.json"), "utf8"))).toEqual({
    event: { entity: "run", action: "failed", timestamp: expect.any(String), data: failed.data },
    env: {
      SCONCE_EVENT: "run.failed",
      SCONCE_RUN_ID: "a1",
      SCONCE_RUN_NAME: "$(touch pwned); `id`",
      SCONCE_RUN_STATUS: "FAILED",
      id: 36,
    },
    args: ["$HOME; ls"],
  });
  expect(existsSync("pwned")).toBe(false);
  expect(warnings).toEqual([]);
});

test("a command that fails, hangs, is missing or says too much is a warning, and the next event is told all the same", async () => {
  vi.stubEnv("SOME_TOKEN", "hunter2-is-long");
  const failing = script(`console.error("no mail server " + process.env.SOME_TOKEN); process.exit(4);`);
  const hanging = script(`
    import { spawn } from "node:child_process";
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
    writeFileSync(import.meta.dirname + "/pid", String(child.pid));
    setInterval(() => {}, 1000);
  `);
  const loud = script(`process.stdout.write("x".repeat(5_000_000), () => process.exit(1));`);
  const notifier = new Notifier(
    [
      { on, command: failing.command },
      { on, command: hanging.command },
      { on, command: ["/no/such/program"] },
      { on, command: loud.command },
    ],
    { commandTimeoutMs: 1500 },
  );
  await tell(notifier, failed);
  expect(warnings.sort()).toEqual([
    "notifications: /no/such/program: spawn /no/such/program ENOENT",
    `notifications: ${process.execPath}: ended with exit code 1: ${"x".repeat(500)}`,
    `notifications: ${process.execPath}: ended with exit code 4: no mail server ***`,
    `notifications: ${process.execPath}: took longer than 1.5 s`,
  ]);
  const child = Number(readFileSync(join(hanging.folder, "pid"), "utf8"));
  await vi.waitFor(() => expect(isRunning(child)).toBe(false));
});

test("a webhook that is away for a while is told in the end, in order, each event with one id", async () => {
  const receiver = await startReceiver((response, _call, { length }) =>
    response.writeHead(length <= 2 ? 503 : 200).end(),
  );
  vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", receiver.host);
  const notifier = new Notifier([{ on: ["run_failed", "run_killed"], webhook: receiver.url }], {
    retryMs: [5, 5, 5],
  });
  await tell(notifier, failed, { ...failed, action: "killed" });
  const actions = receiver.calls.map(({ body }) => (JSON.parse(body) as { action: string }).action);
  expect(actions).toEqual(["failed", "failed", "failed", "killed"]);
  const ids = receiver.calls.map(({ headers }) => headers["x-mlflow-delivery-id"]);
  expect(new Set(ids.slice(0, 3)).size).toBe(1);
  expect(ids[3]).not.toBe(ids[0]);
  expect(warnings).toEqual([]);
  receiver.close();
});

test("a webhook that never takes an event costs some tries and a warning without its path; a refusal costs one", async () => {
  const busy = await startReceiver((response) => response.writeHead(500).end());
  const closed = await startReceiver((response) => response.writeHead(410).end());
  vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", `${busy.host},${closed.host}`);
  const webhooks = [busy, closed].map(({ host }) => ({ on, webhook: `http://${host}/secret-path` }));
  await tell(new Notifier(webhooks, { retryMs: [1, 1] }), failed);
  expect([busy.calls.length, closed.calls.length]).toEqual([3, 1]);
  expect(warnings.sort()).toEqual(
    [
      `notifications: http://${busy.host}: it answered with 500`,
      `notifications: http://${closed.host}: it answered with 410`,
    ].sort(),
  );
  busy.close();
  closed.close();
});

test("events that a receiver is too slow for are dropped with a warning, and closing does not wait for ever", async () => {
  const silent = await startReceiver(() => {});
  vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", silent.host);
  const notifier = new Notifier([{ on, webhook: silent.url }], { maxQueued: 3 });
  for (let i = 0; i < 10; i++) notifier.publish(failed);
  const before = performance.now();
  await notifier.close({ timeoutMs: 100 });
  expect(performance.now() - before).toBeLessThan(2000);
  expect(warnings).toEqual([
    `notifications: http://${silent.host}: 3 events wait for it already; more are dropped until it takes some`,
    `notifications: http://${silent.host}: 3 events were not told to it`,
  ]);
  silent.close();
});

test("a list that cannot be used is refused at once", () => {
  expect(() => new Notifier([{ on, webhook: "https://169.254.169.254/" }, { on }])).toThrow(
    /^notifications\.0\.webhook: its host must be a public address, got 169\.254\.169\.254\..*\nnotifications\.1\.command/,
  );
});
