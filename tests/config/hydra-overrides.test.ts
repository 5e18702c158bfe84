import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseOverride } from "sconce/config";

/** Written by tools/golden/overrides.py with hydra-core. */
interface Golden {
  overrides: {
    line: string;
    error?: true;
    sweep?: true;
    type?: string;
    key?: string;
    value?: unknown;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../goldens/config/overrides.json", import.meta.url), "utf8"),
) as Golden;

// no loss of meaning: Hydra stumbles over these characters, or over the space after a closing mark
const acceptedBeyondHydra = ["a=~", "a=#", "a=!", "a= [1, 2] ", "a='a' "];
// Hydra reads these, but no config has such keys
const refusedKeys = ["=1", "~", "a.$b=1"];
const actions: Record<string, string> = { CHANGE: "set", ADD: "add", FORCE_ADD: "force", DEL: "delete" };

function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== "object" || value === null) return value;
  if ("number" in value) return { inf: Infinity, "-inf": -Infinity, nan: Number.NaN }[String(value.number)];
  return Object.fromEntries(
    (value as { dict: [string, unknown][] }).dict.map(([key, item]) => [key, decode(item)]),
  );
}

test("overrides that Hydra reads mean the same here", () => {
  const valid = golden.overrides.filter(
    ({ line, error, sweep }) => !error && !sweep && !refusedKeys.includes(line),
  );
  expect(valid.length).toBeGreaterThan(120);
  const expected = valid.map(({ line, type, key, value }) => ({
    line,
    action: actions[type!],
    key,
    value: decode(value),
  }));
  const actual = valid.map(({ line }) => {
    const { action, path, value } = parseOverride(line);
    return { line, action, key: path.join("."), value };
  });
  expect(actual).toEqual(expected);
});

test("overrides that Hydra refuses are refused here", () => {
  const invalid = golden.overrides.filter(({ line, error }) => error && !acceptedBeyondHydra.includes(line));
  const accepted = invalid.filter(({ line }) => {
    try {
      parseOverride(line);
      return true;
    } catch {
      return false;
    }
  });
  expect(invalid.length).toBeGreaterThan(35);
  expect(accepted).toEqual([]);
  for (const line of refusedKeys) expect(() => parseOverride(line)).toThrow();
  for (const line of acceptedBeyondHydra) expect(() => parseOverride(line)).not.toThrow();
});

test("a sweep is refused, since it is many runs", () => {
  for (const { line } of golden.overrides.filter(({ sweep }) => sweep)) {
    expect(() => parseOverride(line)).toThrow(/sweep|is not available/);
  }
});
