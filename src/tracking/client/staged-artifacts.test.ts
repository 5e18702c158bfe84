// Artifacts of runs behind a server: written here at once, sent in the background, and not lost with the process.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { logger } from "../../base/index.ts";
import { TrackingServer } from "../server/server.ts";
import { RestStore } from "../stores/rest/rest-store.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { ActiveRun } from "./run.ts";
import { shipJournals } from "./ship-journals.ts";

let folder: string;
let destination: string;
let direct: SqliteStore;
let server: TrackingServer;
let store: RestStore;
let lines: string[];
let removeSink: () => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  destination = join(folder, "destination");
  mkdirSync(destination);
  direct = await SqliteStore.open({ path: join(folder, "mlflow.db"), artifactRoot: "mlflow-artifacts:/" });
  server = await startServer(0);
  store = RestStore.open(server.url, { retries: 0 });
  lines = [];
  removeSink = logger.addSink((level, message) => lines.push(`${level}: ${message}`));
});

afterEach(async () => {
  removeSink();
  await store.close();
  await server.close();
  await direct.close();
});

const startServer = (port: number) =>
  TrackingServer.start({ store: direct, port, maxArtifactBytes: 100_000, artifacts: { destination } });

const start = () =>
  ActiveRun.start({ store, experimentName: "e", journalFolder: join(folder, "journal"), flushIntervalMs: 5 });

function log(run: ActiveRun): void {
  mkdirSync(join(folder, "model", "sub"), { recursive: true });
  writeFileSync(join(folder, "model", "a b.bin"), "weights");
  writeFileSync(join(folder, "model", "sub", "c.json"), "{}");
  run.logText("hello", "notes/ä.txt");
  run.logFolder(join(folder, "model"), "model");
  run.logTable([{ x: 1 }], "t.json");
}

function sent(run: ActiveRun): Record<string, string> {
  const root = join(destination, run.info.artifactUri.replace("mlflow-artifacts:/", ""));
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(root.length + 1), readFileSync(path, "utf8")];
    }),
  );
}

const whole = {
  "notes/ä.txt": "hello",
  "model/a b.bin": "weights",
  "model/sub/c.json": "{}",
  "t.json": '{"columns":["x"],"data":[[1],[2]]}',
};

test("files arrive at the server, and nothing of them stays here", async () => {
  const run = await start();
  log(run);
  await run.flush();
  run.logTable([{ x: 2 }], "t.json");
  expect(await run.end()).toEqual({ unwritten: 0 });
  expect(sent(run)).toEqual(whole);
  expect(readdirSync(join(folder, "journal"))).toEqual([]);
  const { tags } = (await store.getRun(run.runId)).data;
  expect(tags["mlflow.loggedArtifacts"]).toBe('[{"path":"t.json","type":"table"}]');
});

test("while the server is away they wait, and are sent later, by another run's process too", async () => {
  const run = await start();
  const port = Number(new URL(server.url).port);
  await server.close();
  log(run);
  run.logTable([{ x: 2 }], "t.json");
  const report = await run.end();
  expect(report.unwritten).toBeGreaterThan(5);
  expect(existsSync(report.journal!)).toBe(true);
  server = await startServer(port);
  await shipJournals(store, join(folder, "journal"));
  expect(sent(run)).toEqual(whole);
  expect((await store.getRun(run.runId)).info.status).toBe("FINISHED");
  expect(
    readdirSync(join(folder, "journal"), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    ),
  ).toEqual([]);
});

test("a file that the server refuses costs a warning, and not the run", async () => {
  const run = await start();
  run.logText("x".repeat(200_000), "large.txt");
  run.logText("small", "small.txt");
  await run.end();
  expect(sent(run)).toEqual({ "small.txt": "small" });
  expect(lines.find((line) => line.includes("is left out"))).toMatch(/at most 100000 bytes are allowed/);
});
