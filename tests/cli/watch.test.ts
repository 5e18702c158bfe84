// `sconce watch` and `sconce compare` over stores of each kind, and on a real terminal.
import { spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ActiveRun, TrackingServer, openStore } from "../../src/tracking/index.ts";
import type { Store } from "../../src/tracking/index.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { mongoSkipReason, startMongo } from "../mongo.ts";
import { sconce, sconceBin, startSconce } from "./run.ts";

let folder: string;
let store: Store;
beforeAll(async () => {
  folder = makeTemporaryFolder("sconce-watch-");
  store = await openStore(`sqlite:///${join(folder, "mlflow.db")}`);
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const newRun = (to: Store, runName = "watched") =>
  ActiveRun.start({ store: to, experimentName: "live", runName, journalFolder: false });

/** Logs while a process watches, and returns what that printed. */
async function watchWhile(to: Store, uri: string, words: readonly string[] = []) {
  const run = await newRun(to);
  run.logMetrics({ loss: 0.75 }, 1);
  await run.flush();
  const watched = startSconce(["watch", run.runId.slice(0, 12), "--tracking-uri", uri, ...words]);
  await vi.waitFor(() => expect(watched.output()).toContain("0.75"), { timeout: 30_000 });
  run.logMetrics({ loss: 0.5, acc: NaN, "system/cpu_utilization_percentage": 5 }, 2);
  await run.flush();
  await vi.waitFor(() => expect(watched.output()).toContain("0.5"), { timeout: 30_000 });
  run.logMetrics({ loss: 0.25 }, 2); // at the step that was seen last
  run.logMetrics({ loss: 0.125 }, 3);
  await run.end("KILLED", "the plug was pulled");
  const { code, stdout, stderr } = await watched.ended;
  return { code, stdout: stdout.replaceAll(run.runId, "RUN"), stderr };
}

const lines =
  "step 1  loss 0.75\nstep 2  acc NaN\nstep 2  loss 0.5\nstep 2  loss 0.25\nstep 3  loss 0.125\nKILLED: the plug was pulled\n";

describe("watch prints each point once, and ends with the run", () => {
  const expected = { code: 1, stdout: lines, stderr: "" };

  test("over SQLite", async () => {
    expect(await watchWhile(store, store.uri)).toEqual(expected);
  });

  test("over files", async () => {
    const files = await openStore(join(folder, "mlruns"));
    expect(await watchWhile(files, join(folder, "mlruns"))).toEqual(expected);
    await files.close();
  });

  test("over a server", async () => {
    const server = await TrackingServer.start({ store, port: 0 });
    const client = await openStore(server.url);
    expect(await watchWhile(client, server.url)).toEqual(expected);
    await client.close();
    await server.close();
  });

  test.skipIf(mongoSkipReason !== undefined)("over MongoDB", async () => {
    const mongo = await startMongo();
    const uri = mongo.newDatabase();
    const documents = await openStore(uri);
    expect(await watchWhile(documents, uri)).toEqual(expected);
    await documents.close();
    await mongo.stop();
  });

  test("as lines of JSON", async () => {
    const { code, stdout } = await watchWhile(store, store.uri, ["--json"]);
    const seen = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(code).toBe(1);
    expect(seen.map(({ key, step, value }) => [key, step, value])).toEqual([
      ["loss", 1, 0.75],
      ["acc", 2, "NaN"],
      ["loss", 2, 0.5],
      ["system/cpu_utilization_percentage", 2, 5],
      ["loss", 2, 0.25],
      ["loss", 3, 0.125],
      [undefined, undefined, undefined],
    ]);
    expect(seen.at(-1)).toEqual({ run_id: "RUN", status: "KILLED" });
  });
});

/** Runs a command on a terminal of its own, and returns all that came there. */
function onTerminal(words: readonly string[], columns: number, env: Readonly<Record<string, string>> = {}) {
  const command = [process.execPath, sconceBin, ...words].map((word) => `'${word}'`).join(" ");
  const script = `stty cols ${columns} rows 20; exec ${command}`;
  const child = spawn("script", ["-qec", script, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = new Promise<{ code: number | null; output: string }>((resolve) =>
    child.on("close", (code) => resolve({ code, output })),
  );
  return { ended, output: () => output };
}

const escape = "\u001b";
const colors = new RegExp(`${escape}\\[\\d+m`);

/** Returns what a terminal shows in the end: each redrawing begins where the one before did. */
function lastScreen(output: string): string[] {
  const last = output.split(new RegExp(`${escape}\\[\\d+A\r`)).at(-1)!;
  return last
    .replace(new RegExp(`${escape}\\[[\\d;]*[A-Za-z]`, "g"), "")
    .trimEnd()
    .split("\r\n");
}

const hasScript = spawnSync("script", ["--version"]).stdout?.includes("util-linux") === true;

describe.skipIf(!hasScript)("on a terminal", () => {
  test.each([80, 120])("of %i columns watch draws in place, within its width", async (columns) => {
    const run = await newRun(store, `a name that is longer than it should be ${"x".repeat(100)}`);
    run.logParams({ trainer: { max_epochs: 2 } });
    run.logMetrics({ epoch: 0.5, [`m${"n".repeat(90)}`]: NaN, train_loss: 0.75 }, 5);
    await run.flush();
    const watched = onTerminal(["watch", run.runId, "--tracking-uri", store.uri], columns);
    await vi.waitFor(() => expect(watched.output()).toContain("0.75"), { timeout: 30_000 });
    run.logMetrics({ epoch: 2, train_loss: 0.25 }, 20);
    await run.end();
    const { code, output } = await watched.ended;
    expect(code).toBe(0);
    expect(output).toContain("\u001b[36mRUNNING\u001b[0m");
    expect(output).toContain("\u001b[32mFINISHED\u001b[0m");
    const screen = lastScreen(output);
    expect(screen[0]).toMatch(/^FINISHED {2}a name that .*… {2}\d+:\d\d$/);
    expect(screen[1]).toMatch(/^epoch 2\/2 {2}\[#+\] {2}step 20$/);
    expect(screen[2]).toMatch(/^train_loss +0\.25 {2}█▁ +0\.25 to 0\.75$/);
    expect(screen[3]).toMatch(/^mn+… +NaN {2}×$/);
    expect(screen.filter((line) => line.length >= columns)).toEqual([]);
  });

  test("NO_COLOR leaves colours out", async () => {
    const run = await newRun(store);
    await run.end("FAILED");
    const words = ["watch", run.runId, "--tracking-uri", store.uri];
    const colored = await onTerminal(words, 80).ended;
    const plain = await onTerminal(words, 80, { NO_COLOR: "1" }).ended;
    expect([colored.code, plain.code]).toEqual([1, 1]);
    expect(colored.output).toContain("\u001b[31mFAILED");
    expect(plain.output).not.toMatch(colors);
  });

  test.each([80, 120])("of %i columns compare fits", async (columns) => {
    const runs = [await newRun(store, "y".repeat(90)), await newRun(store, "second")];
    for (const [i, run] of runs.entries()) {
      run.logParams({ [`p${"q".repeat(90)}`]: `${i}${"v".repeat(200)}` });
      await run.end();
    }
    const words = ["compare", ...runs.map(({ runId }) => runId), "--tracking-uri", store.uri];
    const { output } = await onTerminal(words, columns).ended;
    const shown = output.trimEnd().split("\r\n");
    expect(shown.filter((line) => line.length > columns)).toEqual([]);
    expect(shown.at(-1)).toMatch(/^ {2}pq+… +0v+… +1v+…$/);
  });
});

describe("compare", () => {
  const ids: string[] = [];
  beforeAll(async () => {
    for (const [index, name] of ["first", "second\u001b[2J", "third"].entries()) {
      const run = await newRun(store, name);
      run.logText(`optimizer: {name: adamw, lr: ${index / 10}}\nmodel: {layers: 2}\n`, "use_case.yaml");
      run.logParams({ optimizer: { name: "adamw", lr: index / 10 }, note: index === 2 ? "odd" : "even" });
      for (const [step, f1] of [0.25 + index / 10, index === 1 ? NaN : 0.75, 0.5].entries())
        run.logMetrics({ val_f1: f1, val_loss: 1 - f1, speed: index * 3, same: 1 }, step);
      await run.end(index === 2 ? "FAILED" : "FINISHED");
      ids.push(run.runId);
    }
  });
  const compare = (...words: string[]) => sconce(["compare", ...words, "--tracking-uri", store.uri]);

  test("shows what differs alone: status, metrics, the best of each, config and other params", async () => {
    const { code, stdout, stderr } = await compare(...ids);
    expect([code, stderr]).toEqual([0, ""]);
    const text = ids.reduce((all, id, i) => all.replaceAll(id.slice(0, 8), `RUN${i}    `), stdout);
    expect(text.replace(/ +$/gm, "")).toMatchInlineSnapshot(`
      "                  first      second\\u001b[2J  third
      run               RUN0       RUN1             RUN2
      status            FINISHED   FINISHED         FAILED

      Metrics
        speed           0          3                6

      Best
        val_f1 (max)    0.75 @1 *  0.5 @2           0.75 @1 *
        val_loss (min)  0.25 @1 *  0.5 @2           0.25 @1 *

      Config
        optimizer.lr    0          0.1              0.2

      Params
        note            even       even             odd
      "
    `);
  });

  test("as JSON", async () => {
    const { stdout } = await compare(ids[0]!, ids[1]!, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      runs: ids.slice(0, 2),
      status: ["FINISHED", "FINISHED"],
      metrics: { speed: [0, 3] },
      best: {
        val_f1: {
          mode: "max",
          values: [
            { value: 0.75, step: 1 },
            { value: 0.5, step: 2 },
          ],
          winners: [ids[0]],
        },
      },
      config: { "optimizer.lr": ["0", "0.1"] },
      params: {},
    });
  });

  test("says where nothing differs", async () => {
    expect((await compare(ids[0]!, ids[0]!)).stdout).toContain("Nothing differs that the runs logged.");
  });

  test.each([
    [["abcd"], /two runs or more/],
    [["ffff", "abcd"], /no run's id begins with/],
  ])("%j is refused with what to do", async (words, message) => {
    const { code, stderr } = await compare(...words);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
