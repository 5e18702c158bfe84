import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Override, parseOverride } from "sconce/config";
import { encodeOverride } from "./encode-override.ts";

/** Written by tools/golden/hydra_overrides.py with hydra-core. */
interface Golden {
  overrides: { line: string; error?: string }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../goldens/config/hydra-overrides.json", import.meta.url), "utf8"),
) as Golden;

const accepted: Record<string, string[]> = {
  "characters outside of ASCII letters mean themselves": [
    "a=~",
    "a=#",
    "a=!",
    "a=a;b",
    "a=a^b",
    "a=a&b",
    "a=é",
  ],
  "space may follow a closing mark": ["a=[1,2] ", "a='a' ", "a=int(1) "],
  "a key may stand in quotes": ["a={'a':1}"],
  "interpolations nest": ["a=${a:${b}}", "a={x:${a:${b}}}"],
  "texts in quotes have an order": ["a=sort(['b','a'])"],
  "functions of Hydra 1.4": ["a=extend_list(1)", "a=json_str({a:1})"],
};

const refused: Record<string, string[]> = {
  "no config has an empty key": ["=1", "~"],
  "Hydra fails later: a sweep inside a value": [
    "a=choice(a),b",
    "a=[choice(a,b)]",
    "a={a:range(3)}",
    "a=choice(a,choice(b))",
  ],
  "Hydra fails later: a pattern that is no text": ["a=glob([1])"],
  "Hydra fails later: an interpolation that does not close": ["a=${a{b}"],
  "Hydra drops one of two": ["a={a:1,a:2}", "a=int(value=1,value=2)"],
  "a sweep without values runs nothing": ["a=shuffle()"],
};

const different: Record<string, string[]> = {
  "Hydra 1.3 loses tags and order in a cast": [
    "a=int(shuffle(1.5,2.5))",
    "a=int(tag(t,choice(1.5,2.5)))",
    "a=int(tag(t,range(3.5)))",
  ],
  "Hydra 1.3 sorts to other values, mended in 1.4": ["a=sort(range(0,5,2),reverse=true)"],
  "another way to write no values": ["a=sort(range(10,1))"],
  "true is 1": ["a=range(true,4)"],
  "quotes of a pattern are dropped": ["a=glob(['a*'])"],
  "1 and true are two keys": ["a={1:a,true:b}"],
};

const linesOf = (reasons: Record<string, string[]>): string[] => Object.values(reasons).flat();

function attempt(line: string): Override | undefined {
  try {
    return parseOverride(line);
  } catch (error) {
    expect(error).toMatchObject({ code: "override" });
    return undefined;
  }
}

describe("overrides mean what they mean in Hydra", () => {
  const valid = golden.overrides.filter(({ line, error }) => !error && !linesOf(refused).includes(line));
  const same = valid.filter(({ line }) => !linesOf(different).includes(line));

  test(`${same.length} lines are read alike`, () => {
    expect(same.length).toBeGreaterThan(500);
    for (const expected of same) expect(encodeOverride(parseOverride(expected.line))).toEqual(expected);
  });

  test("those that differ are known", () => {
    const others = valid.filter((expected) => {
      const actual = encodeOverride(parseOverride(expected.line));
      return JSON.stringify(actual) !== JSON.stringify(expected);
    });
    expect(others.map(({ line }) => line).sort()).toEqual(linesOf(different).sort());
  });
});

describe("overrides that Hydra refuses are refused", () => {
  const invalid = golden.overrides.filter(({ error }) => error);

  test(`${invalid.length} lines are refused, but for those that lose no meaning`, () => {
    expect(invalid.length).toBeGreaterThan(180);
    const read = invalid.filter(({ line }) => attempt(line) !== undefined);
    expect(read.map(({ line }) => line).sort()).toEqual(linesOf(accepted).sort());
  });

  test("those refused here alone are known", () => {
    const valid = golden.overrides.filter(({ error }) => !error);
    const stopped = valid.filter(({ line }) => attempt(line) === undefined);
    expect(stopped.map(({ line }) => line).sort()).toEqual(linesOf(refused).sort());
  });
});
