// Who holds the champion's place: the decision, the replacement, and what a crash may leave of it.
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { makeTinyProject, tinyRows, writeRows } from "../../tests/fixtures/tiny-project.ts";
import type { TinyProject } from "../../tests/fixtures/tiny-project.ts";
import { logger } from "../base/index.ts";
import { hashTensors, loadSafetensors } from "../torch/index.ts";
import { SqliteStore } from "../tracking/index.ts";
import { decideChampion, readChampion, repairChampion } from "./champion.ts";
import { BertTrainerTorch } from "./index.ts";
import type { ChampionRule, TrainResult } from "./index.ts";

describe("a candidate", () => {
  const labels = Int32Array.from([0, 1, 0, 1]);
  const scores = Float64Array.from([0.9, 0.1, 0.2, 0.8, 0.7, 0.3, 0.4, 0.6]);
  const decide = (candidate: number, champion: number | undefined, rule: Partial<ChampionRule> = {}) =>
    decideChampion({
      rule: { metric: "f1", mode: "max", minDelta: 0, ...rule },
      labels,
      candidate: { run: "new", runId: "1", scores, value: candidate },
      champion: champion === undefined ? undefined : { run: "old", runId: "0", scores, value: champion },
      dataHash: "d",
      seed: 0,
    });

  const cases: [string, number, number | undefined, Partial<ChampionRule>, boolean][] = [
    ["without a champion takes the place", 0.1, undefined, {}, true],
    ["that is better takes it", 0.91, 0.9, {}, true],
    ["that is equal does not", 0.9, 0.9, {}, false],
    ["that is worse does not", 0.89, 0.9, {}, false],
    ["that is better by min_delta does not", 0.75, 0.5, { minDelta: 0.25 }, false],
    ["that is better by more than min_delta takes it", 0.76, 0.5, { minDelta: 0.25 }, true],
    ["that is lower takes it in mode min", 0.4, 0.5, { metric: "loss", mode: "min" }, true],
    ["that is higher does not in mode min", 0.6, 0.5, { metric: "loss", mode: "min" }, false],
    [
      "that is lower by less than min_delta does not in mode min",
      0.45,
      0.5,
      { metric: "loss", mode: "min", minDelta: 0.1 },
      false,
    ],
    ["that is not a number does not", NaN, 0.5, {}, false],
  ];
  test.each(cases)("%s", (_, candidate, champion, rule, promoted) => {
    expect(decide(candidate, champion, rule).promoted).toBe(promoted);
  });

  test("gets its reason and the difference on the same rows as evidence", () => {
    const decision = decide(0.9, 0.9, { minDelta: 0.01 });
    expect(decision.reason).toBe("f1 0.9000 is not better than the champion's 0.9000 by more than 0.01");
    expect(decision.difference).toMatchObject({ value: 0, low: 0, high: 0 });
    expect(decision.rows).toBe(4);
  });
});

let project: TinyProject;
afterEach(() => project?.remove());

async function train(overrides: string[] = []): Promise<TrainResult> {
  return (await BertTrainerTorch.fromFile(project.config, { overrides })).train();
}

const learned = ["optimizer.lr=0.01", "trainer.max_epochs=8"];
const untaught = ["optimizer.lr=1e-9", "trainer.max_epochs=1"];

const weightsOf = (folder: string) => hashTensors(loadSafetensors(join(folder, "model.safetensors")));

async function aliased(): Promise<{ runId: string | undefined; version: number }> {
  const store = await SqliteStore.open({ path: project.database });
  const { runId, version } = await store.getModelVersionByAlias("demo", "champion");
  await store.close();
  return { runId, version };
}

/** Expects that folder, evidence and alias all name one run. */
async function expectChampion({ runId, modelFolder }: TrainResult): Promise<void> {
  expect(readChampion(project.champion)?.candidate).toMatchObject({ runId, run: basename(modelFolder) });
  expect(weightsOf(project.champion)).toBe(weightsOf(modelFolder));
  expect((await aliased()).runId).toBe(runId);
}

