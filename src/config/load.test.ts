import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../base/index.ts";
import { type ConfigFormat, loadConfig, parseConfig } from "./load.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-load-"));

async function errorOf(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).message.replaceAll(`${folder}/`, "");
}

const parseError = (format: ConfigFormat, text: string) =>
  errorOf(parseConfig(text, { source: format === "json" ? "c.json" : "c.yaml", format }));

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

test("every part of a JSON file knows its place", async () => {
  const text = '{\r\n  "a": [1, {"b": "x"}],\r\n  "c.d": -1.5e-3\r\n}';
  const { value, places } = await parseConfig(text, { source: "c.json", format: "json" });
  expect(value).toEqual({ a: [1, { b: "x" }], "c.d": -0.0015 });
  expect(places.key(["a"])).toEqual({ line: 2, column: 3 });
  expect(places.value(["a"])).toEqual({ line: 2, column: 8 });
  expect(places.value(["a", 1, "b"])).toEqual({ line: 2, column: 18 });
  expect(places.key(["c.d"])).toEqual({ line: 3, column: 3 });
  expect(places.value(["a", 1, "missing", "deep"])).toEqual({ line: 2, column: 12 });
});

test("every part of a YAML file knows its place", async () => {
  const text = "a:\r\n  - 1\r\n  - b: x # why\r\nc.d: 5e-05\r\n";
  const { value, places } = await parseConfig(text, { source: "c.yaml", format: "yaml" });
  expect(value).toEqual({ a: [1, { b: "x" }], "c.d": 5e-5 });
  expect(places.value(["a", 1, "b"])).toEqual({ line: 3, column: 8 });
  expect(places.key(["c.d"])).toEqual({ line: 4, column: 1 });
});

test("JSON reads as JSON.parse does", async () => {
  const texts = [
    '{"a":{"b":[[],{},"",0,-0,1e5,1E-2,true,false,null]}}',
    '"\\u00e9\\n\\"\\\\\\/\\ud83d\\ude00"',
    " [ 1 , 2 ] ",
    "1.0",
    '"\u2028"',
  ];
  for (const text of texts) {
    expect((await parseConfig(text, { source: "c.json", format: "json" })).value).toEqual(JSON.parse(text));
  }
});

test("the sources tell 1.0 from 1", async () => {
  for (const [format, text] of [
    ["json", '{"a": 1.0, "b": 1}'],
    ["yaml", "a: 1.0\nb: 1"],
  ] as const) {
    const { value, places } = await parseConfig(text, { source: "c", format });
    expect(value).toEqual({ a: 1, b: 1 });
    expect([places.isFloat(["a"]), places.isFloat(["b"])]).toEqual([true, false]);
  }
});

test("YAML aliases and merge keys are written out", async () => {
  const text =
    "base: &base {a: 1, b: {c: 2}}\nmore: &more {b: 0, d: 4}\none:\n  <<: [*base, *more]\n  a: 9\ntwo: *base\n";
  const { value } = await parseConfig(text, { source: "c.yaml", format: "yaml" });
  expect(value).toEqual({
    base: { a: 1, b: { c: 2 } },
    more: { b: 0, d: 4 },
    one: { a: 9, b: { c: 2 }, d: 4 },
    two: { a: 1, b: { c: 2 } },
  });
});

test("YAML is read by its core schema even where a file asks for the old one", async () => {
  const text = "%YAML 1.1\n---\nswitch: yes\nmode: off\noctal: 012\ntime: 12:30:00\nday: 2020-01-01\n";
  const { value } = await parseConfig(text, { source: "c.yaml", format: "yaml" });
  expect(value).toEqual({ switch: "yes", mode: "off", octal: 12, time: "12:30:00", day: "2020-01-01" });
});

