// Plugins of a project, loaded by the compiled package in a process of its own.
import { execFile } from "node:child_process";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFiles } from "../fixtures/write-files.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";

const dist = (layer: string) => new URL(`../../dist/src/${layer}/index.js`, import.meta.url).href;

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-plugins-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (files: Record<string, string | object>): void => writeFiles(root, files);

interface Outcome {
  reports: { name: string; from: string; registered: string[]; error?: string }[];
  result: unknown;
  stderr: string;
}

/** Loads the project's plugins and then evaluates `body` with the registry. */
async function load(body = "null", options: object = {}, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const script = `
    import { loadPlugins } from ${JSON.stringify(dist("plugins"))};
    import { registry } from ${JSON.stringify(dist("contracts"))};
    const reports = await loadPlugins(${JSON.stringify(root)}, ${JSON.stringify(options)});
    console.log(JSON.stringify({ reports, result: ${body} }));
    process.exit();`;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", script],
    { cwd: root, env: { ...process.env, ...env } },
  );
  return { ...(JSON.parse(stdout) as Omit<Outcome, "stderr">), stderr };
}

const metric = (name: string) => `
  import { registerMetric } from "sconce/contracts";
  registerMetric(${JSON.stringify(name)}, class { update() {} compute() { return 1; } reset() {} });`;

