// Plain YAML is read as the library reads it, places included, or left to it.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Rng } from "../base/index.ts";
import type { ConfigNode } from "./node.ts";
import { omegaDialect } from "./omega/read-yaml.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import { readYamlTree } from "./yaml-tree.ts";

const read = (text: string) => readPlainYaml(text, "config.yaml", omegaDialect);

/** What the library makes of text; undefined where it refuses it. */
function readWhole(text: string): ConfigNode | undefined {
  try {
    return readYamlTree(text, "config.yaml", omegaDialect);
  } catch {
    return undefined;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const files = ["conf", "tests/fixtures", "templates"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => readFileSync(join(root, folder, name), "utf8")),
);

test("nearly every config that comes along is plain, and means the same", () => {
  expect(files.length).toBeGreaterThan(30);
  const plain = files.filter((text) => read(text) !== undefined);
  expect(plain.length / files.length).toBeGreaterThan(0.8);
  for (const text of plain) expect(read(text)).toEqual(readWhole(text));
});

describe("is read", () => {
  test.each([
    ["a: 1\nb: two words # comment\nc:\n  d: ${a}/x#y\n"],
    ["list:\n- 1\n-   a: x\n    b: y\n- [1, -2.5, [a b, {c: d}]]\nafter: yes\n"],
    ["- 'a: #'\n- \"b\"   \n-\n  - c\n"],
    ["defaults:\n  - override hydra/launcher: joblib\n  - /db@backup: mysql\n  - _self_\n\nneeded: ???\n"],
    ["# comment\n\non: off\n12: ~\nurl: http://host:80/x?y=[1]\nempty: []\nmap: {}\n"],
    ["a: # comment\n  # another\n  b: '' # third\n"],
    ["word: größe\n"],
  ])("%j", (text) => {
    expect(read(text)).toBeDefined();
    expect(read(text)).toEqual(readWhole(text));
  });
});

describe("is left to the library", () => {
  test.each([
    [""],
    ["# nothing\n"],
    ["word"],
    ["a:\nb: 1\n"],
    ["a: |\n  text\n"],
    ["a: &x 1\nb: *x\n"],
    ["a: !!str 1\n"],
    ["a: one\n  two\n"],
    ["a: [1,\n  2]\n"],
    ["a: 1\na: 2\n"],
    ["a: b: c\n"],
    ["a: 'x' y\n"],
    ['a: "x\\n"\n'],
    ["a: 'it''s'\n"],
    ["a:\t1\n"],
    ["a: 1\r\n"],
    ["a: 1\n b: 2\n"],
    ["  a: 1\nb: 2\n"],
    ["- 1\nb: 2\n"],
    ["a: [1, 2\n"],
    ["a: {b: 1}}\n"],
    ["a: 1\n---\nb: 2\n"],
    ["__proto__: 1\n"],
    ["a: {b, c: 1}\n"],
    ["a: [b: 1]\n"],
    ["a: #b\n"],
    ["? a\n: b\n"],
    ["a: @b\n"],
    [`${"[".repeat(70)}${"]".repeat(70)}\n`],
  ])("%j", (text) => expect(read(text)).toBeUndefined());
});

test("what is read of text that is changed at random is what the library reads", () => {
  const rng = new Rng(7);
  const below = (end: number) => Math.floor(rng.random() * end);
  const signs = [
    "\n",
    "  ",
    " ",
    "- ",
    ": ",
    ":",
    "#",
    " #",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ", ",
    "a",
    "1",
    "${",
    "?",
    "~",
    "%",
  ];
  let plain = 0;
  for (let round = 0; round < 3000; round++) {
    let text = files[below(files.length)]!.slice(0, 400);
    for (let change = 1 + below(3); change > 0; change--) {
      const at = below(text.length);
      text = text.slice(0, at) + signs[below(signs.length)]! + text.slice(at + below(3));
    }
    const node = read(text);
    if (node === undefined) continue;
    plain++;
    expect(node, text).toEqual(readWhole(text));
  }
  expect(plain).toBeGreaterThan(500);
});
