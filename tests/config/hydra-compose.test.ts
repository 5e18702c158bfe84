// What Hydra 1.3.8 composes of the trees of tools/golden/hydra_trees.py, composed here.
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConfigError, SconceError } from "../../src/base/index.ts";
import { composeAll } from "../../src/config/hydra/compose.ts";
import { jobConfig } from "../../src/config/hydra/hydra-resolvers.ts";
import { type ConfigNode, type MapNode, mapNode, valueOf } from "../../src/config/node.ts";
import { select } from "../../src/config/omega/resolve.ts";
import { toYaml } from "../../src/config/omega/to-yaml.ts";
import { readYaml } from "../../src/config/omega/read-yaml.ts";

interface Case {
  tree: string;
  config: string | null;
  overrides: string[];
  error?: string;
  job: string;
  hydra: string;
  choices: [string, string | null][];
  defaults: [string, string, boolean, string][];
}

const golden = JSON.parse(
  readFileSync(new URL("../goldens/config/hydra-compose.json", import.meta.url), "utf8"),
) as { trees: Record<string, Record<string, string>>; cases: Case[] };

let root: string;

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-hydra-")));
  for (const [tree, files] of Object.entries(golden.trees)) {
    for (const [name, text] of Object.entries(files)) {
      const path = join(root, tree, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text.replaceAll("$ROOT", join(root, tree)));
    }
  }
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

function composeCase({ tree, config, overrides }: Case) {
  return composeAll({
    configPath: join(root, tree, tree === "search" ? "main" : ""),
    ...(config === null ? {} : { configName: config }),
    ...(tree === "legacy" ? { versionBase: "1.1" } : {}),
    overrides: overrides.map((line) => line.replaceAll("$ROOT", join(root, tree))),
  });
}

// Hydra cannot delete a value that is null or "???", has no extend_list yet, and looks for the primary config before
// it knows the search path
const takenBeyondHydra = [
  "config ~ckpt_path",
  "config tags=extend_list(x,y)",
  "types ~f",
  "types ~l",
  "other hydra.searchpath=[file://$ROOT/more]",
];
// a path never leads out of its group here
const refusedHere = ["config db=../server/nginx"];

const title = ({ config, overrides }: Case): string => [config ?? "(no config)", ...overrides].join(" ");

describe.each(Object.keys(golden.trees))("%s", (tree) => {
  const shown = (node: ConfigNode): string => toYaml(node).replaceAll(join(root, tree), "$ROOT");
  const cases = golden.cases
    .filter((each) => each.tree === tree && !takenBeyondHydra.includes(title(each)))
    .map((each) => ({ ...each, isRefused: each.error !== undefined || refusedHere.includes(title(each)) }));

  test.each(cases.filter(({ isRefused }) => !isRefused).map((each) => [title(each), each] as const))(
    "%s",
    (_, each) => {
      const { config, hydra, defaults } = composeCase(each);
      expect(defaults.map((entry) => [entry.configPath, entry.package, entry.isSelf, entry.parent])).toEqual(
        each.defaults,
      );
      expect(shown(jobConfig(config))).toBe(each.job);
      const parts = readYaml(each.hydra, "golden") as MapNode;
      const same = [...hydra.entries].filter(([key]) => parts.entries.has(key));
      expect(shown(mapNode(hydra.origin, same))).toBe(each.hydra);
      const choices = select(hydra, "runtime.choices");
      expect(choices && Object.entries(valueOf(choices) as object)).toEqual(each.choices);
    },
  );

  test.each(cases.filter(({ isRefused }) => isRefused).map((each) => [title(each), each] as const))(
    "%s is refused",
    (_, each) => {
      let thrown: unknown;
      try {
        composeCase(each);
      } catch (error) {
        thrown = error;
      }
      expect(SconceError.is(thrown), String(thrown)).toBe(true);
      if (each.error === "MissingConfigException")
        expect((thrown as ConfigError).issues).toMatchObject([{ code: "file" }]);
    },
  );
});
