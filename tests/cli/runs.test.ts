// The runs of a store from the terminal.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ActiveRun, SqliteStore } from "../../src/tracking/index.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { sconce } from "./run.ts";

let folder: string;
let store: SqliteStore;
const ids: string[] = [];

beforeAll(async () => {
  folder = makeTemporaryFolder("sconce-runs-");
  store = await SqliteStore.open({ path: join(folder, "mlflow.db") });
  for (const [index, name] of ["first", "second\u001b[2J", "third"].entries()) {
    const run = await ActiveRun.start({
      store,
      experimentName: "spam",
      runName: name,
      journalFolder: false,
    });
    run.logParams({ lr: index / 10, layers: 2 });
    run.logMetrics({ f1: index / 4, loss: index === 1 ? NaN : 1 / 3, "system/cpu": 5 }, index);
    await (index === 2 ? run.fail(new Error("no such layer")) : run.end());
    ids.push(run.runId);
  }
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const runs = (...words: string[]) =>
  sconce(["runs", ...words, "--tracking-uri", `sqlite:///${join(folder, "mlflow.db")}`]);

/** Returns what a command printed, with the ids and times that differ each time replaced. */
async function printed(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runs(...words);
  expect(code, stderr).toBe(0);
  return ids
    .reduce((text, id, index) => text.replaceAll(id, `RUN${index}`.padEnd(32)), stdout)
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "2026-01-01 00:00:00")
    .replace(/ +$/gm, "");
}

test("list shows runs in the order asked for, and nothing that moves the cursor", async () => {
  expect(await printed("list", "spam", "--order-by", "metrics.f1 ASC")).toMatchInlineSnapshot(`
    "run                               name             status    started              f1    loss
    RUN0                              first            FINISHED  2026-01-01 00:00:00  0     0.333333
    RUN1                              second\\u001b[2J  FINISHED  2026-01-01 00:00:00  0.25  NaN
    RUN2                              third            FAILED    2026-01-01 00:00:00  0.5   0.333333
    "
  `);
  expect(
    await printed("list", "spam", "--filter", "metrics.f1 > 0.2", "--metrics", "f1", "--limit", "1"),
  ).toContain("The first 1; --limit shows more.");
  expect(await printed()).toBe(await printed("list"));
  const { stdout } = await runs("list", "--json");
  expect((JSON.parse(stdout) as { info: { runId: string } }[]).map(({ info }) => info.runId).sort()).toEqual(
    [...ids].sort(),
  );
});

test("show tells all of a run, and how it ended", async () => {
  const text = await printed("show", ids[2]!.slice(0, 12));
  expect(text).toMatch(/^status +FAILED$/m);
  expect(text).toMatch(/^ {2}f1 +0.5$/m);
  expect(text).toMatch(/^ {2}sconce.end_reason +no such layer$/m);
  expect(text).toMatch(/^Error\n {2}Error: no such layer\n {6}at /m);
});

test("delete and restore move runs to the trash and back", async () => {
  expect(await printed("delete", ids[0]!)).toContain("is in the trash");
  expect(await printed("list", "spam", "--deleted")).toContain("first");
  expect(await printed("list", "spam")).not.toContain("first");
  expect(await printed("restore", ids[0]!)).toContain("is back");
  expect(await printed("list", "spam")).toContain("first");
});

test.each([
  [["lst"], /unknown action "lst". Did you mean "list"/],
  [["list", "span"], /there is no experiment "span". Did you mean "spam"/],
  [["show", "ffff"], /no run's id begins with "ffff"/],
  [["show", "x' OR 1"], /four or more of its first letters/],
  [["watch", "abcd"], /unknown action "watch"/],
  [["list", "--filter", "metrics.f1 >"], /filter/i],
])("%j is refused with what to do", async (words, message) => {
  const { code, stderr } = await runs(...words);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(message);
});
