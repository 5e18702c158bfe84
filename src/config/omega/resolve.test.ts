import { afterEach, describe, expect, test, vi } from "vitest";
import { type ConfigNode, listNode, nodeOf, scalarNode, valueOf } from "../node.ts";
import { createFromText } from "./create.ts";
import { resolve, select } from "./resolve.ts";
import {
  type ResolverContext,
  clearCache,
  clearResolver,
  clearResolvers,
  copyCache,
  hasResolver,
  registerNewResolver,
} from "./resolvers.ts";

const config = (text: string) => createFromText(text, "c.yaml");
const resolved = (text: string) => valueOf(resolve(config(text)));
const problem = (text: string) => {
  try {
    return JSON.stringify(resolved(text)).slice(0, 100);
  } catch (error) {
    return (error as Error).message;
  }
};

afterEach(clearResolvers);

test.each([
  [
    "absent key",
    "optimizer: {lr: 1}\na: ${optimizer.rl}",
    'c.yaml:2:4: a: ${optimizer.rl} leads nowhere: optimizer has no "rl". Did you mean "lr"? Valid: lr.',
  ],
  [
    "absent key of the root",
    "a: ${bc}\nbb: 1",
    'c.yaml:1:4: a: ${bc} leads nowhere: the config has no "bc". Did you mean "bb"? Valid: a, bb.',
  ],
  [
    "unknown resolver",
    "a: ${oc.evn:HOME}",
    'c.yaml:1:4: a: ${oc.evn:HOME} calls the resolver "oc.evn", which is not registered. Did you mean "oc.env"? Valid: oc.create, oc.decode, oc.deprecated, oc.dict.keys, oc.dict.values, oc.env, oc.select.',
  ],
  [
    "circle",
    "a: ${b.c}\nb: {c: 'x${d}'}\nd: ${a}",
    "c.yaml:1:4: a: the interpolations lead in a circle: a -> b.c -> d -> a. Give one of them a value.",
  ],
  [
    "itself",
    "a:\n  b: ${a}",
    "c.yaml:2:6: a.b: ${a} leads to a, in which it stands itself. Point it at a part beside it.",
  ],
  [
    "circle through mappings",
    "a: {x: '${b}'}\nb: {y: '${a}'}",
    "c.yaml:1:4: a: the interpolations lead in a circle: a -> b -> a. Give one of them a value.",
  ],
  ["above the root", "a: ${..b}", "c.yaml:1:4: a: ..b climbs above the root of the config. Use fewer dots."],
  [
    "key in a value",
    "a: 5\nb: ${a.c}",
    'c.yaml:2:4: b: a.c looks for "c" in a, which holds no keys but 5. Correct the key.',
  ],
  [
    "word in a list",
    "a: [1, 2]\nb: ${a.c}",
    'c.yaml:2:4: b: a.c looks for "c" in the list a, which has numbers for keys. Use one from 0 to 1.',
  ],
  [
    "number as a key",
    "a: [1, 2]\ni: 0\nb: ${a[${i}]}",
    "c.yaml:3:4: b: ${i} stands in the key, so it must give a text, got 0. Quote that value.",
  ],
  [
    "unset variable",
    "a: ${oc.env:SCONCE_UNSET}",
    'c.yaml:1:4: a: ${oc.env:SCONCE_UNSET} failed: the environment has no "SCONCE_UNSET". Set it, or give a default: ${oc.env:SCONCE_UNSET,default}.',
  ],
  ["no argument", "a: ${oc.env:}", "c.yaml:1:4: a: ${oc.env:} failed: it takes 1 to 2 arguments, got 0."],
  [
    "syntax",
    "a: ${b c}",
    'c.yaml:1:4: a: the interpolation cannot be read: a dot, a bracket or the closing brace must follow a key, got " c}" (character 4 of the text). Write ${key} or ${resolver:arguments}, and \\${ for the text itself.',
  ],
  [
    "several at once, each once",
    "a: ${b}\nb: ${no}\nc: ${nope:1}",
    'c.yaml:2:4: b: ${no} leads nowhere: the config has no "no". Did you mean "a"? Valid: a, b, c.\n' +
      'c.yaml:3:4: c: ${nope:1} calls the resolver "nope", which is not registered. Valid: oc.create, oc.decode, oc.deprecated, oc.dict.keys, oc.dict.values, oc.env, oc.select.',
  ],
])("a mistake is told with its place: %s", (_name, text, message) => {
  expect(problem(text)).toBe(message);
});

