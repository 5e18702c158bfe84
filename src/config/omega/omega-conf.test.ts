import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Config, OmegaConf } from "./omega-conf.ts";
import type { ObjectType } from "./types.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-omega-"));
afterAll(() => rmSync(folder, { recursive: true }));

const data = (config: Config) => OmegaConf.toContainer(config);

const optimizer = z.object({
  name: z.enum(["adam", "sgd"]).default("adam"),
  lr: z.number().default(0.1),
  steps: z.int(),
  betas: z.array(z.number()).default([0.9, 0.999]),
  momentum: z.number().nullable().default(null),
});
const job = z.object({
  title: z.string(),
  seed: z.number().int().default(7),
  debug: z.boolean().default(false),
  note: z.string().optional(),
  either: z.union([z.int(), z.string()]).default(1),
  optimizer,
  limits: z.record(z.string(), z.int()).default({}),
  anything: z.any().default({ a: 1 }),
});

describe("a zod object gives the type of a config", () => {
  test("with its defaults, and ??? where a value must be given", () => {
    const config = OmegaConf.structured(job.extend({ optimizer: optimizer.prefault({ steps: 5 }) }), "Job");
    expect(data(config)).toEqual({
      title: "???",
      seed: 7,
      debug: false,
      either: 1,
      optimizer: { name: "adam", lr: 0.1, steps: 5, betas: [0.9, 0.999], momentum: null },
      limits: {},
      anything: { a: 1 },
    });
    expect(data(OmegaConf.structured(job))).toMatchObject({ optimizer: "???" });
  });

  test("with its conversions, so that the schema then takes the data", () => {
    const config = OmegaConf.merge(
      OmegaConf.structured(job, "Job"),
      "title: 5\nnote: 6\nseed: '8'\ndebug: yes\noptimizer: {lr: 1e-3, steps: '10', betas: [1]}\nlimits: {a: '3'}\neither: '5'\nanything: {b: 2}",
    );
    const value = OmegaConf.toContainer(config, { resolve: true, throwOnMissing: true });
    expect(job.parse(value)).toMatchObject({
      title: "5",
      note: "6",
      seed: 8,
      debug: true,
      optimizer: { name: "adam", lr: 0.001, steps: 10, betas: [1], momentum: null },
      limits: { a: 3 },
      either: "5",
      anything: { a: 1, b: 2 },
    });
    expect(OmegaConf.toYaml(config)).toContain("betas:\n  - 1.0\n");
  });

  test("and every mistake at once, with place, value and remedy", () => {
    const text =
      "titel: x\nseed: 1.5\ndebug: maybe\noptimizer:\n  name: sdg\n  lr: fast\n  bats: [1]\n  betas: [a]\nlimits: [1]";
    expect(() => OmegaConf.merge(OmegaConf.structured(job, "Job"), OmegaConf.create(text, "job.yaml")))
      .toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: job.yaml:1:1: titel: Job has no key "titel". Did you mean "title"? Valid: title, seed, debug, note, either, optimizer, limits, anything.
      job.yaml:2:7: seed: must be a whole number (int), got 1.5. Correct the value.
      job.yaml:3:8: debug: must be true or false (bool), got "maybe". Correct the value.
      job.yaml:5:9: optimizer.name: must be one of adam, sgd, got "sdg". Did you mean "sgd"?
      job.yaml:6:7: optimizer.lr: must be a number (float), got "fast". Correct the value.
      job.yaml:7:3: optimizer.bats: optimizer has no key "bats". Did you mean "betas"? Valid: name, lr, steps, betas, momentum.
      job.yaml:8:11: optimizer.betas.0: must be a number (float), got "a". Correct the value.
      job.yaml:9:9: limits: a list cannot be merged over a mapping (Job). Write the same kind, or remove the earlier one.]
    `);
  });

  test("of whatever zod can hold to a type, and nothing else", () => {
    const tree: z.ZodType = z.lazy(() => z.object({ lr: z.float64() }));
    const schema = z.object({
      mode: z.literal(["min", "max"]),
      tree,
      number: z.literal(5),
      maybe: z.union([z.string(), z.null()]),
      piped: z
        .string()
        .transform(Number)
        .default(5 as never),
      rows: z.array(z.record(z.string(), z.union([z.object({}), z.string()]))).readonly(),
    });
    const config = OmegaConf.merge(
      OmegaConf.structured(schema),
      "mode: max\ntree: {lr: 1}\nmaybe: null\nrows: [{a: {b: 1}}]",
    );
    expect(data(config)).toMatchObject({
      mode: "max",
      tree: { lr: 1 },
      number: "???",
      maybe: null,
      rows: [{ a: { b: 1 } }],
    });
    expect(() => OmegaConf.structured(z.object({ a: z.map(z.string(), z.string()) }))).toThrow(
      "OmegaConf.structured: a must be made of objects, arrays, records, enums and single values, got z.map(). Use z.any() there.",
    );
    expect(() => OmegaConf.structured(z.string())).toThrow("a structured config must be an object.");
  });
});

test("fields named like parts of every object are fields like others, and hostile keys are refused", () => {
  const fields: ObjectType["fields"] = Object.fromEntries([
    ["valueOf", { type: { kind: "int" }, default: 1 }],
  ]);
  const type: ObjectType = { kind: "object", name: "T", fields };
  expect(data(OmegaConf.merge(OmegaConf.structured(type), "valueOf: '2'"))).toEqual({ valueOf: 2 });
  expect(() => OmegaConf.merge(OmegaConf.structured(type), "toString: 1")).toThrow('T has no key "toString"');
  expect(() => OmegaConf.create("a: {constructor: 1}")).toThrow("is reserved");
  expect(() => OmegaConf.create(JSON.parse('{"a": {"__proto__": 1}}') as object as never)).toThrow(
    "is reserved",
  );
  const config = OmegaConf.create("a: {}");
  for (const key of ["__proto__.x", "a.__proto__", "a.b.constructor.c", "prototype"])
    expect(() => OmegaConf.update(config, key, 1)).toThrow("is reserved");
  expect(() => OmegaConf.fromDotlist(["a.__proto__.x=1"])).toThrow("is reserved");
  expect(data(config)).toEqual({ a: {} });
  OmegaConf.registerNewResolver("id", (value: never) => value);
  const made = OmegaConf.toContainer(OmegaConf.create("a: '${id:{__proto__:{x:1}}}'"), { resolve: true });
  expect(JSON.stringify(made)).toBe('{"a":{"__proto__":{"x":1}}}');
  expect((made as { a: { x?: number } }).a.x).toBeUndefined();
  OmegaConf.clearResolver("id");
});

describe("locks", () => {
  test("struct refuses new keys with the nearest, at every depth below", () => {
    const config = OmegaConf.create("a: {lr: 1}");
    OmegaConf.setStruct(config, true);
    expect(() => OmegaConf.merge(config, OmegaConf.create("a:\n  rl: 2", "b.yaml"))).toThrow(
      'b.yaml:2:3: a.rl: a has no key "rl". Did you mean "lr"? Valid: lr.',
    );
    expect(() => OmegaConf.update(config, "x", 1)).toThrow('x: x: the config has no key "x".');
    OmegaConf.update(config, "x.y", 1, { forceAdd: true });
    expect(data(config)).toEqual({ a: { lr: 1 }, x: { y: 1 } });
    expect([OmegaConf.isStruct(config), OmegaConf.isReadonly(config)]).toEqual([true, undefined]);
    OmegaConf.setStruct(config, undefined);
    OmegaConf.update(config, "a.new", 1);
    expect(OmegaConf.isStruct(config)).toBeUndefined();
  });

  test("readonly refuses changes in place, and goes on in what is merged from it", () => {
    const config = OmegaConf.create("a: {lr: 1}\nl: [1]");
    OmegaConf.setReadonly(config, true);
    expect(() => OmegaConf.update(config, "a.lr", 2)).toThrow("a.lr: this part of the config is read-only.");
    expect(() => OmegaConf.update(config, "l[0]", 2)).toThrow("read-only");
    expect(() => OmegaConf.unsafeMerge(config, "l: [2]")).toThrow("read-only");
    expect(data(config)).toEqual({ a: { lr: 1 }, l: [1] });
    expect(() => OmegaConf.update(OmegaConf.merge(config), "a.lr", 2)).toThrow("read-only");
  });
});

test("a refused update changes nothing", () => {
  const config = OmegaConf.structured(job);
  const before = data(config);
  for (const [key, value] of [
    ["seed", "x"],
    ["limits", { a: 1, b: "x" }],
    ["a.b.c", 1],
    ["title", "${"],
  ] as const)
    expect(() => OmegaConf.update(config, key, value)).toThrow();
  expect(data(config)).toEqual(before);
});

test("a file is read and written back", () => {
  const path = join(folder, "a.yaml");
  OmegaConf.save(OmegaConf.create("b: ${a}\na: 1e-5"), path);
  expect(readFileSync(path, "utf8")).toBe("b: ${a}\na: 1.0e-05\n");
  expect(data(OmegaConf.load(path))).toEqual({ b: "${a}", a: 1e-5 });
  writeFileSync(join(folder, "a.json"), '{"b": [1.0]}');
  expect(OmegaConf.toYaml(OmegaConf.load(join(folder, "a.json")))).toBe("b:\n- 1.0\n");
  expect(() => OmegaConf.load(join(folder, "no.yaml"))).toThrow("no.yaml: the file does not exist.");
  writeFileSync(join(folder, "n.json"), "5");
  expect(() => OmegaConf.load(join(folder, "n.json"))).toThrow(
    "n.json:1:1: a config is a mapping or a list, got 5.",
  );
});

test("dotlists, masks, containers and questions", () => {
  const config = OmegaConf.fromDotlist(["a.b=1e3", "a.c=[1, x]", "d", "e=???", "f=${a.b}"]);
  expect(data(config)).toEqual({ a: { b: 1000, c: [1, "x"] }, d: null, e: "???", f: "${a.b}" });
  expect(data(OmegaConf.maskedCopy(config, ["a", "d"]))).toEqual({ a: { b: 1000, c: [1, "x"] }, d: null });
  expect(data(OmegaConf.maskedCopy(config, "d"))).toEqual({ d: null });
  expect(OmegaConf.toContainer(config, { resolve: true })).toMatchObject({ f: 1000 });
  expect(() => OmegaConf.toContainer(config, { throwOnMissing: true })).toThrow("e: a value must be given.");
  expect([OmegaConf.isMissing(config, "e"), OmegaConf.isMissing(config, "no")]).toEqual([true, false]);
  expect([OmegaConf.isInterpolation(config, "f"), OmegaConf.isInterpolation(config, "e")]).toEqual([
    true,
    false,
  ]);
  expect([OmegaConf.isDict(config), OmegaConf.isList(config), OmegaConf.isConfig({})]).toEqual([
    true,
    false,
    false,
  ]);
  expect(OmegaConf.missingKeys(config)).toEqual(["e"]);
  OmegaConf.resolve(config);
  expect(data(config)).toMatchObject({ f: 1000, e: "???" });
});

test("a config is made of data too, and merges are copies", () => {
  const first = OmegaConf.create({ a: { b: [1, 2] }, c: "${a.b[0]}" });
  const both = OmegaConf.merge(first, { a: { d: 3 } }, "c: 4");
  expect([data(both), data(first)]).toEqual([
    { a: { b: [1, 2], d: 3 }, c: 4 },
    { a: { b: [1, 2] }, c: "${a.b[0]}" },
  ]);
  expect(data(OmegaConf.mergeWith({ listMergeMode: "extend" }, first, { a: { b: [3] } }))).toMatchObject({
    a: { b: [1, 2, 3] },
  });
  expect(OmegaConf.unsafeMerge(first, both)).toBe(first);
  expect(data(first)).toEqual(data(both));
  expect(data(OmegaConf.create())).toEqual({});
  expect(() => OmegaConf.create({ a: "${b" })).toThrow("a: the interpolation cannot be read");
  expect(() => OmegaConf.create(5)).toThrow("a config is a mapping or a list, got 5.");
});

describe("hostile input costs little", () => {
  const deep: { a?: object } = {};
  let inner = deep;
  for (let level = 0; level < 20_000; level++) inner = inner.a = {};
  const itself: { a?: object } = {};
  itself.a = itself;
  const one = () => OmegaConf.create("a: 1");
  test.each<[string, () => unknown, RegExp | number]>([
    ["deep data", () => OmegaConf.create(deep as never), /more than 64 levels/],
    ["data that holds itself", () => OmegaConf.create(itself as never), /more than 64 levels/],
    ["deep values", () => OmegaConf.update(one(), "b", deep as never), /more than 64 levels/],
    ["deep keys", () => OmegaConf.update(one(), `x${".y".repeat(20_000)}`, 1), /more than 64 keys/],
    ["open brackets", () => OmegaConf.select(one(), `a${"[".repeat(200_000)}b`), 1],
    ["open brackets with names", () => OmegaConf.select(one(), "a[".repeat(100_000)), 1],
    ["a line break in brackets", () => OmegaConf.select(one(), `a${"[".repeat(200_000)}\n]`), 1],
    [
      "a number of a million digits",
      () => OmegaConf.create(`a: ${"9".repeat(1_000_000)}`),
      /is no int of YAML/,
    ],
    ["an hour of many minutes", () => OmegaConf.create(`a: 1${":59".repeat(300_000)}`), /is no int of YAML/],
    [
      "texts like numbers",
      () =>
        OmegaConf.toYaml(OmegaConf.create({ a: `${"0".repeat(500_000)}x`, b: "1_".repeat(250_000) })).length,
      1_000_000,
    ],
    [
      "texts of spaces",
      () => OmegaConf.toYaml(OmegaConf.create({ a: " ".repeat(500_000), b: "\n".repeat(500_000) })).length,
      1_000_000,
    ],
  ])("%s", (_name, run, expected) => {
    const start = process.cpuUsage().user;
    if (expected instanceof RegExp) expect(run).toThrow(expected);
    else if (expected === 1) expect(run()).toMatchObject({ value: 1 });
    else expect(run()).toBeGreaterThan(expected);
    expect(process.cpuUsage().user - start).toBeLessThan(3_000_000); // microseconds
  });
});