describe("loadPlugins", () => {
  test("compiles a plugin once, and again when a file that it is made of changes", async () => {
    const named = (name: string) => ({ "plugins/_name.ts": `export const name: string = "${name}";` });
    write({
      "package.json": {},
      "plugins/own.ts": `
        import { registerMetric } from "sconce/contracts";
        import { name } from "./_name.ts";
        registerMetric(name, class { update() {} compute() { return 1; } reset() {} });`,
      ...named("first"),
    });
    const registered = async (env = {}) => (await load("null", {}, env)).reports[0];
    const broken = join(root, "broken-esbuild");
    writeFileSync(broken, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const withoutCompiler = { ESBUILD_BINARY_PATH: broken };
    expect((await registered(withoutCompiler))?.error).toMatch(/service/i);
    expect((await registered())?.registered).toEqual(["metric first"]);
    expect((await registered(withoutCompiler))?.registered).toEqual(["metric first"]);
    write(named("second"));
    expect((await registered())?.registered).toEqual(["metric second"]);
    expect((await registered(withoutCompiler))?.registered).toEqual(["metric second"]);
  });

  test("loads TypeScript of plugins/, with files of its own, into the registry of this package", async () => {
    write({
      "package.json": {},
      "plugins/my_model.ts": `
        import { BaseModel, registerModel, torch } from "sconce";
        import * as z from "zod"; // the project has none: it comes with Sconce
        import { width } from "./_parts.ts";
        interface Config { hidden: number }
        class MyModel extends BaseModel<Config> {
          static override readonly schema = z.strictObject({ hidden: z.int() });
          override buildModel({ hidden }: Config): torch.nn.Module {
            return new torch.nn.Linear(width, hidden);
          }
        }
        registerModel("my_model", MyModel);`,
      "plugins/_parts.ts": `export const width: number = 7;`,
      "plugins/my_model.test.ts": `throw new Error("not a plugin");`,
      "plugins/more/index.js": `export function register({ kinds, registerLoss }) {
        globalThis.given = kinds().length;
        registerLoss("nothing", class { forward() {} });
      }`,
      "plugins/several/one.mjs": metric("one"),
      "plugins/several/two.ts": metric("two"),
    });
    const { reports, result } = await load(
      `[registry.createModel("my_model", { hidden: 3 }).model.weight.shape, registry.owner("model", "my-model"), globalThis.given]`,
    );
    expect(reports).toEqual([
      { name: "plugins/more/index.js", from: "folder", registered: ["loss nothing"] },
      { name: "plugins/my_model.ts", from: "folder", registered: ["model my_model"] },
      { name: "plugins/several/one.mjs", from: "folder", registered: ["metric one"] },
      { name: "plugins/several/two.ts", from: "folder", registered: ["metric two"] },
    ]);
    expect(result).toEqual([[3, 7], "plugins/my_model.ts", 14]);
  });

  test("loads packages that the project depends on and that have a sconce field", async () => {
    write({
      "package.json": {
        dependencies: { "sconce-extra": "1", plain: "1", absent: "1" },
        devDependencies: { broken: "1" },
      },
      "node_modules/sconce-extra/package.json": {
        name: "sconce-extra",
        type: "module",
        sconce: { plugin: "plugin.js" },
      },
      "node_modules/sconce-extra/plugin.js": `export const register = ({ names }) => { globalThis.metrics = names("metric"); };`,
      "node_modules/plain/package.json": { name: "plain" },
      "node_modules/broken/package.json": { name: "broken", sconce: "../../escape.js" },
      "escape.js": "globalThis.escaped = true;",
    });
    const { reports, result, stderr } = await load(
      "[globalThis.metrics !== undefined, globalThis.escaped ?? false]",
    );
    expect(result).toEqual([true, false]);
    expect(reports).toEqual([
      {
        name: "broken",
        from: "package",
        registered: [],
        error: 'the field "sconce" leads out of the package: ../../escape.js.',
      },
      { name: "sconce-extra", from: "package", registered: [] },
    ]);
    expect(stderr).toContain("plugin broken: ");
  });

  test("a plugin that is broken is named, leaves nothing behind, and the others work", async () => {
    write({
      "package.json": {},
      "plugins/a_syntax.ts": `const x: = 1;`,
      "plugins/b_throws.ts": `${metric("left_behind")}\nthrow new Error("no GPU here");`,
      "plugins/c_missing.ts": `import "some-package-that-is-not-there";`,
      "plugins/c_missing_file.ts": `import  "./gone.ts";`,
      "plugins/d_first.ts": metric("shared"),
      "plugins/e_second.ts": metric("Shared"),
      "plugins/f_sleeps.ts": `await new Promise(() => { setTimeout(() => {}, 1e6); });`,
      "plugins/g_export.ts": `export const register = 5;`,
      "plugins/h_unknown.ts": `import { x } from "sconce/nothing"; x();`,
      "plugins/i_good.ts": metric("good"),
      "plugins/j_name.ts": `import { Modle } from "sconce/torch"; new Modle();`,
      "plugins/k_deep/index.ts": `import { fail } from "./deep.ts";\nfail({});`,
      "plugins/k_deep/deep.ts": `export function fail(x: any): void {\n  // a line\n  x.y.z;\n}`,
      "plugins/l_plain.mjs": `\n  undefined.x;`,
    });
    const { reports, result } = await load(`registry.names("metric")`, { timeoutMs: 2000 });
    expect(result).toEqual(["good", "shared"]);
    const errors = Object.fromEntries(
      reports.map(({ name, error }) => [name.slice("plugins/".length), error]),
    );
    expect(errors["a_syntax.ts"]).toBe(`plugins/a_syntax.ts:1:10: Unexpected "="`);
    expect(errors["b_throws.ts"]).toBe("plugins/b_throws.ts:4:7: no GPU here");
    expect(errors["c_missing.ts"]).toBe(
      'it imports the package "some-package-that-is-not-there", which is not installed. Run: npm install some-package-that-is-not-there',
    );
    expect(errors["c_missing_file.ts"]).toBe(
      'plugins/c_missing_file.ts:1:9: it imports "./gone.ts", which does not exist.',
    );
    expect(errors["e_second.ts"]).toBe(
      'register metric: the name "Shared" is taken by the plugin plugins/d_first.ts. Choose another name.',
    );
    expect(errors["f_sleeps.ts"]).toBe("its code did not come up within 2 s.");
    expect(errors["g_export.ts"]).toContain("must be a function");
    expect(errors["h_unknown.ts"]).toContain("there is no sconce/nothing");
    expect(errors["i_good.ts"]).toBeUndefined();
    expect(errors["j_name.ts"]).toBe('it imports "Modle" from "sconce/torch", which has no such export.');
    expect(errors["k_deep/index.ts"]).toBe(
      "plugins/k_deep/deep.ts:3:7: Cannot read properties of undefined (reading 'z')",
    );
    expect(errors["l_plain.mjs"]).toBe(
      "plugins/l_plain.mjs:2:13: Cannot read properties of undefined (reading 'x')",
    );
  });

  test("loads what a config lists, from within the project alone", async () => {
    write({
      "package.json": {},
      "lib/extra.ts": metric("extra"),
      "lib/notes.txt": "no code",
    });
    const outside = makeTemporaryFolder("sconce-outside-");
    writeFileSync(join(outside, "evil.js"), "globalThis.evil = true;");
    symlinkSync(join(outside, "evil.js"), join(root, "lib/link.js"));
    const listed = [
      "./lib/extra.ts",
      join(outside, "evil.js"),
      "lib/link.js",
      "lib/notes.txt",
      "lib/absent.ts",
      "node:child_process",
      "left-pad",
    ];
    const { reports, result } = await load("[globalThis.evil ?? false, registry.names('metric')]", {
      listed,
    });
    rmSync(outside, { recursive: true });
    expect(result).toEqual([false, ["extra"]]);
    expect(reports.map(({ name, error }) => [name, error?.split(". ")[0]])).toEqual([
      [join(outside, "evil.js"), "a plugin that a config lists must lie within the project"],
      ["lib/link.js", "a plugin that a config lists must lie within the project"],
      ["lib/notes.txt", "a plugin is a .ts, .mts, .js, .mjs file, or a folder with an index, got notes.txt."],
      ["lib/absent.ts", "the file does not exist"],
      ["node:child_process", "the project does not depend on a package of this name"],
      ["left-pad", "the project does not depend on a package of this name"],
      ["lib/extra.ts", undefined],
    ]);
  });

  test("a project is the same one by a relative path", async () => {
    write({ "plugins/one.ts": metric("one"), "plugins/two.ts": "const x: = 1;" });
    const { reports, result } = await load(`(await loadPlugins(".")).map(({ error }) => error ?? null)`);
    expect(result).toEqual([null, `plugins/two.ts:1:10: Unexpected "="`]);
    expect(reports.map(({ error }) => error ?? null)).toEqual(result);
  });

  test("a project without plugins has none", async () => {
    expect((await load()).reports).toEqual([]);
  });
});
