import { expect, test } from "vitest";
import { valueOf } from "../node.ts";
import { readJson, readYaml } from "./read-yaml.ts";

test.each([
  ["null key", "a: 1\n~: 2", "c.yaml:2:1: a key must be a word or a number. Quote it."],
  [
    "duplicate key",
    "a: 1\na: 2",
    "c.yaml:2:1: a: the key stands here a second time (first in line 1). Delete one.",
  ],
  [
    "duplicate number",
    "1: a\n1: b",
    "c.yaml:2:1: 1: the key stands here a second time (first in line 1). Delete one.",
  ],
  ["no number", "a: !!int abc", 'c.yaml:1:10: a: "abc" is no int of YAML. Quote it, or correct it.'],
  ["a bare =", "a: =", "c.yaml:1:4: a: the word = has a meaning of its own in YAML. Quote it."],
  ["tag", "a: !!python/tuple [1]", "c.yaml:1:4: unknown tag tag:yaml.org,2002:python/tuple. Delete the tag."],
  [
    "prototype",
    "a: {__proto__: 1}",
    'c.yaml:1:5: a.__proto__: the key "__proto__" is reserved. Choose another name.',
  ],
  ["huge", `a: ${"x".repeat(1 << 20)}`, "c.yaml:1:1: a config has at most 1048576 characters, got 1048579."],
])("%s", (_name, text, message) => {
  expect(() => readYaml(text, "c.yaml")).toThrow(message);
});

test("keys keep their type and every part its place", () => {
  const node = readYaml("on: 1\n'on': 2\n3: {a: [x]}", "c.yaml");
  if (node.kind !== "map") throw new Error("not a mapping");
  expect([...node.entries.keys()]).toEqual([true, "on", 3]);
  expect(node.entries.get(3)).toMatchObject({
    origin: { source: "c.yaml", line: 3, column: 1 },
    node: { origin: { line: 3, column: 4 } },
  });
});

test("JSON reads to the same tree", () => {
  const node = readJson('{"a": [1.0, null],\n "b": "yes"}', "c.json");
  expect(valueOf(node)).toEqual({ a: [1, null], b: "yes" });
  if (node.kind !== "map") throw new Error("not a mapping");
  const list = node.entries.get("a")?.node;
  expect(list?.kind === "list" && list.items[0]).toMatchObject({ value: 1, isFloat: true });
  expect(node.entries.get("b")?.origin).toEqual({ source: "c.json", line: 2, column: 2 });
  expect(() => readJson("{", "c.json")).toThrow("c.json:1:2: a key in double quotes must stand here");
});
