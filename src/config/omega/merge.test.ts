import { describe, expect, test } from "vitest";
import { valueOf } from "../node.ts";
import { type MergeOptions, merge } from "./merge.ts";
import { readYaml } from "./read-yaml.ts";

function merged(base: string, other: string, options?: MergeOptions) {
  return merge(readYaml(base, "base.yaml"), readYaml(other, "other.yaml"), options);
}

describe("lists", () => {
  test.each([
    [undefined, [3, 1]],
    ["replace", [3, 1]],
    ["extend", [1, 2, 3, 1]],
    ["extend_unique", [1, 2, 3]],
  ] as const)("%s", (listMergeMode, list) => {
    const options = listMergeMode === undefined ? {} : { listMergeMode };
    expect(valueOf(merged("a: [1, 2]", "a: [3, 1]", options))).toEqual({ a: list });
  });

  test("extend_unique compares mappings whole", () => {
    const options = { listMergeMode: "extend_unique" } as const;
    expect(valueOf(merged("- {a: 1, b: [2]}", "- {b: [2], a: 1}\n- {a: 1}", options))).toEqual([
      { a: 1, b: [2] },
      { a: 1 },
    ]);
  });
});

test("a list and a mapping do not merge, and both places are told", () => {
  expect(() => merged("x: 1\na:\n  - 1", "a:\n  b: 1")).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: other.yaml:2:3: a: a mapping cannot be merged over a list (base.yaml:3:3). Write the same kind, or remove the earlier one.]`,
  );
});

test("neither tree changes, and neither is shared", () => {
  const base = readYaml("a: {b: 1}", "base.yaml");
  const other = readYaml("a: {c: [2]}", "other.yaml");
  const both = merge(base, other);
  if (both.kind !== "map") throw new Error("not a mapping");
  both.entries.clear();
  merge(merge(base, other), readYaml("a: {c: [3], b: 4}", "third.yaml"));
  expect([valueOf(base), valueOf(other)]).toEqual([{ a: { b: 1 } }, { a: { c: [2] } }]);
});

test("a value remembers the file that it came from", () => {
  const both = merged("a: {b: 1, c: 2}", "a:\n  c: 3");
  const a = both.kind === "map" ? both.entries.get("a")?.node : undefined;
  const entry = (key: string) => (a?.kind === "map" ? a.entries.get(key)?.node.origin : undefined);
  expect(entry("b")).toEqual({ source: "base.yaml", line: 1, column: 8 });
  expect(entry("c")).toEqual({ source: "other.yaml", line: 2, column: 6 });
});