test("a value that is missing is told where its presence is asked for", () => {
  const node = config("a: ${b.c}\nb:\n  c: ???");
  expect(valueOf(resolve(node))).toEqual({ a: "???", b: { c: "???" } });
  expect(() => resolve(node, { throwOnMissing: true })).toThrow(
    'c.yaml:1:4: a: b.c leads to b.c, whose value "???" has yet to be given. Set b.c.',
  );
  expect(() => select(node, "b.c", { throwOnMissing: true })).toThrow('whose value "???"');
});

test("what an interpolation gives stands at the interpolation's place, and the config stays", () => {
  const node = config("a: 1\nb:\n  c: ${a}\n  d: x${a}");
  const b = select(node, "b");
  const places = b?.kind === "map" ? [...b.entries.values()].map((entry) => entry.node.origin) : [];
  expect(places).toEqual([
    { source: "c.yaml", line: 3, column: 6 },
    { source: "c.yaml", line: 4, column: 6 },
  ]);
  expect(valueOf(node)).toEqual({ a: 1, b: { c: "${a}", d: "x${a}" } });
  expect(valueOf(select(node, "b", { resolve: false })!)).toEqual({ c: "${a}", d: "x${a}" });
});

describe("resolvers of the user", () => {
  test("get plain data and give it back", () => {
    registerNewResolver("sum", (list: number[], options: { times: number }) => ({
      total: list.reduce((a, b) => a + b) * options.times,
    }));
    expect(resolved("l: [1, 2]\na: '${sum:${l}, {times: 2}}'")).toEqual({ l: [1, 2], a: { total: 6 } });
  });

  test("may give nodes, so that 1.0 stays a float", () => {
    registerNewResolver("half", (x: number) => scalarNode({ source: "half" }, x / 2, true));
    const half = select(config("a: ${half:4}\nb: x${a}"), "b");
    expect(half && valueOf(half)).toBe("x2.0");
  });

  test("what they give is not resolved again", () => {
    registerNewResolver("text", () => ({ a: "${b}" }));
    expect(resolved("b: 1\na: ${text:}")).toEqual({ b: 1, a: { a: "${b}" } });
  });

  test("are called once for a text and config where they are cached", () => {
    let calls = 0;
    registerNewResolver("count", () => ++calls, { useCache: true });
    registerNewResolver("fresh", () => ++calls);
    const node = config("a: ${count:x}\nb: ${count:x}\nc: ${count:y}\nd: ${fresh:x}\ne: ${d}");
    expect(valueOf(resolve(node))).toEqual({ a: 1, b: 1, c: 2, d: 3, e: 3 });
    expect(valueOf(resolve(node))).toMatchObject({ a: 1, b: 1, c: 2, d: 4 });
    const other = config("a: ${count:x}");
    copyCache(node, other);
    expect(valueOf(resolve(other))).toEqual({ a: 1 });
    clearCache(node);
    expect(valueOf(resolve(node))).toMatchObject({ a: 5 });
  });

  test("can be told where they are called", () => {
    registerNewResolver(
      "where",
      ({ root, parent, node }: ResolverContext, argument: number) =>
        listNode({ source: "test" }, [
          scalarNode({ source: "test" }, [root, parent, node].map(({ kind }) => kind).join()),
          nodeOf([valueOf(node), argument], { source: "test" }),
        ]),
      { context: true },
    );
    expect(resolved("a: ['${where:7}']")).toEqual({ a: [["map,list,scalar", ["${where:7}", 7]]] });
  });

  test("that fail are told with the call", () => {
    registerNewResolver("boom", () => {
      throw new Error("no luck");
    });
    registerNewResolver("date", () => new Date() as never);
    expect(problem("a: ${boom:1}")).toBe("c.yaml:1:4: a: ${boom:1} failed: no luck");
    expect(problem("a: ${date:}")).toMatch(/failed: a resolver returns numbers, texts/);
  });

  test("have names of their own", () => {
    registerNewResolver("a", () => 1);
    expect(() => registerNewResolver("a", () => 2)).toThrow('the resolver "a" is registered already');
    registerNewResolver("a", () => 2, { replace: true });
    expect(resolved("x: ${a:}")).toEqual({ x: 2 });
    expect([clearResolver("a"), clearResolver("a"), hasResolver("a")]).toEqual([true, false, false]);
    expect(() => registerNewResolver("", () => 1)).toThrow("must have a name");
    expect(() => registerNewResolver("b", () => 1, { useCache: true, context: true })).toThrow("not both");
    clearResolver("oc.env");
    clearResolvers();
    expect(hasResolver("oc.env")).toBe(true);
  });
});