describe("a JSON mistake is told with its place", () => {
  test.each([
    [
      "comment",
      '{\n  "a": 1, // why\n  "b": 2\n}',
      "c.json:2:11: JSON has no comments. Delete it, or write the config as YAML (.yaml).",
    ],
    [
      "block comment",
      '/* x */ {"a": 1}',
      "c.json:1:1: JSON has no comments. Delete it, or write the config as YAML (.yaml).",
    ],
    [
      "hash comment",
      '{"a": 1} # end',
      "c.json:1:10: JSON has no comments. Delete it, or write the config as YAML (.yaml).",
    ],
    ["trailing comma", '{"a": [1, 2,]}', 'c.json:1:12: a: JSON has no comma before "]". Delete it.'],
    ["trailing comma in an object", '{"a": 1,\n}', 'c.json:1:8: JSON has no comma before "}". Delete it.'],
    ["missing comma", '{"a": 1\n "b": 2}', 'c.json:2:2: "," or "}" must stand here, got "\\"".'],
    ["missing colon", '{"a" 1}', 'c.json:1:6: a: ":" must follow the key, got "1".'],
    ["missing value", '{"a": }', 'c.json:1:7: a value must stand here, got "}".'],
    ["bare key", "{a: 1}", 'c.json:1:2: a key in double quotes must stand here, got "a".'],
    [
      "single quotes",
      "{'a': 1}",
      'c.json:1:2: a key in double quotes must stand here, got "\'". JSON strings stand in double quotes.',
    ],
    [
      "bare word",
      '{"a": adamw}',
      'c.json:1:7: a value must stand here, got "adamw". Strings stand in double quotes.',
    ],
    [
      "Python's True",
      '{"a": True}',
      'c.json:1:7: a value must stand here, got "True". JSON writes true, false and null.',
    ],
    ["NaN", '{"a": NaN}', 'c.json:1:7: a value must stand here, got "NaN". JSON has no such number.'],
    [
      "leading point",
      '{"a": .5}',
      'c.json:1:7: a value must stand here, got ".5". Numbers look like 12, 0.5 or 5e-05.',
    ],
    [
      "leading zero",
      '{"a": 05}',
      'c.json:1:7: a value must stand here, got "05". Numbers look like 12, 0.5 or 5e-05.',
    ],
    ["huge number", '{"a": 1e999}', "c.json:1:7: the number 1e999 is too large for a 64-bit float."],
    ["open string", '{"a": "x\n}', 'c.json:1:7: the string that starts here has no closing ".'],
    [
      "bad escape",
      '{"a": "\\x41"}',
      'c.json:1:7: the string holds an escape that JSON does not know. Valid: \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX.',
    ],
    [
      "tab in a string",
      '{"a": "x\ty"}',
      "c.json:1:9: a control character must be escaped, got \\u0009. Write it as that.",
    ],
    ["early end", '{"a": [1', 'c.json:1:9: a: "," or "]" must stand here, got the end of the file.'],
    ["rest", '{"a": 1}}', 'c.json:1:9: JSON ends here, got "}" after it. Delete the rest.'],
    [
      "duplicate key",
      '{"a": 1,\n "a": 2}',
      "c.json:2:2: a: the key stands here a second time (first in line 1). Delete one.",
    ],
    [
      "prototype",
      '{"a": {"__proto__": {"x": 1}}}',
      'c.json:1:8: a.__proto__: the key "__proto__" is reserved. Choose another name.',
    ],
    [
      "escaped prototype",
      '{"\\u005f_proto__": 1}',
      'c.json:1:2: __proto__: the key "__proto__" is reserved. Choose another name.',
    ],
    [
      "constructor",
      '{"constructor": 1}',
      'c.json:1:2: constructor: the key "constructor" is reserved. Choose another name.',
    ],
    ["empty", " \n", "c.json: the file is empty. Write a config, or run sconce init."],
  ])("%s", async (_name, text, message) => {
    expect(await parseError("json", text)).toBe(message);
  });
});

describe("a YAML mistake is told with its place", () => {
  test.each([
    [
      "duplicate key",
      "a: 1\nb: 2\na: 3",
      "c.yaml:3:1: a: the key stands here a second time (first in line 1). Delete one.",
    ],
    ["tab", "a:\n\tb: 1", "c.yaml:2:1: YAML is indented with spaces, got a tab."],
    [
      "code tag",
      "a: !!js/function x",
      "c.yaml:1:4: unknown tag tag:yaml.org,2002:js/function. Delete the tag.",
    ],
    [
      "Python tag",
      "a: !!python/object/apply:os.system [ls]",
      "c.yaml:1:4: unknown tag tag:yaml.org,2002:python/object/apply:os.system. Delete the tag.",
    ],
    [
      "two documents",
      "a: 1\n---\nb: 2",
      'c.yaml:2:1: a config file holds one document. Delete what follows "---".',
    ],
    ["unknown alias", "a: *b", "c.yaml:1:4: a: the alias *b has no anchor &b above it."],
    ["itself", "a: &a [*a]", "c.yaml:1:8: a.0.0: more than 64 levels of nesting. Flatten the config."],
    [
      "prototype",
      "__proto__: {x: 1}",
      'c.yaml:1:1: __proto__: the key "__proto__" is reserved. Choose another name.',
    ],
    [
      "prototype by merging",
      "x: {<<: {prototype: 1}}",
      'c.yaml:1:10: x.prototype: the key "prototype" is reserved. Choose another name.',
    ],
    [
      "NUL",
      '"a\\0b": 1',
      'c.yaml:1:1: ["a\\u0000b"]: a key must not hold the character NUL. Choose another name.',
    ],
    ["list as key", "? [a]\n: 1", "c.yaml:1:3: a key must be a word or a number. Quote it."],
    ["merging a number", "<<: 3", 'c.yaml:1:1: <<: "<<" merges mappings: name one as *anchor.'],
    ["comment alone", "# nothing\n", "c.yaml: a config must hold keys and values, got nothing."],
  ])("%s", async (_name, text, message) => {
    expect(await parseError("yaml", text)).toBe(message);
  });
});

