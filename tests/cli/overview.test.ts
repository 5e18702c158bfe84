import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { librariesAfter, sconce } from "./run.ts";

const commands =
  "init new check train predict evaluate reproduce experiments runs watch compare models server store gc clean doctor".split(
    " ",
  );
describe("the overview", () => {
  test("lists every command, in 80 columns", async () => {
    const { code, stdout } = await sconce(["--help"]);
    expect(code).toBe(0);
    for (const name of [...commands, "setup"]) expect(stdout).toMatch(new RegExp(`^  ${name} +\\w`, "m"));
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("is what sconce says when it is called without a word, as a mistake", async () => {
    const { code, stdout, stderr } = await sconce([]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Usage: sconce COMMAND");
  });

  test("takes at most 60 ms more than Node itself", async () => {
    let [node, overview] = [Infinity, Infinity];
    // other work on the machine makes single tries slow
    for (let n = 0; n < 3 || (n < 25 && overview - node >= 60); n++) {
      const start = performance.now();
      execFileSync(process.execPath, ["-e", "0"]);
      node = Math.min(node, performance.now() - start);
      overview = Math.min(overview, (await sconce(["--help"])).milliseconds);
    }
    console.log(`sconce --help: ${overview.toFixed(0)} ms, of which Node ${node.toFixed(0)} ms`);
    expect(overview - node).toBeLessThan(60);
  });
});

describe.each(commands)("sconce %s --help", (name) => {
  test("says how it is used, with an example, in 80 columns", async () => {
    const { code, stdout, stderr } = await sconce([name, "--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(new RegExp(`^Usage: sconce ${name} `));
    expect(stdout).toMatch(new RegExp(`Examples?:\n  (cat .*\\| )?sconce ${name}`));
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect((await sconce(["help", name])).stdout).toBe(stdout);
  });

  test("loads neither libtorch nor another native library", () => {
    expect(librariesAfter([name, "--help"]).filter((path) => /\.node$|torch/.test(path))).toEqual([]);
  });
});

test("the version is the package's", async () => {
  const path = fileURLToPath(new URL("../../package.json", import.meta.url));
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  expect((await sconce(["--version"])).stdout).toBe(`sconce ${version}\n`);
});

describe("a word that is none", () => {
  test.each([
    [["trian"], 'sconce: unknown command "trian". Did you mean "train"? Commands: init, new, check, train'],
    [["constructor"], 'sconce: unknown command "constructor". Commands: init'],
    [["help", "evalute"], 'Did you mean "evaluate"?'],
    [["train", "--resum", "last"], 'sconce train: unknown flag --resum. Did you mean "--resume"?'],
    [["check", "a.json", "-x"], "sconce check: unknown flag -x. Valid: --json, --resolve, --schema."],
    [["predict", "--modle", "x"], 'Did you mean "--model"?'],
    [["train", "--resume"], "sconce train: Option '--resume <value>' argument missing."],
    [["predict", "--text", "x"], "sconce predict: --model is missing. See: sconce predict --help"],
    [["predict", "-m", "x"], "give either --input FILE or --text TEXT"],
    [["predict", "-m", "x", "--text", "a", "--input", "b"], "give either --input FILE or --text TEXT"],
    [
      ["predict", "-m", "x", "--text", "a", "-o", "a.txt"],
      '--output must end in .jsonl or .csv, got "a.txt"',
    ],
    [["predict", "-m", "x", "--text", "a", "-o", "/"], "--output must be a file, got the folder /"],
    [
      ["predict", "-m", "x", "--text", "a", "--batch-size", "0"],
      '--batch-size: must be a whole number above 0, got "0".',
    ],
    [["predict", "-m", "x", "-i", "-"], "standard input is empty"],
    [["evaluate", "-m", "x"], "sconce evaluate: --model and --data are needed"],
    [["init"], "sconce init: data file is missing"],
    [["init", "a.csv", "b.csv"], 'expected one data file, got also "b.csv"'],
    [["clean", "all"], 'sconce clean: takes flags only, got "all"'],
    [["clean", "--runs", "-1"], "--runs"],
    [["clean", "--runs", "soon"], '--runs: must be a number of 0 or more, got "soon".'],
    [["reproduce"], "sconce reproduce: run is missing"],
    [["predict", "-m", "m", "x"], 'sconce predict: takes flags only, got "x"'],
    [["evaluate", "m", "-d", "x.csv"], 'sconce evaluate: takes flags only, got "m"'],
    [["doctor", "x"], 'sconce doctor: takes flags only, got "x"'],
  ])("%j exits with 2 and says what is meant", async (words, message) => {
    const { code, stdout, stderr } = await sconce(words);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});