test("oc.deprecated warns with both names", async () => {
  const { logger } = await import("../../base/index.ts");
  const warn = vi.spyOn(logger, "warn").mockImplementation(() => undefined);
  expect(resolved("a: {old: '${oc.deprecated:a.new}', new: 3}")).toEqual({ a: { old: 3, new: 3 } });
  expect(warn.mock.calls).toEqual([["'a.old' is deprecated. Change your code and config to use 'a.new'"]]);
  warn.mockRestore();
});

describe("a hostile config costs little", () => {
  const letters = Array.from({ length: 60 }, (_, index) => `k${index}`);
  const chain = (write: (next: string) => string) =>
    [...letters.slice(0, -1).map((name, index) => `${name}: ${write(letters[index + 1]!)}`), "k59: xy"].join(
      "\n",
    );
  test.each([
    [
      "texts that double",
      chain((next) => `\${${next}}\${${next}}`),
      /joining its interpolations gives more than/,
    ],
    [
      "mappings that double",
      chain((next) => `{x: '\${${next}}', y: '\${${next}}'}`),
      /more than 100000 values/,
    ],
    [
      "a long chain",
      Array.from({ length: 20_000 }, (_, i) => `a${i}: \${a${i + 1}}`).join("\n") + "\na20000: 1",
      /more than 500 interpolations lead to one another/,
    ],
    [
      "a long chain of mappings",
      Array.from({ length: 20_000 }, (_, i) => `a${i}: {x: '\${a${i + 1}}'}`).join("\n") + "\na20000: 1",
      /more than 500 interpolations lead to one another/,
    ],
    ["deep nesting", `a: ${"${".repeat(50_000)}b${"}".repeat(50_000)}`, /more than 64 levels of nesting/],
    ["deep lists", `a: "\${f:${"[".repeat(50_000)}}"`, /more than 64 levels of nesting/],
    ["many backslashes", `a: 'x${"\\".repeat(500_000)}\${b}'\nb: 1`, /xx|\\\\/],
    ["many dollars", `a: '${"$".repeat(500_000)}\${b}'\nb: 1`, /\$\$/],
    ["many spaces", `a: '\${f:${" ".repeat(200_000)}x'`, /cannot be read/],
    ["many words", `a: '\${f:${"a ".repeat(200_000)}'`, /cannot be read/],
    ["prototype", "a: ${constructor}\nb: ${__proto__.x}", /has no "constructor"[^]*has no "__proto__"/],
    [
      "prototype's resolvers",
      "a: ${constructor:}\nb: ${__proto__:}\nc: ${hasOwnProperty:x}",
      /"constructor", which is not[^]*"__proto__", which[^]*"hasOwnProperty", which/,
    ],
  ])("%s", (_name, text, message) => {
    const start = process.cpuUsage().user;
    expect(problem(text)).toMatch(message);
    expect(process.cpuUsage().user - start).toBeLessThan(3_000_000); // microseconds
  });
});

test("10,000 interpolations resolve in a moment of the processor", () => {
  const lines = Array.from({ length: 10_000 }, (_, index) => `k${index}: \${base.lr}-\${base.name}`);
  const node: ConfigNode = config(`base: {lr: 0.1, name: n}\n${lines.join("\n")}`);
  const start = process.cpuUsage().user;
  const result = resolve(node);
  const elapsed = (process.cpuUsage().user - start) / 1000;
  expect(valueOf(result)).toMatchObject({ k9999: "0.1-n" });
  expect(elapsed).toBeLessThan(500);
  if (process.env["SCONCE_BENCH"] !== undefined)
    console.log(`10,000 interpolations: ${elapsed.toFixed(1)} ms`);
});
