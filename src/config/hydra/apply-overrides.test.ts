import { expect, test } from "vitest";
import { type ConfigNode, type MapNode, nodeOf, valueOf } from "../node.ts";
import { OmegaConf } from "../omega/omega-conf.ts";
import type { ConfigType } from "../omega/types.ts";
import { applyOverrides } from "./apply-overrides.ts";
import { parseOverride } from "./parse-override.ts";

const make = (): MapNode =>
  nodeOf(
    {
      seed: 42,
      optimizer: { name: "adamw", lr: 5e-5 },
      callbacks: [{ name: "early_stopping", patience: 2 }],
      nothing: null,
      tune: { space: { "optimizer.lr": { low: 1e-5 } } },
    },
    { source: "config.yaml", line: 1, column: 1 },
  ) as MapNode;

function apply(...lines: string[]): MapNode {
  const config = make();
  applyOverrides(
    config,
    lines.map((line) => parseOverride(line)),
  );
  return config;
}

const at = (node: ConfigNode, ...path: (string | number)[]): ConfigNode =>
  path.reduce<ConfigNode>(
    (part, step) =>
      part.kind === "map"
        ? part.entries.get(step)!.node
        : (part as { items: ConfigNode[] }).items[Number(step)]!,
    node,
  );

test("what an override writes has its text as origin, and the rest keeps its own", () => {
  const config = apply("optimizer.lr=1e-3", "+trainer.flags={a: [1]}", "callbacks=extend_list(lr_monitor)");
  expect(at(config, "optimizer", "lr").origin).toEqual({ source: "optimizer.lr=1e-3" });
  expect(at(config, "optimizer", "name").origin).toEqual({ source: "config.yaml", line: 1, column: 1 });
  for (const path of [
    ["trainer"],
    ["trainer", "flags"],
    ["trainer", "flags", "a"],
    ["trainer", "flags", "a", 0],
  ])
    expect(at(config, ...path).origin).toEqual({ source: "+trainer.flags={a: [1]}" });
  expect(config.entries.get("trainer")!.origin).toEqual({ source: "+trainer.flags={a: [1]}" });
  expect(at(config, "callbacks", 1).origin).toEqual({ source: "callbacks=extend_list(lr_monitor)" });
});

test("one override can be applied to many configs", () => {
  const lines = ["+new={x: [1]}", "new.x.0=2", "callbacks=extend_list({a: 1})", "callbacks.1.a=5"].map(
    (line) => parseOverride(line),
  );
  const [first, second] = [make(), make()];
  applyOverrides(first, lines);
  applyOverrides(second, lines.slice(0, 1));
  expect(valueOf(at(second, "new"))).toEqual({ x: [1] });
  expect(valueOf(lines[0]!.value!)).toEqual({ x: [1] });
});

test("a key that holds dots is found", () => {
  expect(valueOf(at(apply("tune.space.optimizer.lr.low=2e-6"), "tune"))).toEqual({
    space: { "optimizer.lr": { low: 2e-6 } },
  });
});

test("a key whose value is null can be deleted, which Hydra takes for absent", () => {
  expect(apply("~nothing").entries.has("nothing")).toBe(false);
});

test.each([
  [
    "sed=1",
    'override "sed=1": there is no sed to set. Did you mean "seed"? Valid: callbacks, nothing, optimizer, seed, tune. Write +sed=1 to add it.',
  ],
  [
    "optimizer={lr: 1, betas: [1]}",
    'override "optimizer={lr: 1, betas: [1]}": there is no optimizer.betas to set. Valid: lr, name. Write +optimizer={lr: 1, betas: [1]} to add it.',
  ],
  [
    "seed.x=1",
    'override "seed.x=1": there is no seed.x to set: seed is 42, which has no "x". Write +seed.x=1 to add it.',
  ],
  [
    "+seed=1",
    'override "+seed=1": seed is there already, as 42. Write seed=1 to change it, or ++seed=1 to set it in any case.',
  ],
  [
    "optimizer=[1]",
    'override "optimizer=[1]": optimizer must stay a mapping, got a list. Delete it first: ~optimizer.',
  ],
  [
    "callbacks.1=x",
    'override "callbacks.1=x": callbacks has 1 item, got index 1. Add one with +callbacks.1=... or callbacks=extend_list(...).',
  ],
  [
    "callbacks.x=1",
    'override "callbacks.x=1": callbacks is a list, so a number must follow it, got "x". Write callbacks.0=VALUE.',
  ],
  [
    "~callbacks.0",
    'override "~callbacks.0": an item of a list cannot be deleted alone. Set the list: callbacks=[...].',
  ],
  ["~seed=1", 'override "~seed=1": the value of seed is 42, not 1. Write ~seed to delete it in any case.'],
  [
    "~sed",
    'override "~sed": there is no sed to delete. Did you mean "seed"? Valid: callbacks, nothing, optimizer, seed, tune.',
  ],
  ["seed=extend_list(1)", 'override "seed=extend_list(1)": seed must be a list to be extended, got 42.'],
  [
    "x=extend_list(1)",
    'override "x=extend_list(1)": there is no x to extend. Valid: callbacks, nothing, optimizer, seed, tune.',
  ],
  [
    "+db@backup=x",
    'override "+db@backup=x": "+db@backup" names a package, but there is no config group "db".',
  ],
  ["seed=1,2", 'override "seed=1,2": its values are a sweep, which needs multirun (-m).'],
])("%s says what is wrong and how to mend it", (line, message) => {
  expect(() => apply(line)).toThrow(expect.objectContaining({ message, code: "override" }) as Error);
});

test("parts that are held to a type are converted, or refuse what does not fit and stay as they were", () => {
  const schema: ConfigType = {
    kind: "object",
    name: "Database",
    fields: { port: { type: { kind: "int" }, default: 3306 }, host: { type: { kind: "str" }, default: "x" } },
  };
  const config = nodeOf({}, { source: "config.yaml" }) as MapNode;
  config.entries.set("db", { origin: config.origin, node: OmegaConf.structured(schema) });
  const change = (line: string) => applyOverrides(config, [parseOverride(line)]);
  change("db.port='5432'");
  change("db={host: 7}");
  expect(valueOf(at(config, "db"))).toEqual({ port: 5432, host: "7" });
  expect(() => change("db.port=many")).toThrow(
    'override "db.port=many": db.port: must be a whole number (int), got "many". Correct the value.',
  );
  expect(() => change("++db={port: 1, host: [1]}")).toThrow(/^override .*db\.host: must be a text/);
  expect(valueOf(at(config, "db"))).toEqual({ port: 5432, host: "7" });
});
