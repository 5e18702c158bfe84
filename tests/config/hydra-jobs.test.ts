import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { applyOverrides } from "../../src/config/hydra/apply-overrides.ts";
import { expandSweeps } from "../../src/config/hydra/expand-sweeps.ts";
import { parseOverride } from "../../src/config/hydra/parse-override.ts";
import type { MapNode } from "../../src/config/node.ts";
import { readYaml } from "../../src/config/omega/read-yaml.ts";
import { encodeNode } from "./encode-override.ts";

/** Written by tools/golden/hydra_overrides.py with hydra-core. */
interface Golden {
  config: string;
  applied: { overrides: string[]; error?: string; config?: unknown }[];
  jobs: { lines: string[]; largest: number | null; error?: string; batches?: string[][][] }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../goldens/config/hydra-overrides.json", import.meta.url), "utf8"),
) as Golden;

function apply(overrides: readonly string[]): MapNode {
  const config = readYaml(golden.config, "config.yaml") as MapNode;
  applyOverrides(
    config,
    overrides.map((line) => parseOverride(line)),
  );
  return config;
}

/** Encodes as the golden file does, where quotes no longer count. */
function encode(config: MapNode): unknown {
  return JSON.parse(JSON.stringify(encodeNode(config)), (_key, value: unknown) =>
    typeof value === "object" && value !== null && "quoted" in value ? value.quoted : value,
  ) as unknown;
}

describe("overrides change a config as in Hydra", () => {
  const valid = golden.applied.filter(({ error }) => error === undefined);
  test.each(valid.map(({ overrides, config }) => [overrides.join(" "), overrides, config] as const))(
    "%s",
    (_name, overrides, config) => {
      expect(encode(apply(overrides))).toEqual(config);
    },
  );
});

// a list may grow by its next index, as in the config of a use case
const accepted = ["+l.3=1", "+d.y.w.2=1", "++l.3=1"];

test("overrides that Hydra cannot apply are refused", () => {
  const invalid = golden.applied.filter(({ error }) => error !== undefined);
  expect(invalid.length).toBeGreaterThan(50);
  for (const { overrides } of invalid) {
    if (accepted.includes(overrides.join(" "))) expect(() => apply(overrides)).not.toThrow();
    else expect(() => apply(overrides), overrides.join(" ")).toThrow(/^override "/);
  }
});

describe("a sweep has the jobs of Hydra's basic sweeper, in its order", () => {
  test.each(golden.jobs.map(({ lines, ...rest }) => [lines.join(" "), lines, rest] as const))(
    "%s",
    (_name, lines, { largest, error, batches }) => {
      const expand = () =>
        expandSweeps(
          lines.map((line) => parseOverride(line)),
          largest === null ? {} : { maxBatchSize: largest },
        );
      if (error !== undefined) expect(expand).toThrow(/interval/);
      else {
        // Hydra writes ~c as ~c=null, which means the same
        const expected = JSON.parse(JSON.stringify(batches).replaceAll("~c=null", "~c")) as unknown;
        expect(expand()).toEqual(expected);
      }
    },
  );
});

test("the overrides of every job read back to the values of the sweep", () => {
  const sweeps = golden.jobs.flatMap(({ lines }) => lines.filter((line) => !line.includes("interval")));
  for (const line of sweeps) {
    const { sweep, value } = parseOverride(line);
    if (sweep !== undefined && sweep.kind !== "choice") continue;
    const values = sweep === undefined ? [value!] : sweep.items;
    const read = expandSweeps([parseOverride(line)])
      .flat(2)
      .map((text) => parseOverride(text).value);
    expect(read.map((node) => node && encodeNode(node))).toEqual(
      values.map((node) => node && encodeNode(node)),
    );
  }
});
