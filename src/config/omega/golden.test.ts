// Every case of tools/golden/omega_conf.py, which OmegaConf itself answered.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "../../base/index.ts";
import { type ConfigKey, type ConfigNode, listNode, mapNode, scalarNode } from "../node.ts";
import type { ConfigValue } from "../value.ts";
import { createFromText } from "./create.ts";
import { merge } from "./merge.ts";
import { floatText, pythonFloat } from "./python-text.ts";
import { resolve, select } from "./resolve.ts";
import { clearResolvers, registerNewResolver } from "./resolvers.ts";
import { toYaml } from "./to-yaml.ts";

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
}

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
    return { error: error.issues[0]!.code };
  }
}

/** Names the error of OmegaConf that our codes stand for. */
function kinds(expected: Outcome): string[] {
  if (!("error" in expected)) return [];
  return (
    { resolution: ["value", "type"], value: ["value", "type", "syntax"] }[expected.error] ?? [expected.error]
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
