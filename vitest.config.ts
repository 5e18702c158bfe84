import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^sconce$/, replacement: source("index.ts") },
      { find: /^sconce\/(.+)$/, replacement: source("$1/index.ts") },
    ],
  },
  test: {
    include: ["src/**/*.test.ts", "tests/**/*.test.ts", "tools/**/*.test.ts"],
    pool: "forks", // a crash of the addon must take down one file, not the run
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    env: {
      OMP_NUM_THREADS: "1",
      MKL_NUM_THREADS: "1",
      SCONCE_NUM_THREADS: "1",
      SCONCE_JOURNAL_DIR: join(tmpdir(), `sconce-journal-${process.pid}`), // not the user's own
    },
    coverage: { include: ["src/**/*.ts"], exclude: ["src/**/*.test.ts", "src/**/*.generated.ts"] },
  },
});
