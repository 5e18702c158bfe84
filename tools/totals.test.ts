// The sum that .ci/run ends with.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder, writeFiles } from "./fixtures/setup.ts";

const script = fileURLToPath(new URL("../.ci/totals.mjs", import.meta.url));

function totals(
  files: { name: string; states: string[]; status?: string; fullName?: string }[],
  doctest?: object,
) {
  const folder = temporaryFolder();
  const testResults = files.map(({ name, states, status = "passed", fullName }) => ({
    name: `/project/${name}`,
    status,
    message: "cannot load",
    assertionResults: states.map((state) => ({ status: state, fullName })),
  }));
  writeFiles(folder, {
    "tests.json": JSON.stringify({ testResults }),
    ...(doctest !== undefined && { "doctest.json": JSON.stringify(doctest) }),
  });
  const paths = ["tests.json", "doctest.json"].map((name) => join(folder, name));
  const { status, stdout } = spawnSync(process.execPath, [script, ...paths], { encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  return { status, last: lines.at(-1), said: lines.slice(0, -1) };
}

const good = { name: "src/a.test.ts", states: ["passed", "passed"] };
const blocks = { passed: 3, failed: 0 };

test("tests and code blocks are added up, and what was skipped is said", () => {
  expect(totals([good], blocks)).toEqual({ status: 0, last: "5 passed, 0 failed", said: [] });
  const skipping = { name: "src/b.test.ts", states: ["passed", "pending", "skipped", "todo"] };
  expect(totals([good, skipping], blocks)).toEqual({
    status: 0,
    last: "6 passed, 0 failed",
    said: ["3 skipped"],
  });
});

test("a failed test or block fails the run", () => {
  const bad = { name: "src/b.test.ts", states: ["passed", "failed"], status: "failed" };
  expect(totals([good, bad], blocks)).toEqual({ status: 1, last: "6 passed, 1 failed", said: [] });
  expect(totals([good], { passed: 1, failed: 2 })).toEqual({
    status: 1,
    last: "3 passed, 2 failed",
    said: [],
  });
});

test("a file that does not load counts as a failure", () => {
  const broken = { name: "src/b.test.ts", states: [], status: "failed" };
  expect(totals([good, broken], blocks)).toEqual({
    status: 1,
    last: "5 passed, 1 failed",
    said: ["fault: /project/src/b.test.ts: cannot load"],
  });
});

test("a compatibility test that is left out, no tests and no report are failures", () => {
  const compat = { name: "tests/compat/x.test.ts", states: ["skipped"] };
  expect(totals([good, compat], blocks)).toMatchObject({ status: 1, last: "5 passed, 1 failed" });
  expect(totals([], blocks)).toMatchObject({ status: 1, said: ["fault: no test passed"] });
  expect(totals([good])).toMatchObject({ status: 1, last: "2 passed, 1 failed" });
});

test("a compatibility test may be left out for a program of the system that its name says to install", () => {
  const compat = {
    name: "tests/compat/x.test.ts",
    states: ["skipped"],
    fullName: "MLflow on PostgreSQL (install PostgreSQL, or set a variable) reads it",
  };
  expect(totals([good, compat], blocks)).toEqual({
    status: 0,
    last: "5 passed, 0 failed",
    said: ["1 skipped"],
  });
});
