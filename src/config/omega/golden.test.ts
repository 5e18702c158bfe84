// Every case of tools/golden/omega_conf.py, which OmegaConf itself answered.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "../../base/index.ts";
import { type ConfigKey, type ConfigNode, listNode, mapNode, scalarNode, valueOf } from "../node.ts";
import type { ConfigValue } from "../value.ts";
import { createFromText } from "./create.ts";
import { merge } from "./merge.ts";
import { type Config, OmegaConf } from "./omega-conf.ts";
import { floatText, pythonFloat } from "./python-text.ts";
import { resolve, select } from "./resolve.ts";
import { clearResolvers, registerNewResolver } from "./resolvers.ts";
import { toYaml } from "./to-yaml.ts";
import type { ConfigType, ObjectType } from "./types.ts";
import type { UpdateOptions } from "./update.ts";

type Encoded = null | boolean | number | string | Encoded[] | { [key: string]: Encoded };
type Outcome = { value: Encoded } | { error: string };

interface Golden {
  plain: [string, Outcome][];
  texts: [string, Outcome][];
  merges: [string[], Outcome][];
  base: string;
  interpolations: [string, Outcome][];
  whole: [string, Outcome, Outcome][];
  selectBase: string;
  selects: [string, Outcome, Outcome, Outcome][];
  dumps: [Encoded, { text: string }][];
  sorted: [Encoded, { text: string }][];
  updates: [string, string, Encoded, UpdateOptions, Outcome][];
  missing: [string, Outcome][];
  type: EncodedType;
  structured: [string[], Outcome, Outcome][];
  typedUpdates: [string, Encoded, Outcome][];
  lockedBase: string;
  locked: ["struct" | "readonly", boolean, string, string | [string, Encoded], Outcome][];
}

/** Is a type whose defaults are encoded. */
type EncodedType = ConfigType;

const path = fileURLToPath(new URL("../../../tests/goldens/config/omegaconf.json", import.meta.url));
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;
const origin = { source: "test" };

beforeAll(() => {
  const echo = (...args: ConfigValue[]) => (args.length === 1 ? args[0]! : args);
  registerNewResolver("echo", echo);
  registerNewResolver("ns.echo", echo);
  process.env["SCONCE_GOLDEN_A"] = "12";
});
afterAll(clearResolvers);

function encodeScalar(value: ConfigKey | bigint, isFloat: boolean): Encoded {
  if (typeof value === "bigint") return { int: String(value) };
  if (typeof value === "number" && (isFloat || !Number.isInteger(value))) return { float: floatText(value) };
  return value;
}

function encode(node: ConfigNode): Encoded {
  if (node.kind === "list") return node.items.map(encode);
  if (node.kind === "scalar") return encodeScalar(node.value, node.isFloat);
  return { map: [...node.entries].map(([key, entry]) => [encodeScalar(key, false), encode(entry.node)]) };
}

function decode(value: Encoded): ConfigNode {
  if (Array.isArray(value)) return listNode(origin, value.map(decode));
  if (typeof value !== "object" || value === null) return scalarNode(origin, value);
  if ("int" in value) return scalarNode(origin, BigInt(value["int"] as string));
  if ("float" in value) return scalarNode(origin, pythonFloat(value["float"] as string)!, true);
  const node = mapNode(origin);
  for (const [key, item] of value["map"] as [Encoded, Encoded][]) {
    const keyNode = decode(key);
    if (keyNode.kind === "scalar")
      node.entries.set(keyNode.value as ConfigKey, { origin, node: decode(item) });
  }
  return node;
}

