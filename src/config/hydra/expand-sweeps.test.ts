import { describe, expect, test } from "vitest";
import { listNode, valueOf } from "../node.ts";
import { type SweepOptions, expandSweeps, sweepTexts } from "./expand-sweeps.ts";
import { overrideText, valueText } from "./override-text.ts";
import { parseOverride } from "./parse-override.ts";

const jobs = (lines: string[], options: SweepOptions = {}): string[] =>
  expandSweeps(
    lines.map((line) => parseOverride(line)),
    options,
  )
    .flat()
    .map((job) => job.join(" "));

test("the last key changes fastest", () => {
  expect(jobs(["a=1,2", "b=x", "c=p,q"])).toEqual([
    "a=1 b=x c=p",
    "a=1 b=x c=q",
    "a=2 b=x c=p",
    "a=2 b=x c=q",
  ]);
});

describe("a glob takes the options of its config group that match", () => {
  const groupOptions = (group: string): string[] =>
    group === "db" ? ["mysql", "postgresql", "sqlite"] : group === "db/engine" ? ["inno", "my"] : [];

  test.each([
    ["db=glob(*)", ["db=mysql", "db=postgresql", "db=sqlite"]],
    ["db=glob(*sql)", ["db=mysql", "db=postgresql"]],
    ["db=glob([*sql*, x],exclude=p*)", ["db=mysql", "db=sqlite"]],
    ["+db@main=glob(?q*)", ["+db@main=sqlite"]],
    ["db/engine=glob(in*)", ["db/engine=inno"]],
  ])("%s", (line, expected) => {
    expect(jobs([line], { groupOptions })).toEqual(expected);
  });

  test("none that matches", () => {
    expect(() => jobs(["db=glob([x*,y])"], { groupOptions })).toThrow(
      'no option of the config group "db" matches x*, y; it has mysql, postgresql, sqlite.',
    );
  });
});

test("the order of a shuffled sweep comes from the seed, and two sweeps have two orders", () => {
  const lines = ["a=shuffle(range(12))", "b=shuffle(range(12))"].map((line) => parseOverride(line));
  const order = (index: number, seed: number) =>
    sweepTexts(lines[index]!, { seed }, index).map((text) => Number(text.split("=")[1]));
  expect(order(0, 1)).toEqual(order(0, 1));
  expect(order(0, 1)).not.toEqual(order(0, 2));
  expect(order(0, 1)).not.toEqual(order(1, 1));
  expect(order(0, 1).sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index));
});

describe("a text keeps its type and content in a job, where Hydra loses them", () => {
  test.each([
    ["a=str(1),x", "a='1' a=x"],
    ["a=choice('null','true')", "a='null' a='true'"],
    ['a=choice("it\'s",b)', "a='it\\'s' a=b"],
    ["a=choice('a\\\\','b')", "a=a\\\\ a=b"],
    ["a=choice('1e3','inf')", "a='1e3' a='inf'"],
    ["a=json_str({x: 1}),2", "a='{\"x\": 1}' a=2"],
  ])("%s", (line, expected) => {
    const texts = jobs([line]);
    expect(texts.join(" ")).toBe(expected);
    const sweep = parseOverride(line).sweep!;
    const items = sweep.kind === "choice" ? sweep.items.map(valueOf) : [];
    expect(texts.map((text) => valueOf(parseOverride(text).value!))).toEqual(items);
  });

  test("any text reads back, in quotes and without", () => {
    for (const text of [
      "\\",
      "\\\\'",
      "'\"",
      "a\\",
      "\\'\\",
      "é\n",
      " a ",
      "[x]",
      "${a}",
      "a: ",
      "",
      "=",
      "a\tb",
      "'''",
      "\\\\\\",
    ]) {
      const inList = listNode(base.origin, [{ ...base, value: text }]);
      expect(valueOf(parseOverride(`a=${valueText(inList)}`).value!)).toEqual([text]);
      const quoted = { ...base, value: text, quote: '"' } as const;
      expect(valueOf(parseOverride(`a=${valueText(quoted)}`).value!)).toBe(text);
    }
  });
});

const base = { kind: "scalar", isFloat: false, origin: { source: "test" } } as const;

test("an override of one value is written again", () => {
  const lines = [
    "a=1",
    "+db/x@p=y",
    "~c",
    "~d=1",
    "++e=[1,'x y',{k:null}]",
    "f=extend_list(1,b)",
    "g=1.0",
    "h=1e-05",
  ];
  expect(lines.map((line) => overrideText(parseOverride(line)))).toEqual(lines);
  expect(valueText(parseOverride("a={b: [1, 2], c: d}").value!, { separator: " " })).toBe(
    "{b: [1, 2], c: d}",
  );
});

describe("a sweep that cannot be expanded says why", () => {
  test.each([
    [
      "a=interval(0,1)",
      'override "a=interval(0,1)": an interval holds too many values to try each; the basic sweeper takes choice(...) and range(...). Tune with a sampler, or list values.',
    ],
    ["a=range(4,1)", 'override "a=range(4,1)": the range has no values. Mind the sign of its step.'],
    ["a=range(1,2,0)", 'override "a=range(1,2,0)": the step of a range must not be 0.'],
    ["a=range(0,inf)", 'override "a=range(0,inf)": the parts of a range must be finite, got Infinity.'],
    [
      "a=range(0,1e300,1e-300)",
      'override "a=range(0,1e300,1e-300)": a range may have 100000 values. Take a larger step.',
    ],
    ["db=glob(*)", 'override "db=glob(*)": no option of the config group "db" matches *; it has none.'],
    [
      "hydra.job.num=1,2",
      'override "hydra.job.num=1,2": the hydra section is the same for all jobs, so it cannot be swept over. Give it one value.',
    ],
  ])("%s", (line, message) => {
    expect(() => jobs([line])).toThrow(expect.objectContaining({ message, code: "override" }) as Error);
  });

  test("more jobs than anybody runs", () => {
    expect(() => jobs(["a=range(1000)", "b=range(1000)"])).toThrow(
      /the sweep has 1000000 jobs, more than 100000/,
    );
  });

  test("a batch of none", () => {
    expect(() => jobs(["a=1,2"], { maxBatchSize: 0 })).toThrow(/must be a whole number above 0, got 0/);
  });
});
