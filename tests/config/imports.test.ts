import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";

const folder = new URL("../../src/config/", import.meta.url);
const read = (file: string) => readFileSync(new URL(file, folder), "utf8");
const specifiers = (text: string, pattern: RegExp) =>
  Array.from(text.matchAll(pattern), (match) => match[1]!);

const resolve = (file: string, name: string) =>
  name.startsWith(".") ? new URL(name, new URL(file, folder)).pathname : name;

test("configuration imports the base layer, zod, yaml and what reads the heads of data files, and nothing else", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const imported = files
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .flatMap((file) =>
      specifiers(read(file), /(?:from|import\() ?"([^"$]+)"/gu).map((name) => resolve(file, name)),
    );
  const outside = imported.filter((name) => !name.startsWith(folder.pathname) && !name.startsWith("node:"));
  const base = resolve("index.ts", "../base/index.ts");
  expect([...new Set(outside)].sort()).toEqual([base, "hyparquet", "yaml", "zod"]);
});

test("neither zod nor yaml is loaded before a config is checked", () => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const valueImports = /^(?:import|export) (?!type\b)[^;]*?from "([^"]+)"/gmu;
    for (const name of specifiers(read(file), valueImports)) {
      expect([file, name]).not.toEqual([file, expect.stringMatching(/^(zod|yaml)$/)]);
      const path = resolve(file, name);
      if (path.startsWith(folder.pathname)) visit(path.slice(folder.pathname.length));
    }
  };
  visit("index.ts");
  expect(seen.size).toBeGreaterThan(10);
});

test("the metrics that a config may name are those that are measured, and the loss", async () => {
  const [{ metricModes }, metrics] = await Promise.all([import("sconce/config"), import("sconce/metrics")]);
  const { loss, ...measured } = metricModes;
  expect(loss).toBe("min");
  expect(measured).toEqual(
    Object.fromEntries(metrics.classificationMetrics.map((name) => [name, metrics.metricMode(name)])),
  );
});
