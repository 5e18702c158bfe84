import { describe, expect, test } from "vitest";
import type { Override } from "./hydra/override.ts";
import { applyOverrides } from "./overrides.ts";
import type { ConfigValue } from "./value.ts";

const config: ConfigValue = {
  seed: 42,
  optimizer: { name: "adamw", lr: 5e-5 },
  callbacks: [{ name: "early_stopping", patience: 2 }],
  scheduler: "linear",
  tune: { space: { "optimizer.lr": { low: 1e-5 } } },
};

const apply = (...overrides: string[]) => applyOverrides(config, overrides);
const messages = (...overrides: string[]) => apply(...overrides).issues.map(({ message }) => message);

describe("an override changes its one place", () => {
  test.each([
    ["seed=7", { seed: 7 }],
    ["optimizer.lr=1e-4", { optimizer: { name: "adamw", lr: 1e-4 } }],
    ["optimizer={name: sgd, lr: 0.1}", { optimizer: { name: "sgd", lr: 0.1 } }],
    ["trainer.max_epochs=1", { trainer: { max_epochs: 1 } }],
    ["callbacks.0.patience=3", { callbacks: [{ name: "early_stopping", patience: 3 }] }],
    ["+callbacks.1=lr_monitor", { callbacks: [{ name: "early_stopping", patience: 2 }, "lr_monitor"] }],
    ["callbacks=[]", { callbacks: [] }],
    ["+experiment=x", { experiment: "x" }],
    ["++seed=8", { seed: 8 }],
    ["++trainer.max_steps=5", { trainer: { max_steps: 5 } }],
    ["~optimizer.lr", { optimizer: { name: "adamw" } }],
    ["~seed=42", { seed: undefined }],
    ["tune.space.optimizer.lr.low=2e-6", { tune: { space: { "optimizer.lr": { low: 2e-6 } } } }],
    [
      "callbacks=extend_list(lr_monitor)",
      { callbacks: [{ name: "early_stopping", patience: 2 }, "lr_monitor"] },
    ],
    ["seed=int(7.9)", { seed: 7 }],
    ["experiment='a=b, c'", { experiment: "a=b, c" }],
  ])("%s", (override, changed) => {
    const { value, issues } = apply(override);
    expect(issues).toEqual([]);
    expect(value).toEqual({ ...config, ...changed });
  });
});

test("overrides apply in their order, and the config that was given stays", () => {
  const { value, written } = apply("seed=1", "seed=2", "+trainer.max_steps=5", "~trainer");
  expect(value).toEqual({ ...config, seed: 2 });
  expect(config).toHaveProperty("seed", 42);
  expect(written.map(({ path }) => path)).toEqual([
    ["seed"],
    ["seed"],
    ["trainer", "max_steps"],
    ["trainer"],
  ]);
});

test("1.0 is told from 1", () => {
  const floats = apply("a=1.0", "a=1", "a=1e0", "a=[1.0]", "a='1.0'").written;
  const isFloat = ({ value }: Override) => value?.kind === "scalar" && value.isFloat;
  expect(floats.map(({ override }) => isFloat(override))).toEqual([true, false, true, false, false]);
});

describe("an override that cannot be applied names itself and the way out", () => {
  test.each([
    ["+seed=1", 'override "+seed=1": the key is there already, as 42. Write seed=1 to change it.'],
    [
      "~optimizer.xyz123",
      'override "~optimizer.xyz123": there is no optimizer.xyz123 to delete. Valid: lr, name.',
    ],
    [
      "~optimizer.lt",
      'override "~optimizer.lt": there is no optimizer.lt to delete. Did you mean "lr"? Valid: lr, name.',
    ],
    [
      "~trainer.x.y",
      'override "~trainer.x.y": there is no trainer to delete. Valid: callbacks, optimizer, scheduler, seed, tune.',
    ],
    ["~seed=1", 'override "~seed=1": the value to delete must be 1, got 42 in the config.'],
    [
      "seed.x=1",
      'override "seed.x=1": seed must be a mapping to hold "x", got 42. Set it whole: seed={name: ...}.',
    ],
    [
      "scheduler.warmup_steps=1",
      'override "scheduler.warmup_steps=1": scheduler must be a mapping to hold "warmup_steps", got "linear". Set it whole: scheduler={name: ...}.',
    ],
    [
      "callbacks.1.patience=1",
      'override "callbacks.1.patience=1": callbacks has 1 item, got index 1. Add one with +callbacks.1=...',
    ],
    [
      "callbacks.1=lr_monitor",
      'override "callbacks.1=lr_monitor": callbacks has 1 item, got index 1. Add one with +callbacks.1=...',
    ],
    [
      "+callbacks.5=lr_monitor",
      'override "+callbacks.5=lr_monitor": callbacks has 1 item, got index 5. Add one with +callbacks.1=...',
    ],
    [
      "callbacks.first=1",
      'override "callbacks.first=1": callbacks is a list, so a number must follow it, got "first".',
    ],
    [
      "~callbacks.0",
      'override "~callbacks.0": an item of a list cannot be deleted alone. Set the list: callbacks=[...].',
    ],
    ["seed", 'override "seed": a value must follow the key. Write seed=VALUE, or ~seed to delete it.'],
    [
      "a.__proto__.b=1",
      'override "a.__proto__.b=1": column 3: the key "__proto__" is reserved. Choose another name.',
    ],
    [
      "db@pkg=x",
      'override "db@pkg=x": "db@pkg" names a config group, which the config of a use case does not have.',
    ],
    [
      "db/engine=x",
      'override "db/engine=x": "db/engine" names a config group, which the config of a use case does not have.',
    ],
    [
      "a=1,2",
      "override \"a=1,2\": its values are a sweep, which needs multirun (-m). Quote a text (a='1,2'), or write a list as a=[1,2].",
    ],
    [
      "a=choice(1,2)",
      'override "a=choice(1,2)": its values are a sweep, which needs multirun (-m). Give a one value.',
    ],
    ["a=b=c", 'override "a=b=c": column 4: "=" cannot stand in a bare value. Quote the value.'],
    ["seed=extend_list(1)", 'override "seed=extend_list(1)": seed must be a list to be extended, got 42.'],
    [
      "callback=extend_list(1)",
      'override "callback=extend_list(1)": there is no callback to extend. Did you mean "callbacks"? Valid: callbacks, optimizer, scheduler, seed, tune.',
    ],
  ])("%s", (override, message) => {
    expect(messages(override)).toEqual([message]);
  });
});

test("every override that cannot be applied is reported", () => {
  expect(messages("seed", "seed=1", "+seed=2", "~x")).toHaveLength(3);
});

test("no override reaches a prototype", () => {
  apply("__proto__.polluted=1", "constructor.prototype.polluted=1", "++optimizer.toString.x=1");
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(Object.hasOwn(Object.prototype.toString, "x")).toBe(false);
});