function outcome(run: () => ConfigNode | undefined): Outcome {
  try {
    const node = run();
    return { value: node === undefined ? null : encode(node) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [issue] = error.issues;
    return { error: issue!.message.includes("read-only") ? "readonly" : issue!.code };
  }
}

/** Names the error of OmegaConf that our codes stand for. */
function kinds(expected: Outcome): string[] {
  if (!("error" in expected)) return [];
  return (
    { resolution: ["value", "type"], syntax: ["syntax", "type"], value: ["value", "type", "syntax"] }[
      expected.error
    ] ?? [expected.error]
  );
}

function check(actual: Outcome, expected: Outcome): void {
  if ("error" in expected && "error" in actual) expect(kinds(expected)).toContain(actual.error);
  else expect(actual).toEqual(expected);
}

describe("plain words", () => {
  test.each(golden.plain)("%s", (text, expected) => {
    check(
      outcome(() => createFromText(`a: ${text}`, "c.yaml")),
      expected,
    );
  });
});

describe("texts", () => {
  test.each(golden.texts)("%j", (text, expected) => {
    check(
      outcome(() => createFromText(text, "c.yaml")),
      expected,
    );
  });
});

describe("merges", () => {
  test.each(golden.merges)("%j", (texts, expected) => {
    const nodes: ConfigNode[] = texts.map((text) => createFromText(text, "c.yaml"));
    check(
      outcome(() => nodes.reduce((base, other) => merge(base, other))),
      expected,
    );
  });
});

// our resolvers get plain data, whose numbers do not tell 1.0 from 1 and whose keys are texts
const plainDataTells = (text: string) => text !== "x${echo:1.0}y" && text !== "${echo:{1:2,null:3}}";
const wholeFloats = (value: Outcome) =>
  JSON.parse(JSON.stringify(value).replaceAll(/\{"float":"(-?\d+)\.0"\}/g, "$1")) as Outcome;

describe("interpolations", () => {
  test.each(golden.interpolations.filter(([text]) => plainDataTells(text)))("%s", (text, expected) => {
    const base = createFromText(golden.base, "c.yaml");
    if (base.kind === "map") base.entries.set("x", { origin, node: scalarNode(origin, text) });
    check(
      outcome(() => select(base, "x")),
      text.includes("echo") ? wholeFloats(expected) : expected,
    );
  });
});

describe("whole configs", () => {
  test.each(golden.whole)("%j", (text, contained, resolved) => {
    const run = (throwOnMissing: boolean) =>
      outcome(() => resolve(createFromText(text, "c.yaml"), { throwOnMissing }));
    check(run(true), contained);
    if (!text.includes("\\")) check(run(false), resolved); // OmegaConf reads escaped texts a second time
  });
});

describe("selects", () => {
  test.each(golden.selects)("%s", (key, plain, fallback, lenient) => {
    const base = createFromText(golden.selectBase, "c.yaml");
    check(
      outcome(() => select(base, key)),
      plain,
    );
    check(
      outcome(() => select(base, key, { default: scalarNode(origin, "D") })),
      fallback,
    );
    check(
      outcome(() => select(base, key, { throwOnMissing: true, throwOnResolutionFailure: false })),
      lenient,
    );
  });
});

describe("dumps", () => {
  test.each(golden.dumps)("%j", (value, { text }) => {
    expect(toYaml(decode(value))).toBe(text);
  });

  test.each(golden.sorted)("sorted: %j", (value, { text }) => {
    expect(toYaml(decode(value), { sortKeys: true })).toBe(text);
  });
});

describe("updates", () => {
  test.each(golden.updates)("%j: %s = %j", (text, key, value, options, expected) => {
    const config = createFromText(text, "c.yaml");
    check(
      outcome(() => {
        OmegaConf.update(config, key, decode(value), options);
        return config;
      }),
      expected,
    );
  });
});

describe("missing keys", () => {
  test.each(golden.missing)("%j", (text, expected) => {
    const keys = OmegaConf.missingKeys(createFromText(text, "c.yaml"));
    if ("value" in expected) expect(keys.sort()).toEqual(expected.value);
    else expect(keys).toEqual(["b"]); // OmegaConf fails where an interpolation leads to "???"; we name that one
  });
});

/** Gives the fields of a described type their defaults as plain data. */
function typeOf(type: EncodedType): ConfigType {
  if (type.kind === "list") return { ...type, item: typeOf(type.item) };
  if (type.kind === "dict") return { ...type, value: typeOf(type.value) };
  if (type.kind !== "object") return type;
  const fields = Object.entries(type.fields).map(
    ([key, field]) =>
      [key, { type: typeOf(field.type), default: valueOf(decode(field.default as Encoded)) }] as const,
  );
  return { ...type, fields: Object.fromEntries(fields) };
}

const job = () => OmegaConf.structured(typeOf(golden.type) as ObjectType);
const defaults = new Map([...job().entries].map(([key, { node }]) => [key, JSON.stringify(encode(node))]));

function changed(node: ConfigNode): ConfigNode {
  if (node.kind !== "map") return node;
  const entries = [...node.entries].filter(
    ([key, entry]) => JSON.stringify(encode(entry.node)) !== defaults.get(key),
  );
  return mapNode(origin, entries);
}

// OmegaConf lets an interpolation bring a value of another type into a list, mapping or union, and a list into a list of texts
const stricter = [
  "maybe: ${seed}",
  "maybe: 'x${seed}'",
  "tags: ${seed}",
  "tags: 'x${seed}'",
  "tags: ${words}",
  "tags: [[a]]",
];
// OmegaConf follows an interpolation in the config that is merged before it merges it into a typed part, where it
// leads nowhere; and it does not convert within lists of lists
const looser = [
  "nothing: ${seed}",
  "nothing: 'x${seed}'",
  "nothing: ${title}",
  "optimizer: ${seed}",
  "optimizer: 'x${seed}'",
  "optimizer: ${title}",
  "spare: ${seed}",
  "spare: 'x${seed}'",
  "spare: ${title}",
  "spare: ${optimizer}",
  "grid: [[1, '2'], []]",
];
// OmegaConf takes mappings into typed parts only by merging
const looserUpdates = ["stages.s", "stages.s.lr", "spare.lr", "spare"];

describe("typed configs", () => {
  const merged = (texts: readonly string[]) => OmegaConf.merge(job(), ...texts);

  test.each(stricter)("refused, unlike in OmegaConf: %s", (text) => {
    expect(outcome(() => resolve(merged([text])))).toEqual({ error: "type" });
  });

  test.each(looser)("taken, unlike in OmegaConf: %s", (text) => {
    expect(outcome(() => changed(merged([text])))).toHaveProperty("value");
  });

  test("an interpolation that leads to another type is refused when it is followed", () => {
    expect(() => resolve(merged(["optimizer: ${seed}"]))).toThrow(
      'config:1:12: optimizer: "${seed}" must be a mapping with the keys of Optimizer, got 7. Correct the value.',
    );
  });

  const same = golden.structured.filter(([[text]]) => !stricter.includes(text!) && !looser.includes(text!));
  test.each(same)("%j", (texts, plain, resolved) => {
    check(
      outcome(() => changed(merged(texts))),
      plain,
    );
    check(
      outcome(() => changed(resolve(merged(texts), { throwOnMissing: true }))),
      resolved,
    );
  });

  test.each(looserUpdates)("set, unlike in OmegaConf: %s", (key) => {
    const config = job();
    OmegaConf.update(config, key, key.endsWith("lr") ? 2 : { lr: 2 });
    const lr = OmegaConf.select(config, key.endsWith("lr") ? key : `${key}.lr`);
    expect(lr).toMatchObject({ value: 2, isFloat: true });
  });

  test.each(golden.typedUpdates.filter(([key]) => !looserUpdates.includes(key)))(
    "%s = %j",
    (key, value, expected) => {
      const config = job();
      check(
        outcome(() => {
          OmegaConf.update(config, key, decode(value));
          return changed(config);
        }),
        expected,
      );
    },
  );
});

describe("locks", () => {
  test.each(golden.locked)("%s %s at %j: %j", (flag, value, at, change, expected) => {
    const lock = flag === "struct" ? OmegaConf.setStruct : OmegaConf.setReadonly;
    const config = createFromText(golden.lockedBase, "c.yaml");
    const part = at === "" ? config : (OmegaConf.select(config, at, { resolve: false }) as Config);
    lock(part, value);
    if (at !== "" && !value) lock(config, true);
    check(
      outcome(() => {
        if (typeof change === "string") return OmegaConf.merge(config, change);
        OmegaConf.update(config, change[0], decode(change[1]));
        return config;
      }),
      expected,
    );
  });
});
