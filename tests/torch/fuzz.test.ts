// Nonsense in any argument is refused and never ends the process. One failure again: SEED=3 TRACE=1, as below.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const cases = fileURLToPath(new URL("./fuzz-cases.ts", import.meta.url));

test.each([1, 2, 3])("seed %i: operators, methods, factories and indices survive nonsense", (seed) => {
  const script = `import("vite").then((vite) => vite.runnerImport(${JSON.stringify(cases)}))`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["-e", script], {
    encoding: "utf8",
    env: { ...process.env, SEED: String(seed), ROUNDS: "2500", SCONCE_NUM_THREADS: "1" },
  });
  expect({ status, signal, stderr: status === 0 ? "" : stderr.slice(-2000) }).toEqual({
    status: 0,
    signal: null,
    stderr: "",
  });
  expect(stderr.match(/^.*: runtime error: .*/m)?.[0]).toBeUndefined(); // under npm run sanitize
  const { given, refused } = JSON.parse(stdout.trim().split("\n").at(-1)!) as {
    given: number;
    refused: number;
  };
  expect(given).toBeGreaterThan(200);
  expect(refused).toBeGreaterThan(500);
});
