// What dist/ is made of.
import { readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const root = new URL("../..", import.meta.url).pathname;
const dist = join(root, "dist", "src");

/** The sources of each file that was built, by its path in dist/src. */
const sourcesOf = new Map(
  readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".js.map"))
    .map((name) => {
      const { sources } = JSON.parse(readFileSync(join(dist, name), "utf8")) as { sources: string[] };
      const paths = sources.map((source) => relative(root, join(dirname(join(dist, name)), source)));
      return [name.slice(0, -".map".length), paths] as const;
    }),
);

test("every source is built once, so that what it holds exists once in a process", () => {
  const places = new Map<string, string[]>();
  for (const [file, sources] of sourcesOf)
    for (const source of sources.filter((path) => path.startsWith("src/")))
      places.set(source, [...(places.get(source) ?? []), file]);
  expect(places.size).toBeGreaterThan(500);
  expect([...places].filter(([, files]) => files.length > 1)).toEqual([]);
});

test("a layer's files hold its own sources alone, beside parts of packages", () => {
  const foreign = [...sourcesOf].flatMap(([file, sources]) =>
    sources.filter((path) => path.startsWith("src/") && path.split("/")[1] !== file.split("/")[0]),
  );
  expect(foreign.filter((path) => path !== "src/index.ts")).toEqual([]);
  const packages = [...sourcesOf.values()]
    .flat()
    .flatMap((path) => path.match(/^node_modules\/(@?[^/]+)/)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual(["yaml", "zod"]);
});

test("what is started by its name lies beside the index of its layer", () => {
  const started = [...sourcesOf.keys()].filter((file) =>
    /-(worker|thread|examples)\.js$/.test(basename(file)),
  );
  expect(started.sort()).toMatchInlineSnapshot(`
    [
      "cli/reproduce-worker.js",
      "cli/train-module-worker.js",
      "cli/train-worker.js",
      "tasks/cell-worker.js",
      "torch/worker-thread.js",
    ]
  `);
});
