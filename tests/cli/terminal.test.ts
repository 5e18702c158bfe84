// What other people named, on a terminal: no word of theirs moves the cursor, sets a title or hides what follows; and
// commands in a process that may open few files say so.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SqliteStore } from "../../src/tracking/index.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { sconce } from "./run.ts";

const evil = "\u001b]0;title\u0007\u001b[2J\u009b2J\u202eback\u{e0041}";
let folder: string;
let store: SqliteStore;
let runId: string;
let otherId: string;

beforeAll(async () => {
  folder = makeTemporaryFolder("sconce-terminal-");
  store = await SqliteStore.open({ path: join(folder, "mlflow.db") });
  const experimentId = await store.createExperiment({ name: `grid${evil}` });
  const { info } = await store.createRun({ experimentId, runName: `run${evil}`, tags: { note: evil } });
  runId = info.runId;
  await store.logBatch({ runId, params: [{ key: "p", value: evil }], metrics: [point("f1")] });
  const other = { experimentId, runName: `other${evil}`, startTime: 1 };
  otherId = (await store.createRun(other)).info.runId;
  await store.createRegisteredModel({ name: "spam" });
  await store.createModelVersion({ name: "spam", source: `runs:/${runId}/model`, runId });
  await store.setModelAlias("spam", "champion", 1, { userId: `eve${evil}`, evidence: { why: evil } });
  await store.transitionStage({ name: "spam", version: 1, stage: "Production", userId: evil });
  await store.updateRun({ runId, status: "FINISHED", endTime: 1 });
  const gone = await store.createRun({ experimentId });
  await store.deleteRun(gone.info.runId);
  await store.createRegisteredModel({ name: `held${evil}` });
  await store.createModelVersion({
    name: `held${evil}`,
    source: `runs:/${gone.info.runId}/m`,
    runId: gone.info.runId,
  });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const point = (key: string) => ({ key, value: 0.5, timestamp: 1, step: 0 });

test("no command prints control characters or turns the direction of text", async () => {
  const words = [
    ["runs", "list"],
    ["runs", "list", "--json"],
    ["runs", "list", "grid"],
    ["runs", "show", runId],
    ["watch", runId],
    ["watch", runId, "--json"],
    ["compare", runId, otherId],
    ["compare", runId, otherId, "--json"],
    ["models", "history", "spam"],
    ["models", "history", "spam", "--json"],
    ["models", "rollback", "spam", "--stage", evil],
    ["experiments", "best", `grid${evil}`, "--metric", "f1"],
    ["experiments", "best", `none${evil}`, "--metric", "f1"],
  ].map((command) => [...command, "--tracking-uri", `sqlite:///${join(folder, "mlflow.db")}`]);
  words.push(["gc", "--backend-store-uri", `sqlite:///${join(folder, "mlflow.db")}`]);
  for (const command of words) {
    const { stdout, stderr } = await sconce(command);
    const hidden = `${stdout}${stderr}`.replaceAll("\n", "").match(/[\p{Cc}\p{Cf}]/gu);
    expect([command.slice(0, 3), hidden]).toEqual([command.slice(0, 3), null]);
  }
  const { stdout } = await sconce(words[1]!);
  const [run] = JSON.parse(stdout) as { data: { tags: object } }[];
  expect(run?.data.tags).toMatchObject({ note: evil }); // JSON says the same in other letters
});

test.skipIf(process.platform === "win32")("a process that may open few files says so in one line", () => {
  const program = fileURLToPath(new URL("../../bin/sconce", import.meta.url));
  const told = [18, 19, 20, 21, 22, 24, 28].filter((limit) => {
    const command = `ulimit -n ${limit}; exec "$0" "$@"`;
    const words = [process.execPath, program, "runs", "list", "--tracking-uri", `${folder}/mlruns`];
    const { status, stdout, stderr } = spawnSync("sh", ["-c", command, ...words], { encoding: "utf8" });
    if (status === 2) return false; // enough for the command, which tells that the store is not there
    expect([limit, status, stdout]).toEqual([limit, 1, ""]);
    expect(stderr).toMatch(/^[^\n]*too many files are open[^\n]*ulimit -n 1024[^\n]*\n$/);
    return true;
  });
  expect(told.length).toBeGreaterThan(1);
});
