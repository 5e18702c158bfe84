import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTable } from "../../src/data/index.ts";
import { makeTinyProject, tinyRows } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";
import { sconce, sconceBin } from "./run.ts";

let project: TinyProject;
const rows = tinyRows(21, 2);
const scratch = mkdtempSync(join(tmpdir(), "sconce-predict-"));

beforeAll(async () => {
  project = makeTinyProject();
  const { code, stderr } = await sconce(["train", project.config]);
  expect(code, stderr).toBe(0);
});
afterAll(() => project?.remove());

interface Predicted {
  text: string;
  label: string;
  score: number;
  scores: Record<string, number>;
}

async function predict(words: readonly string[], input?: string): Promise<Predicted[]> {
  const { code, stdout, stderr } = await sconce(["predict", "-m", project.champion, ...words], {
    ...(input !== undefined && { input }),
  });
  expect(code, stderr).toBe(0);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Predicted);
}

/** Writes the test rows with other names of the columns than the model was trained on. */
function renamedColumns(): string {
  const path = join(scratch, "renamed.csv");
  const test = readFileSync(join(project.datasets, "test.csv"), "utf8");
  writeFileSync(path, test.replace(/^text,label/, "body,kind"));
  return path;
}

/** Copies the champion, as if trained on the columns `body` and `kind`. */
function championOfRenamedColumns(): string {
  const folder = join(scratch, "renamed");
  cpSync(project.champion, folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, object>;
  config["sconce"] = { ...config["sconce"], columns: { text: "body", label: "kind" } };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

test("predict and evaluate read the columns that the model was trained on, unless told others", async () => {
  const saved = JSON.parse(readFileSync(join(project.champion, "config.json"), "utf8")) as object;
  expect(saved).toMatchObject({ sconce: { columns: { text: "text", label: "label" } } });
  const [model, file] = [championOfRenamedColumns(), renamedColumns()];
  const ofModel = await sconce(["predict", "-m", model, "-i", file]);
  expect(ofModel.stderr).toBe("");
  const told = await sconce(["predict", "-m", project.champion, "-i", file, "--text-column", "body"]);
  expect(ofModel.stdout).toBe(told.stdout);
  expect((await sconce(["evaluate", "-m", model, "-d", file])).code).toBe(0);
});

describe("sconce predict", () => {
  test("gives each text its label, score and all scores, which sum to one", async () => {
    const texts = ["wet cloud in our town", "the hot summer sky"];
    const predicted = await predict(texts.flatMap((text) => ["--text", text]));
    expect(predicted.map(({ text }) => text)).toEqual(texts);
    for (const { label, score, scores } of predicted) {
      expect(Object.keys(scores)).toEqual(["rain", "sun", "wind"]);
      expect(score).toBe(Math.max(...Object.values(scores)));
      expect(scores[label]).toBe(score);
      expect(Object.values(scores).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    }
  });

  test("gives the same for a file, for lines of standard input and for texts, in their order", async () => {
    const texts = rows.map(({ text }) => text);
    const ofFile = await predict(["-i", join(project.datasets, "test.csv")]);
    expect(ofFile.map(({ text }) => text)).toEqual(texts);
    expect(await predict(["-i", "-"], `${texts.join("\r\n")}\r\n`)).toEqual(ofFile);
    expect(await predict(texts.flatMap((text) => ["--text", text]))).toEqual(ofFile);
  });

  test("does not depend on the batch size but for rounding", async () => {
    const file = join(project.datasets, "test.csv");
    const [one, many] = [await predict(["-i", file, "--batch-size", "1"]), await predict(["-i", file])];
    for (const [i, { score }] of many.entries()) expect(one[i]!.score).toBeCloseTo(score, 5);
  });

  test("writes JSONL or CSV by the output's ending, and nothing else to standard output", async () => {
    const input = join(project.datasets, "test.csv");
    const jsonl = await predict(["-i", input]);
    for (const name of ["out.jsonl", "out.csv"]) {
      const output = join(scratch, "made", name);
      expect(await predict(["-i", input, "-o", output])).toEqual([]);
      const table = await readTable(output);
      expect(table.column("text")).toEqual(jsonl.map(({ text }) => text));
      expect(table.column("label")).toEqual(jsonl.map(({ label }) => label));
      expect(table.column("score").map(Number)).toEqual(jsonl.map(({ score }) => score));
      if (name === "out.csv")
        expect(table.column("score_wind").map(Number)).toEqual(jsonl.map(({ scores }) => scores["wind"]));
    }
  });

  test("gives logits whose softmax is the scores", async () => {
    const [scored] = await predict(["--text", rows[0]!.text]);
    const [raw] = (await predict(["--text", rows[0]!.text, "--logits"])) as unknown as {
      logits: Record<string, number>;
    }[];
    const powers = Object.values(raw!.logits).map(Math.exp);
    const sum = powers.reduce((a, b) => a + b);
    for (const [i, score] of Object.values(scored!.scores).entries())
      expect(powers[i]! / sum).toBeCloseTo(score, 12);
  });

  test("ends well when its reader has seen enough", async () => {
    const many = join(scratch, "many.csv");
    writeFileSync(many, `text\n${"wet cloud\n".repeat(20_000)}`);
    const command = `"${process.execPath}" "${sconceBin}" predict -m "${project.champion}" -i "${many}" --batch-size 2000 | head -1`;
    const child = spawn("bash", ["-o", "pipefail", "-c", command], { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(JSON.parse(stdout)).toMatchObject({ text: "wet cloud" });
    expect([code, stderr.split("\n").filter((line) => !line.startsWith("predicting"))]).toEqual([0, [""]]);
  });
});

describe("sconce evaluate", () => {
  const evaluate = (...words: string[]) =>
    sconce(["evaluate", "-m", project.champion, "-d", join(project.datasets, "test.csv"), ...words]);

  test("prints metrics with intervals, the confusion matrix and a report by class, in 80 columns", async () => {
    const { code, stdout } = await evaluate();
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Evaluated on 21 rows\n {2}accuracy +0\.\d{4} {2}95 % interval 0\.\d{4} to \d\.\d{4}$/m,
    );
    expect(stdout).toMatch(/^ {2}true \\ pred +rain +sun +wind$/m);
    expect(stdout).toMatch(/^ +precision +recall +f1-score +support$/m);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("agrees with what training found on the same rows", async () => {
    const { stdout } = await evaluate("--json");
    const { metrics } = JSON.parse(stdout) as { metrics: Record<string, number> };
    const recorded = JSON.parse(readFileSync(join(project.runs()[0]!, "metrics.json"), "utf8")) as {
      metrics: Record<string, number>;
    };
    for (const [name, value] of Object.entries(metrics))
      expect(value, name).toBeCloseTo(recorded.metrics[name]!, 6);
  });
});
