// How a run's end is told when its process dies: real processes, each dying in another way.
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { startTrackingProcess } from "../../../tests/tracking-process.ts";
import { ActiveRun, SqliteStore, repairRuns } from "../index.ts";
import { describeError, withoutSecrets } from "./end-tags.ts";

function newPath(): string {
  return join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db");
}

/** Runs a body that starts `run`, lets it die, and returns the run as it stands then. */
async function afterDeath(body: string) {
  const path = newPath();
  const journalFolder = join(path, "..", "journal");
  const child = startTrackingProcess(
    path,
    `const store = await tracking.SqliteStore.open({ path });
     const { logger } = await server.ssrLoadModule("/src/base/index.ts");
     const run = await tracking.ActiveRun.start({
       store, experimentName: "dying", journalFolder: ${JSON.stringify(journalFolder)}, flushIntervalMs: 60_000,
     });
     run.logMetrics({ loss: 0.5 }, 7);
     process.stdout.write(run.runId + "\\n");
     ${body}`,
    { stderr: "ignore" },
  );
  let output = "";
  child.stdout!.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [exitCode, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  const store = await SqliteStore.open({ path });
  const end = { pid: child.pid!, exitCode, signal };
  // a code is known from the run itself; only a signal is seen by whoever started the process
  await repairRuns(store, { journalFolder, ...(signal === null ? {} : { end }) });
  const { info, data } = await store.getRun(output.split("\n")[0]!);
  await store.close();
  const tags = Object.fromEntries(
    Object.entries(data.tags)
      .filter(([key]) => /^sconce\.(end_reason|last_error|last_log|exit_code|signal|last_step)$/.test(key))
      .map(([key, value]) => [key.replace("sconce.", ""), value.replace(/process \d+ on \S+/, "process P")]),
  );
  return { status: info.status, metrics: data.metrics, tags };
}

test("an error that nobody caught", async () => {
  const { status, metrics, tags } = await afterDeath(
    `setTimeout(() => { throw new TypeError("no such layer"); });`,
  );
  expect([status, metrics]).toEqual(["FAILED", { loss: 0.5 }]);
  expect(tags).toMatchObject({
    end_reason: "process P ended with exit code 1: TypeError: no such layer",
    exit_code: "1",
    last_step: "7",
  });
  expect(tags["last_error"]).toMatch(/^TypeError: no such layer\n +at /);
});

test("a promise that nobody waited for", async () => {
  const { status, tags } = await afterDeath(`void Promise.reject(new Error("lost", { cause: "the disk" }));`);
  expect([status, tags["exit_code"]]).toEqual(["FAILED", "1"]);
  expect(tags["last_error"]).toMatch(/^Error: lost\n[^]*\ncaused by: the disk$/);
});

test.each([0, 3])("process.exit(%i) before the run's end is a failure, whatever the code", async (code) => {
  const { status, tags } = await afterDeath(`process.exit(${code});`);
  expect(status).toBe("FAILED");
  expect(tags).toEqual({
    end_reason: `process P ended with exit code ${code}`,
    exit_code: String(code),
    last_step: "7",
  });
});

test.each(["SIGKILL", "SIGTERM", "SIGABRT"])("%s", async (signal) => {
  const { status, tags } = await afterDeath(
    `logger.warn("first"); logger.warn("postgresql://ada:secret@db is slow"); logger.info("later");
     process.kill(process.pid, "${signal}"); setTimeout(() => {}, 1000);`,
  );
  expect(status).toBe("KILLED");
  expect(tags).toEqual({
    end_reason: `process P was ended by ${signal}`,
    last_log: "warn: postgresql://ada:***@db is slow",
    last_step: "7",
    signal,
  });
});

test("a run that fails while its process goes on has the error, and loses it when it is taken up again", async () => {
  const store = await SqliteStore.open({ path: newPath() });
  const run = await ActiveRun.start({ store, experimentName: "again", journalFolder: false });
  await run.fail(new RangeError("out of range"));
  const failed = await store.getRun(run.runId);
  expect(failed.info.status).toBe("FAILED");
  expect(failed.data.tags).toMatchObject({
    "sconce.end_reason": "out of range",
    "sconce.last_error": expect.stringMatching(/^RangeError: out of range\n/),
  });
  const resumed = await ActiveRun.resume(store, run.runId, { journalFolder: false });
  const again = await store.getRun(run.runId);
  expect(again.info.status).toBe("RUNNING");
  expect(Object.keys(again.data.tags).filter((key) => /reason|error/.test(key))).toEqual([]);
  await resumed.end();
  expect((await store.getRun(run.runId)).info.status).toBe("FINISHED");
  await store.close();
});

test("memory that ran out is told", async () => {
  const store = await SqliteStore.open({ path: newPath() });
  const tags = {
    "sconce.host": "elsewhere",
    "sconce.pid": "7",
    "sconce.lease_ms": "1",
    "sconce.lease_until": "1",
  };
  const { info } = await store.createRun({ experimentId: "0", tags });
  await repairRuns(store, { end: { pid: 7, exitCode: null, signal: "SIGKILL", outOfMemory: true } });
  expect((await store.getRun(info.runId)).data.tags).toMatchObject({
    "sconce.end_reason": "process 7 on elsewhere was ended by the system, as memory ran out",
    "sconce.out_of_memory": "true",
    "sconce.signal": "SIGKILL",
  });
  await store.close();
});

test("secrets of the environment and of addresses do not come into an error", () => {
  vi.stubEnv("MLFLOW_TRACKING_PASSWORD", "hunter2-is-long");
  vi.stubEnv("SOME_API_KEY", "k3y.value(");
  vi.stubEnv("SHORT_TOKEN", "abc");
  vi.stubEnv("PLAIN", "ordinary");
  expect(
    withoutSecrets("hunter2-is-long k3y.value( abc ordinary mongodb://me:s3@cret@db/x http://a:b@c"),
  ).toBe("*** *** abc ordinary mongodb://me:***@db/x http://a:***@c");
  vi.unstubAllEnvs();
});

test("an error is cut where it is long, and anything may be thrown", () => {
  expect(describeError(new Error("x".repeat(10_000)))).toHaveLength(4000);
  expect([undefined, null, 7, "text"].map(describeError)).toEqual(["", "null", "7", "text"]);
  const endless = new Error("round");
  endless.cause = endless;
  expect(describeError(endless).match(/caused by/g)).toHaveLength(4);
});
