import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { instantiate } from "../../src/config/hydra/instantiate.ts";
import { targetTable } from "../../src/config/hydra/target.ts";
import { createFromText } from "../../src/config/omega/create.ts";

/** Written by tools/golden/hydra_instantiate.py with hydra-core. */
interface Golden {
  cases: {
    config: string;
    args: unknown[];
    kwargs: Record<string, unknown>;
    result?: unknown;
    error?: string;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../goldens/config/hydra-instantiate.json", import.meta.url), "utf8"),
) as Golden;

/** Tells positional arguments from named ones: the cases give no mapping by position. */
function record(call: string, values: readonly unknown[]): object {
  const last = values.at(-1);
  const isNamed =
    typeof last === "object" &&
    last !== null &&
    Object.getPrototypeOf(last) === Object.prototype &&
    !("call" in last);
  return { call, args: isNamed ? values.slice(0, -1) : values, kwargs: isNamed ? last : {} };
}

class Thing {
  readonly recorded: object;

  constructor(...values: unknown[]) {
    this.recorded = record(new.target.name, values);
  }
}

class Other extends Thing {}

const table = targetTable({
  "demo.Thing": Thing,
  "demo.Other": Other,
  "demo.make": (...values: unknown[]) => record("make", values),
  "demo.nothing": () => null,
  "demo.boom": () => {
    throw new Error("boom");
  },
});

function encode(value: unknown): unknown {
  if (value instanceof Thing) return encode(value.recorded);
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value === "function") {
    const made = encode((value as () => unknown)()) as { call: string };
    const { call, ...rest } = made;
    return { partial: call, ...rest };
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encode(item)]));
}

const run = ({ config, args, kwargs }: Golden["cases"][number]): unknown =>
  encode(instantiate(createFromText(config, "config.yaml"), { ...table, args, kwargs }));

describe("a config makes what it makes in Hydra", () => {
  const valid = golden.cases.filter(({ error }) => error === undefined);
  test.each(valid.map((example) => [example.config.replaceAll("\n", "; "), example] as const))(
    "%s",
    (_name, example) => {
      expect(run(example)).toEqual(example.result);
    },
  );
});

test("a config that Hydra refuses is refused, with its place", () => {
  const invalid = golden.cases.filter(({ error }) => error !== undefined);
  expect(invalid.length).toBeGreaterThan(20);
  for (const example of invalid)
    expect(() => run(example), example.config).toThrow(/^config\.yaml:\d+:\d+: /);
});
