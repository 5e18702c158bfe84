// A grid from its file to a promoted model, by commands alone.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTinyProject, tinyRows } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";

const sconce = fileURLToPath(new URL("../../bin/sconce", import.meta.url));
let project: TinyProject;

const grid = {
  base_name: "weather",
  data_src: "tiny",
  dataset_versions: ["v1", "v2"],
  hyperparameters: [
    {
      n_epochs: 1,
      learning_rate: 3e-3,
      weight_decay: 0,
      train_batch_size: 8,
      eval_batch_size: 8,
      max_length: 16,
    },
  ],
  base_model_versions: ["pretrained_models/tiny"],
  output_dir: "outputs/grid",
  train_file: "train_{data_version}.csv",
  validation_file: "validation.csv",
  evalute_pretrained_model: true,
  user_id: "ada",
  run_date: 20260101,
};

function run(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(sconce, words, {
    cwd: project.root,
    encoding: "utf8",
    env: { ...process.env, MLFLOW_TRACKING_URI: "" },
  });
  return { status, stdout, stderr };
}

beforeAll(() => {
  project = makeTinyProject();
  for (const [seed, name] of ["train_v1", "train_v2", "validation"].entries()) {
    const rows = tinyRows(40, seed + 1).map(({ text, label }) => `"${text}",${label}`);
    writeFileSync(join(project.root, `${name}.csv`), ["text,label", ...rows].join("\n"));
  }
  writeFileSync(join(project.root, "grid.json"), JSON.stringify(grid));
});

afterAll(() => project.remove());

test("a grid runs in processes side by side, its best model is promoted, rolled back and remembered", () => {
  const ran = run("experiments", "run", "grid.json", "--workers", "2");
  expect(ran.status, ran.stderr).toBe(0);
  const [title, ...rows] = ran.stdout.trimEnd().split("\n");
  expect(title).toBe("/Users/ada/weather_tiny_20260101");
  expect(rows.map((row) => row.replaceAll(/ [\d.]+/g, " #").replaceAll(/ {2,}/g, "  "))).toEqual([
    "tiny_train_v1_pretrained  finished  accuracy #  f1 #",
    "tiny_train_v1_param_set1  finished  accuracy #  f1 #",
    "tiny_train_v2_pretrained  finished  accuracy #  f1 #",
    "tiny_train_v2_param_set1  finished  accuracy #  f1 #",
  ]);
  const again = run("experiments", "run", "grid.json", "--json");
  const { experimentName, cells } = JSON.parse(again.stdout) as {
    experimentName: string;
    cells: { status: string; runId: string }[];
  };
  expect(cells.map(({ status }) => status)).toEqual(Array(4).fill("done before"));

  const best = run(
    "experiments",
    "best",
    experimentName,
    "--metric",
    "f1",
    "--by-tag",
    "dataset_name",
    "--json",
  );
  expect((JSON.parse(best.stdout) as { group: string }[]).map(({ group }) => group).sort()).toEqual([
    "train_v1",
    "train_v2",
  ]);
  const promoted = run(
    "models",
    "transition",
    "weather",
    "--stage",
    "production",
    "--experiment",
    experimentName,
    "--metric",
    "f1",
    "--user",
    "ada",
  );
  expect(promoted.stdout).toBe("weather version 1 is in Production now.\n");
  const registered = run("models", "register", `runs:/${cells[1]!.runId}/model`, "weather");
  expect(registered.stdout).toMatch(/^weather has version 2 now, from runs:\/\w+\/model\.\n$/);
  run("models", "transition", "weather", "--stage", "Production", "--version", "2", "--archive-existing");
  expect(run("models", "rollback", "weather", "--stage", "Production").stdout).toBe(
    "weather version 1 is back in Production.\n",
  );
  const { stdout } = run("models", "history", "weather");
  expect(
    stdout
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith(" "))
      .map((line) => line.split(/ {2,}/).slice(1)),
  ).toEqual([
    ["version 1 to Production", "from Development", "by ada"],
    ["version 1 to Archived", "from Production", `by ${userInfo().username}`],
    ["version 2 to Production", "from Development", `by ${userInfo().username}`],
    ["version 2 to Archived", "from Production", `by ${userInfo().username}`],
    ["version 1 to Production", "from Archived", `by ${userInfo().username}`],
  ]);
  expect(stdout).toContain("\n    metric=f1\n");
  expect(run("models", "history", "weather", "--at", "2000-01-01").stdout).toBe(
    "nothing was in a stage or had an alias then.\n",
  );
  expect(run("models", "history", "weather", "--at", "2100-01-01").stdout).toMatch(
    /^Archived: version 2\nProduction: version 1\n$/,
  );
});

test.each([
  [["experiments"], /an action is missing/],
  [["experiments", "rnu"], /unknown action "rnu"\. Did you mean "run"\?/],
  [["experiments", "best", "x"], /--metric is missing/],
  [["experiments", "best", "x", "--metric", "f1"], /experiment "x": it must exist/],
  [["models", "transition", "weather"], /--stage is missing/],
  [["models", "transition", "weather", "--stage", "Production"], /name a version, or an experimentName/],
  [["models", "history", "weather", "--at", "soon"], /--at: must be a date/],
  [["models", "history", "weather", "--user", "ada"], /unknown flag --user/],
  [["models", "register", "runs:/abc/model", "weather"], /runs:\/abc\/model: the run must be in the store/],
])("%j is refused with one message", (words, message) => {
  const { status, stderr } = run(...words);
  expect(stderr).toMatch(message);
  expect([1, 2]).toContain(status);
  expect(
    stderr
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("model ")).length,
  ).toBeLessThan(3);
});

test("everything wrong in a grid's file is said at once", () => {
  const { hyperparameters: _, ...rest } = grid;
  writeFileSync(
    join(project.root, "bad.json"),
    JSON.stringify({ ...rest, run_date: "today", base_nam: "x", user_id: "" }),
  );
  const { status, stderr } = run("experiments", "run", "bad.json");
  expect(status).toBe(2);
  for (const problem of [
    /base_nam: unknown key\. Did you mean "base_name"/,
    /hyperparameters: /,
    /run_date: must be YYYYMMDD/,
    /user_id: /,
  ]) {
    expect(stderr).toMatch(problem);
  }
});
