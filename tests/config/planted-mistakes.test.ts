// One mistake in a config that composes and checks: it is refused, at its place and with the way out, before libtorch or
// data are loaded.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkJob } from "../../src/cli/composed.ts";
import { SconceError, formatIssue } from "../../src/base/index.ts";
import { planJobs } from "../../src/config/index.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { writeFiles } from "../fixtures/write-files.ts";
import { endOf, sconce } from "../cli/run.ts";
import { plantedMistakes, validFiles } from "./planted.ts";

let root: string;
const before = process.cwd();
beforeAll(() => {
  root = makeTemporaryFolder("sconce-planted-");
  writeFiles(root, validFiles);
  process.chdir(root); // messages name files from there
});
afterAll(() => {
  process.chdir(before);
  rmSync(root, { recursive: true });
});

/** Does what `sconce check` does, and returns what it would tell, one problem a line. */
async function check(words: readonly string[]): Promise<string[]> {
  try {
    const jobs = planJobs({
      jobName: "train",
      baseFolder: root,
      configPath: join(root, "conf"),
      configName: "config",
      argv: [...words],
    });
    const reports = await Promise.all(jobs.map(({ config }) => checkJob(config, root)));
    return reports.flatMap(({ source, issues }) => issues.map((issue) => formatIssue(source, issue)));
  } catch (error) {
    if (!SconceError.is(error)) throw error;
    return error.message.split("\n");
  }
}

/** Plants a mistake, does something, and takes the mistake out again. */
async function withFiles<T>(
  files: Readonly<Record<string, string | Buffer>>,
  run: () => Promise<T>,
): Promise<T> {
  writeFiles(root, files);
  try {
    return await run();
  } finally {
    for (const file of Object.keys(files)) {
      const valid = validFiles[file];
      if (valid === undefined) rmSync(join(root, file));
      else writeFiles(root, { [file]: valid });
    }
  }
}

test("the config has no problem before a mistake is planted", async () => {
  expect(await check([])).toEqual([]);
  expect(await check(["+experiment=big", "-m", "seed=1,2"])).toEqual([]);
});

describe("single mistakes", () => {
  const mistakes = plantedMistakes();
  const title = ({ words, files }: (typeof mistakes)[number]): string =>
    [
      ...words,
      ...Object.entries(files).map(([file, text]) => `${file} ${text.slice(0, 60).toString()}`),
    ].join(" ");

  test("are 300 or more, and none stands twice", () => {
    const all = mistakes.map(({ words, files }) => JSON.stringify([words, files]));
    expect(all.length).toBeGreaterThanOrEqual(300);
    expect(new Set(all).size).toBe(all.length);
  });

  test.each(mistakes.map((mistake) => [title(mistake), mistake] as const))(
    "%s",
    async (_, { words, files, place, says }) => {
      const told = await withFiles(files, () => check(words));
      const begins = [`${place}:`, `override ${JSON.stringify(place)}:`];
      const lines = told.filter((line) => begins.some((start) => line.startsWith(start)));
      expect(lines.join("\n"), told.join("\n")).toContain(says);
      expect(told.join("\n")).not.toMatch(/^ {4}at /m);
    },
  );
});

// on a machine that does nothing else it takes 130 ms, of which Node's own start takes 70: bench/results/config.md
const mostCpuMs = 800;

test("sconce check tells of them with exit code 2, in a fraction of a second, without libtorch", async () => {
  const chosen = plantedMistakes().filter((_, index) => index % 60 === 7);
  expect(chosen.length).toBeGreaterThan(4);
  for (const { words, files, place, says } of chosen) {
    await withFiles(files, async () => {
      const { code, stdout, stderr } = await sconce(["check", ...words], { cwd: root });
      expect(code, stderr).toBe(2);
      expect(stdout + stderr).toContain(place);
      expect(stderr).toContain(says);
      const { libraries, cpuMs } = endOf(["check", ...words]);
      expect(libraries.filter((path) => /sconce\.node|libtorch|libc10/.test(path))).toEqual([]);
      expect(cpuMs).toBeLessThan(mostCpuMs);
    });
  }
});
