import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const source = fileURLToPath(new URL("../src/", import.meta.url));
const maxLines = 800;

// base <- {config, torch, tracking, metrics, plots, hub, data} <- {contracts, models} <- trainer <- tasks <- cli
const independent = ["config", "data", "hub", "metrics", "plots", "torch", "tracking"];
const mayImport: Record<string, readonly string[]> = {
  base: [],
  ...Object.fromEntries(independent.map((layer) => [layer, ["base"]])),
  contracts: ["base", "torch", "tracking", "data", "metrics"],
  plugins: ["base", "contracts"],
  models: ["base", "torch", "hub"],
  testing: ["base", "torch", "tracking"],
  trainer: ["base", "torch", "models", "data", "metrics", "config", "contracts", "tracking"],
  tasks: ["base", ...independent, "contracts", "models", "plugins", "trainer"],
  cli: ["base", ...independent, "contracts", "models", "plugins", "trainer", "tasks"],
};
/** The package root, which re-exports the layers. */
const rootFile = "index.ts";

interface Import {
  file: string;
  layer: string;
  target: string;
  targetLayer: string;
}

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .sort();

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(source, file), "utf8");
  const specifiers = Array.from(text.matchAll(/(?:\bfrom|\bimport\()\s*"(\.[^"]+)"/g), (match) => match[1]!);
  return specifiers.map((specifier) => {
    const target = relative(source, resolve(source, dirname(file), specifier));
    return { file, layer: layerOf(file), target, targetLayer: layerOf(target) };
  });
});

test("every import names a file that exists", () => {
  expect(imports.length).toBeGreaterThan(200);
  expect(imports.filter(({ target }) => !existsSync(join(source, target)))).toEqual([]);
});

test("every layer has its place in the order", () => {
  const layers = new Set(files.map(layerOf).filter((layer) => layer !== ""));
  expect([...layers].sort()).toEqual(Object.keys(mayImport).sort());
});

test("a layer imports only layers below it", () => {
  const wrong = imports.filter(
    ({ file, layer, targetLayer }) =>
      file !== rootFile && layer !== targetLayer && !mayImport[layer]?.includes(targetLayer),
  );
  expect(wrong.map(describe)).toEqual([]);
});

test("the order of the layers has no cycle", () => {
  const visit = (layer: string, above: readonly string[]): void => {
    expect([...above, layer].filter((name) => name === layer)).toHaveLength(1);
    for (const below of mayImport[layer]!) visit(below, [...above, layer]);
  };
  for (const layer of Object.keys(mayImport)) visit(layer, []);
});

test("across layers only the other layer's index is imported", () => {
  const wrong = imports.filter(
    ({ layer, target, targetLayer }) => layer !== targetLayer && target !== join(targetLayer, "index.ts"),
  );
  expect(wrong.map(describe)).toEqual([]);
});

test(`no file is longer than ${maxLines} lines, but generated ones`, () => {
  const long = files
    .filter((file) => !file.endsWith(".generated.ts"))
    .map((file) => [file, readFileSync(join(source, file), "utf8").split("\n").length] as const)
    .filter(([, lines]) => lines > maxLines);
  expect(long).toEqual([]);
});

function layerOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : "";
}

function describe({ file, target }: Import): string {
  return `${file} -> ${target}`;
}

test("no command goes through a shell, and no text is run as code", () => {
  const dangers = [
    /\bshell:\s*true/,
    /import \{[^}]*\bexec(Sync)?\b[^}]*\} from "node:child_process"/,
    /(?<![.\w])eval\((?!\))/,
    /\bnew Function\(/,
  ];
  const dangerous = files.filter((file) => {
    const text = readFileSync(join(source, file), "utf8");
    return dangers.some((danger) => danger.test(text));
  });
  expect(dangerous).toEqual([]);
});