describe("the champion of an experiment", () => {
  test("is the first model, then the better one; folder, evidence and alias go together", async () => {
    project = makeTinyProject();
    const first = await train(untaught);
    expect(first.champion).toMatchObject({ promoted: true, reason: "there was no champion" });
    await expectChampion(first);
    const better = await train(learned);
    expect(better.metrics["f1"]).toBeGreaterThan(first.metrics["f1"]!);
    expect(better.champion).toMatchObject({ promoted: true, champion: { runId: first.runId } });
    await expectChampion(better);
    expect((await aliased()).version).toBe(2);
    const equal = await train(learned);
    expect(equal.champion).toMatchObject({ promoted: false, champion: { value: equal.metrics["f1"] } });
    const worse = await train(untaught);
    expect(worse.champion?.promoted).toBe(false);
    await expectChampion(better);
    expect((await aliased()).version).toBe(2);
    const left = readdirSync(dirname(project.champion));
    expect(left).toEqual([basename(project.champion)]);
  });

  test("is judged anew on the present test rows", async () => {
    project = makeTinyProject();
    await train(learned);
    writeRows(join(project.datasets, "test.csv"), tinyRows(30, 9));
    const { champion, metrics } = await train(learned);
    expect(champion?.champion?.value).toBe(metrics["f1"]); // the same weights, on the new rows
    expect(champion?.rows).toBe(30);
  });

  test("keeps its place against a rule that asks for more", async () => {
    project = makeTinyProject();
    const first = await train(untaught);
    const { champion } = await train([...learned, "champion.min_delta=0.99"]);
    expect(champion?.promoted).toBe(false);
    await expectChampion(first);
  });

  test("of other labels cannot be compared: it is replaced, and that is said", async () => {
    project = makeTinyProject();
    await train(learned);
    const renamed = (count: number, seed: number) =>
      tinyRows(count, seed).map(({ text, label }) => ({ text, label: label === "sun" ? "shine" : label }));
    writeRows(join(project.datasets, "train.csv"), renamed(66, 1));
    writeRows(join(project.datasets, "test.csv"), renamed(21, 2));
    const lines: string[] = [];
    const stop = logger.addSink((_, message) => lines.push(message));
    const result = await train(untaught);
    stop();
    await expectChampion(result);
    expect(lines.some((line) => line.includes("knows other labels"))).toBe(true);
  });

  test("whose model is damaged ends the run with its name; mended, the run can go on and be judged", async () => {
    project = makeTinyProject();
    const first = await train(untaught);
    const path = join(project.champion, "model.safetensors");
    rmSync(path); // it is a link to the run's own
    writeFileSync(path, readFileSync(join(first.modelFolder, "model.safetensors")).subarray(0, 4000));
    await expect(train(learned)).rejects.toThrow(path);
    expect(readChampion(project.champion)?.candidate.runId).toBe(first.runId);
    rmSync(project.champion, { recursive: true });
    const trainer = await BertTrainerTorch.fromFile(project.config, { overrides: learned });
    const result = await trainer.train({ resume: "last" });
    await expectChampion(result);
  });

  test("shares no file with its run that is later written in place", async () => {
    project = makeTinyProject();
    const { modelFolder } = await train();
    const before = readFileSync(join(project.champion, "use_case.yaml"), "utf8");
    writeFileSync(join(modelFolder, "logs", "train.log"), "changed");
    rmSync(modelFolder, { recursive: true });
    expect(readFileSync(join(project.champion, "use_case.yaml"), "utf8")).toBe(before);
    expect(existsSync(join(project.champion, "model.safetensors"))).toBe(true);
  });

  test("holds no record of its run, which is still RUNNING when it is chosen", async () => {
    project = makeTinyProject();
    const { modelFolder } = await train();
    expect(existsSync(join(modelFolder, "run.json"))).toBe(true);
    expect(existsSync(join(project.champion, "run.json"))).toBe(false);
  });
});

describe("readChampion", () => {
  test("of a folder without one is undefined", () => {
    project = makeTinyProject();
    expect(readChampion(project.champion)).toBeUndefined();
  });

  test("of what is no champion, which a new one would take the place of, throws", () => {
    project = makeTinyProject();
    mkdirSync(project.champion, { recursive: true });
    expect(readChampion(project.champion)).toBeUndefined();
    writeFileSync(join(project.champion, "model.safetensors"), "");
    expect(() => readChampion(project.champion)).toThrow(
      "must be a champion with its champion.json, or empty",
    );
    rmSync(project.champion, { recursive: true });
    writeFileSync(project.champion, "");
    expect(() => readChampion(project.champion)).toThrow(
      "must be a champion with its champion.json, or empty",
    );
  });

  test.each([
    ["cut off", '{"candidate":'],
    ["of another shape", "[]"],
    ["null", "null"],
    ["without a run", '{"candidate":{}}'],
  ])("of evidence that is %s throws", (_, text) => {
    project = makeTinyProject();
    mkdirSync(project.champion, { recursive: true });
    writeFileSync(join(project.champion, "champion.json"), text);
    expect(() => readChampion(project.champion)).toThrow("must say which run the champion is of");
  });
});

describe("a replacement that a crash interrupted", () => {
  /** Puts the folders as a crash after the first rename leaves them: the old one aside, the new one ready. */
  async function interrupted(): Promise<{ first: TrainResult; incoming: string; outgoing: string }> {
    project = makeTinyProject();
    const first = await train(learned);
    const incoming = `${project.champion}.4242.new`;
    const outgoing = `${project.champion}.4242.old`;
    mkdirSync(incoming);
    writeFileSync(join(incoming, "model.safetensors"), "half");
    return { first, incoming, outgoing };
  }

  test("between its renames is undone", async () => {
    const { first, incoming, outgoing } = await interrupted();
    renameSync(project.champion, outgoing);
    repairChampion(project.champion);
    await expectChampion(first);
    expect([incoming, outgoing].some((path) => existsSync(path))).toBe(false);
  });

  test("before its renames leaves nothing", async () => {
    const { first, incoming } = await interrupted();
    repairChampion(project.champion);
    await expectChampion(first);
    expect(existsSync(incoming)).toBe(false);
  });

  test("before its registration is registered by the next run, as the version that there is", async () => {
    project = makeTinyProject();
    const first = await train(learned);
    const { registered, ...evidence } = readChampion(project.champion)!;
    expect(registered).toEqual({ name: "demo", version: 1 });
    writeFileSync(join(project.champion, "champion.json"), JSON.stringify(evidence));
    const store = await SqliteStore.open({ path: project.database });
    await store.deleteModelAlias("demo", "champion");
    await train(untaught);
    await expectChampion(first);
    expect(readChampion(project.champion)?.registered).toEqual(registered);
    expect(await store.searchModelVersions({ filter: "name = 'demo'" })).toHaveLength(1);
    await store.close();
  });

  test("after its renames leaves the new one", async () => {
    const { first, outgoing } = await interrupted();
    mkdirSync(outgoing);
    repairChampion(project.champion);
    await expectChampion(first);
    expect(existsSync(outgoing)).toBe(false);
  });

  test("is repaired by the next run, which is then judged against it", async () => {
    const { first, outgoing } = await interrupted();
    renameSync(project.champion, outgoing);
    const next = await train(untaught);
    expect(next.champion).toMatchObject({ promoted: false, champion: { runId: first.runId } });
    await expectChampion(first);
  });
});
