import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
  exports: Record<string, string | { types: string; default: string }>;
};
const subpaths = Object.entries(exports).flatMap(([path, target]) =>
  typeof target === "string" ? [] : [[path, target] as const],
);

test.each(subpaths)("%s exports what its snapshot lists", async (path) => {
  const names = Object.keys((await import(path.replace(/^\./, "sconce"))) as object).sort();
  expect(names.length).toBeGreaterThan(0);
  const file = path === "." ? "sconce" : path.slice(2);
  await expect(`${names.join("\n")}\n`).toMatchFileSnapshot(`./${file}.txt`);
});

test.each(subpaths)("%s resolves to the compiled index of its layer, with types", (path, target) => {
  const folder = path === "." ? "./dist/src" : `./dist/src/${path.slice(2)}`;
  expect(target).toEqual({ types: `${folder}/index.d.ts`, default: `${folder}/index.js` });
});

test("an index lists its exports by name and holds no code", () => {
  for (const [path] of subpaths) {
    const file = path === "." ? "src/index.ts" : `src/${path.slice(2)}/index.ts`;
    const text = readFileSync(new URL(file, root), "utf8").replace(/^\/\/.*\n/gm, "");
    const statements = text.split(";").map((statement) => statement.trim());
    const others = statements.filter(
      (statement) =>
        statement !== "" && !/^export (type )?(\{[^{}]*\}|\* as \w+) from "[^"]+"$/.test(statement),
    );
    // the operators are 900 generated names
    expect([file, others]).toEqual([file, path === "./torch" ? ['export * from "./ops.generated.ts"'] : []]);
  }
});
