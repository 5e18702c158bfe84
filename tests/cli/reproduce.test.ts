import { cpSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SqliteStore } from "../../src/tracking/index.ts";
import { makeTinyProject, tinyRows, writeRows } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";
import { hashTree, sconce } from "./run.ts";

interface RunRecord {
  runId: string;
  status: string;
  versions: Record<string, string>;
}

let project: TinyProject;
let run: string;

beforeAll(async () => {
  project = makeTinyProject();
  const { code, stderr } = await sconce(["train", project.config, "optimizer.lr=2e-3"]);
  expect(code, stderr).toBe(0);
  run = project.runs()[0]!;
});
afterAll(() => project?.remove());

const readRecord = (folder: string) =>
  JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as RunRecord;
const reproduce = (...words: string[]) => sconce(["reproduce", ...words], { cwd: project.root });

/** Changes a file for the time of a test. */
async function whileChanged(path: string, content: string, during: () => Promise<void>): Promise<void> {
  const before = readFileSync(path);
  writeFileSync(path, content);
  try {
    await during();
  } finally {
    writeFileSync(path, before);
  }
}

describe("sconce reproduce", () => {
  test("trains a run again to the same bits, though the config has changed since, and leaves it alone", async () => {
    const before = hashTree(run);
    const changed = readFileSync(project.config, "utf8").replace('"seed": 3', '"seed": 4');
    await whileChanged(project.config, changed, async () => {
      const { code, stdout, stderr } = await reproduce(run);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/\nidentical: every metric and every weight\n$/);
      expect(stdout.split("\n").filter((line) => line.length > 80 && !line.startsWith("Trained"))).toEqual(
        [],
      );
    });
    expect(hashTree(run)).toEqual(before);
    expect(project.runs()).toHaveLength(2);
  });

  test("finds a run by its id, from any folder of the project, and records what it reproduces", async () => {
    const { runId } = readRecord(run);
    const { code, stdout } = await sconce(["reproduce", runId, "--json"], { cwd: project.datasets });
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as {
      verdict: string;
      run: string;
      runId: string;
      weights: { difference: number };
    };
    expect(result).toMatchObject({ verdict: "identical", run, weights: { difference: 0 } });
    const store = await SqliteStore.open({ path: project.database });
    expect((await store.getRun(result.runId)).data.tags["sconce.reproduces"]).toBe(runId);
    await store.close();
  });

  test("is the same with another number of threads asked for: the recorded one counts", async () => {
    const { code, stdout } = await sconce(["reproduce", run], {
      cwd: project.root,
      env: { SCONCE_NUM_THREADS: "2" },
    });
    expect([code, stdout]).toEqual([0, expect.stringContaining("identical: every metric and every weight")]);
  });

  test("needs no tracking store, and works after the project has moved", async () => {
    const moved = `${project.root}-moved`;
    cpSync(project.root, moved, { recursive: true, filter: (path) => !path.endsWith("mlflow") });
    const hidden = `${project.root}-hidden`;
    renameSync(project.root, hidden);
    try {
      const { code, stdout, stderr } = await sconce(["reproduce", run.replace(project.root, moved)], {
        cwd: moved,
      });
      expect(code, stderr).toBe(0);
      expect(stdout).toContain("identical: every metric and every weight");
    } finally {
      renameSync(hidden, project.root);
      rmSync(moved, { recursive: true });
    }
  });

  test("says where results differ, and exits with 1", async () => {
    const metrics = join(run, "metrics.json");
    const changed = JSON.parse(readFileSync(metrics, "utf8")) as { metrics: Record<string, number> };
    changed.metrics["f1"]! += 0.25;
    await whileChanged(metrics, JSON.stringify(changed), async () => {
      const { code, stdout } = await reproduce(run);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^ {2}f1 +0\.\d+ +0\.\d+ {2}2\.5e-1$/m);
      expect(stdout).toContain("different: a metric differs by more than 0.000001");
      const tolerant = await reproduce(run, "--tolerance", "0.3");
      expect([tolerant.code, tolerant.stdout]).toEqual([
        0,
        expect.stringContaining("equal: every metric within 0.3"),
      ]);
    });
  });

  test("warns of other versions", async () => {
    const record = readRecord(run);
    const other = { ...record, versions: { ...record.versions, libtorch: "2.11.0" } };
    await whileChanged(join(run, "run.json"), JSON.stringify(other), async () => {
      const { code, stderr } = await reproduce(run);
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /warn: reproduce: the run used libtorch 2\.11\.0, this is 2\.\d+\.\d+; results may differ\./,
      );
    });
  });
});

describe("sconce reproduce refuses, before it makes anything", () => {
  async function expectRefusal(words: string[], message: RegExp): Promise<void> {
    const before = readdirSync(project.trainedModels);
    const { code, stdout, stderr } = await reproduce(...words);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(readdirSync(project.trainedModels)).toEqual(before);
  }

  test("data that has changed, and names the file", async () => {
    const path = join(project.datasets, "test.csv");
    const before = readFileSync(path);
    writeRows(path, tinyRows(21, 3));
    await expectRefusal(
      [run],
      /the data must be what the run was trained on, but it has changed; written since the run began: .*test\.csv\./,
    );
    writeFileSync(path, before);
  });

  test("a run that has not finished", async () => {
    const record = { ...readRecord(run), status: "KILLED" };
    await whileChanged(join(run, "run.json"), JSON.stringify(record), () =>
      expectRefusal([run], /must have finished, so that there are results to compare with; it is KILLED/),
    );
  });

  test("what is no run", async () => {
    await expectRefusal([project.datasets], /holds no readable run\.json/);
    await expectRefusal(["0123456789abcdef"], /no run "0123456789abcdef" among the \d+ of /);
    await expectRefusal([run, "--tolerance", "-1"], /--tolerance/);
  });
});
