import { describe, expect, test } from "vitest";
import { valueOf } from "../node.ts";
import { isHydraOverride, keyElement } from "./override.ts";
import { parseOverride } from "./parse-override.ts";

const read = (text: string) => valueOf(parseOverride(text).value!);
const reason = (text: string): string => {
  try {
    parseOverride(text);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${text} was read`);
};

test("an override tells its action, key, package and value", () => {
  const override = parseOverride("+db/engine@backup.main={port: 1_0, host: 'a b'}");
  expect(override).toMatchObject({ action: "add", keyOrGroup: "db/engine", package: "backup.main" });
  expect(valueOf(override.value!)).toEqual({ port: 10, host: "a b" });
  expect(keyElement(override)).toBe("+db/engine@backup.main");
  expect(override.value!.origin).toEqual({ source: override.text });
});

test("overrides of the hydra section are told from those of the job", () => {
  const lines = ["hydra.run.dir=x", "hydra/launcher=basic", "hydrant=1", "a.hydra.b=1"];
  expect(lines.map((line) => isHydraOverride(parseOverride(line)))).toEqual([true, true, false, false]);
});

test("functions of Hydra 1.4 that its 1.3 lacks", () => {
  expect(parseOverride("a=extend_list(1, 'b c', [2])")).toMatchObject({ action: "extend" });
  expect(read("a=extend_list(1, 'b c', [2])")).toEqual([1, "b c", [2]]);
  expect(read("a=json_str({a: 1, b: [1.0, null, 'é\"'], c: true})")).toBe(
    '{"a": 1, "b": [1.0, null, "\\u00e9\\""], "c": true}',
  );
  expect(parseOverride("a=json_str([1],[2])").sweep).toMatchObject({
    items: [{ value: "[1]" }, { value: "[2]" }],
  });
  expect(reason("a=json_str(range(3))")).toMatch(/a range cannot be written as JSON/);
});

test("the order of a shuffled list comes from the seed", () => {
  const line = `a=shuffle([${Array.from({ length: 20 }, (_, index) => index).join(",")}])`;
  const order = (seed?: number) =>
    valueOf(parseOverride(line, { ...(seed !== undefined && { seed }) }).value!);
  expect(order()).toEqual(order(0));
  expect(order(1)).not.toEqual(order(0));
  expect([...(order(1) as number[])].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, index) => index),
  );
});

describe("a line that does not fit the grammar says where and what to do", () => {
  test.each([
    ["seed", 'override "seed": a value must follow the key. Write seed=VALUE, or ~seed to delete it.'],
    [
      "=1",
      'override "=1": column 1: a key such as trainer.max_epochs must stand before "=", got "". Write KEY=VALUE.',
    ],
    [
      "+a[0]=1",
      'override "+a[0]=1": column 2: a key such as trainer.max_epochs must stand before "=", got "a[0]". Write KEY=VALUE.',
    ],
    [
      "db@a-=1",
      'override "db@a/b=1": column 4: a package such as db.backup must follow "@", got "a/b". Write GROUP@PACKAGE=OPTION.',
    ],
    [
      "db@src:dst=x",
      'override "db@src:dst=x": column 7: a package cannot be renamed with ":", which Hydra 1.1 removed. Write GROUP@PACKAGE=OPTION, with the package that the option has.',
    ],
    [
      "a={__proto__: 1}",
      'override "a={__proto__: 1}": column 4: the key "__proto__" is reserved. Choose another name.',
    ],
    ["a={b: 1, b: 2}", 'override "a={b: 1, b: 2}": column 10: the key "b" stands there twice. Delete one.'],
    ["a='x", "override \"a='x\": column 3: the text that starts there has no closing '. Add it."],
    ["a=[1,2", 'override "a=[1,2": column 7: "," or "]" must stand there, got the end. Close it with "]".'],
    [
      "a=[1,]",
      'override "a=[1,]": column 6: a value must stand there, got "]". Write \'\' for an empty text.',
    ],
    ["a={b}", 'override "a={b}": column 5: ":" must follow the key "b", got "}". Write {key: value}.'],
    ["a={[1]: 2}", 'override "a={[1]: 2}": column 4: a key must be a word, got a list. Quote it.'],
    ["a='b' c", 'override "a=\'b\' c": column 7: "c" cannot stand there. Quote the value.'],
    ["a=${b", 'override "a=${b": column 3: the interpolation "${" has no closing }. Add it.'],
    ["a=${}", 'override "a=${}": column 3: the interpolation names nothing. Write ${KEY}.'],
    [
      "a=[choice(1,2)]",
      'override "a=[choice(1,2)]": column 4: a sweep (choice) cannot stand inside another value. Sweep over the whole value.',
    ],
    [
      "a=choise(1)",
      'override "a=choise(1)": column 3: choise: there is no such function. Did you mean "choice"? Valid: bool, choice, extend_list, float, glob, int, interval, json_str, range, shuffle, sort, str, tag. Quote the value if it is a text.',
    ],
    [
      "a=range(x)",
      'override "a=range(x)": column 3: range: "start" must be a number, got the text "x". Write it as in range(1, 10, 2).',
    ],
    [
      "a=range(1,2,3,4)",
      'override "a=range(1,2,3,4)": column 3: range: it takes 3 arguments, got 4. Write it as in range(1, 10, 2).',
    ],
    [
      "a=range(1,start=2)",
      'override "a=range(1,start=2)": column 3: range: the argument "start" is given twice. Write it as in range(1, 10, 2).',
    ],
    [
      "a=int('q')",
      'override "a=int(\'q\')": column 3: int: the text "q" is no whole number. Write it as in int(1.5).',
    ],
    [
      "a=tag(1)",
      'override "a=tag(1)": column 3: tag: the last argument must be a choice, range or interval, got 1. Write it as in tag(name, choice(a, b)).',
    ],
    [
      "+a=extend_list(1)",
      'override "+a=extend_list(1)": column 1: extend_list cannot follow "+". Write a=extend_list(1).',
    ],
  ])("%s", (line, message) => {
    expect(reason(line.replace("a-=", "a/b="))).toBe(message);
  });
});

describe("hostile lines cost neither memory nor time", () => {
  const repeated = (text: string, count = 100_000): string => text.repeat(count);

  test.each([
    ["nested lists", `a=${repeated("[")}`],
    ["nested mappings", `a=${repeated("{a:")}`],
    ["nested functions", `a=${repeated("int(")}`],
    ["nested interpolations", `a=${repeated("${")}`],
    ["spaces", `a=x${repeated(" ")}=`],
    ["colons and spaces", `a=${repeated(": ")}(`],
    ["backslashes", `a='${repeated("\\")}`],
    ["underscores between digits", `a=[${repeated("1_")}`],
    ["digits and points", `a=${repeated("1.")}(`],
    ["dots of a key", `${repeated("a.")}=1`],
    ["slashes of a key", `${repeated("a/")}=1`],
    ["digits", `a=${repeated("9")}`],
    ["a million characters", `a=${repeated("x", 1_100_000)}`],
    ["many values", `a=[${repeated("1,", 200_000)}1]`],
    ["a huge range to sort", "a=sort(range(0,1e300,1e-300),reverse=true)"],
  ])("%s", (_name, line) => {
    const start = process.cpuUsage();
    expect(reason(line).length).toBeLessThan(400);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(1000);
  });

  test("no override reaches a prototype", () => {
    for (const line of [
      "__proto__.x=1",
      "a.constructor.x=1",
      "db@prototype=1",
      "__proto__/a=b",
      "a={b: {constructor: 1}}",
    ])
      expect(reason(line)).toMatch(/is reserved/);
  });
});