describe("a hostile file costs little", () => {
  const nested = (open: string, close: string, levels = 10_000) => open.repeat(levels) + close.repeat(levels);
  const letters = [..."abcdefghij"];
  const laughs = letters.map((name, index) => {
    const items = index === 0 ? Array(9).fill("lol") : Array(9).fill(`*${letters[index - 1]}`);
    return `${name}: &${name} [${items.join(",")}]`;
  });
  test.each([
    ["json", "nested lists", nested("[", "]"), /levels of nesting/],
    ["json", "nested mappings", nested('{"a":', "}"), /levels of nesting/],
    ["yaml", "nested lists", nested("[", "]"), /levels of nesting/],
    ["yaml", "unclosed lists", "[".repeat(200_000), /levels of nesting/],
    ["yaml", "nested mappings", nested("{a: ", "}"), /levels of nesting/],
    ["yaml", "dashes", `${"- ".repeat(10_000)}x`, /levels of nesting/],
    [
      "yaml",
      "indentation",
      Array.from({ length: 1000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
      /levels of nesting/,
    ],
    ["yaml", "a billion laughs", laughs.join("\n"), /aliases written out/],
    ["json", "many values", `[${"1,".repeat(150_000)}1]`, /more than 100000 values/],
  ] as const)("%s: %s", async (format, _name, text, message) => {
    const start = performance.now();
    expect(await parseError(format, text)).toMatch(message);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("a 10 MB file is refused by its size", async () => {
    const path = file("big.yaml", "a: &a x\n".repeat(1_300_000));
    expect(await errorOf(loadConfig(path))).toMatchInlineSnapshot(
      `"big.yaml: a config has at most 1048576 bytes, got 10400000. Is this a data file?"`,
    );
  });

  test("no key of a config reaches a prototype", async () => {
    const { value } = await parseConfig('{"toString": 1, "a": {"valueOf": 2}}', {
      source: "c",
      format: "json",
    });
    expect(Object.keys(value as object)).toEqual(["toString", "a"]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});

test("text in a long block may be indented as far as it likes", async () => {
  const { value } = await parseConfig(`a: |\n  x\n${" ".repeat(400)}[[[[ - - - \n`, {
    source: "c",
    format: "yaml",
  });
  expect(value).toEqual({ a: `x\n${" ".repeat(398)}[[[[ - - - \n` });
});

describe("a file that is no config is told apart", () => {
  test("missing", async () => {
    expect(await errorOf(loadConfig(join(folder, "no.json")))).toMatchInlineSnapshot(
      `"no.json: the file does not exist. Check the path."`,
    );
  });
  test("a folder", async () => {
    const path = mkdtempSync(join(folder, "f"));
    execFileSync("mkdir", [join(path, "x.json")]);
    expect(await errorOf(loadConfig(join(path, "x.json")))).toMatch(
      /a config must be a file, got a folder\.$/,
    );
  });
  test("another ending", async () => {
    expect(await errorOf(loadConfig(file("a.toml", "a = 1")))).toMatchInlineSnapshot(
      `"a.toml: a config file ends in .json, .yaml or .yml, got ".toml". Rename it."`,
    );
  });
  test("invalid UTF-8, with its line", async () => {
    const bytes = Buffer.concat([Buffer.from('{\n"a": "'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    expect(await errorOf(loadConfig(file("latin.json", bytes)))).toMatchInlineSnapshot(
      `"latin.json:2:1: the text must be UTF-8. Save the file in that encoding."`,
    );
  });
  test("UTF-16", async () => {
    const bytes = Buffer.from('\uFEFF{"a": 1}', "utf16le");
    expect(await errorOf(loadConfig(file("wide.json", bytes)))).toMatch(/must be UTF-8/);
  });
  test("empty", async () => {
    expect(await errorOf(loadConfig(file("empty.yaml", "\uFEFF")))).toMatch(/the file is empty/);
  });
});

test("a byte order mark and CRLF are no part of the config", async () => {
  const path = file("bom.json", '\uFEFF{\r\n"a": 1\r\n}\r\n');
  const { value, places } = await loadConfig(path);
  expect(value).toEqual({ a: 1 });
  expect(places.key(["a"])).toEqual({ line: 2, column: 1 });
});
