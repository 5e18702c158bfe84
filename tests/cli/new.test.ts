// `sconce new`: every template is written into a project of its own, type-checked against the built package, tested by its
// own test, and what trains is checked and trained.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFolder } from "../../src/base/index.ts";
import { partKinds } from "../../src/cli/new-part.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { makeTinyProject } from "../fixtures/tiny-project.ts";
import { writeFiles } from "../fixtures/write-files.ts";
import { hashTree, sconce } from "./run.ts";

const packageRoot = fileURLToPath(new URL("../../", import.meta.url));

let root: string;
beforeAll(() => {
  root = makeTemporaryFolder("sconce-new-");
  mkdirSync(join(root, "node_modules"));
  symlinkSync(packageRoot, join(root, "node_modules/sconce"));
  for (const name of ["zod", "@types"])
    symlinkSync(join(packageRoot, "node_modules", name), join(root, "node_modules", name));
  const { compilerOptions } = JSON.parse(readFileSync(join(packageRoot, "tsconfig.json"), "utf8")) as {
    compilerOptions: Record<string, unknown>;
  };
  delete compilerOptions["paths"]; // they lead to the sources
  writeFiles(root, {
    "package.json": { type: "module" },
    "tsconfig.json": { compilerOptions, include: ["plugins"] },
  });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs a script in the project: a process for each file would load libtorch each time. */
const inOneProcess = (script: string): string =>
  execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: root, encoding: "utf8" });
const run = (...words: string[]) => sconce(words, { cwd: root });

describe("every kind of part", () => {
  test("is written with its test, and what to do next is said", async () => {
    const told = inOneProcess(`
      const { main } = await import(${JSON.stringify(new URL("../../dist/src/cli/main.js", import.meta.url).href)});
      for (const kind of ${JSON.stringify(partKinds)}) await main(["new", "plugin", "made-" + kind, "--kind", kind]);`);
    for (const kind of partKinds) {
      expect(told).toContain(`Made\n  plugins/made_${kind}.ts\n  plugins/made_${kind}.test.mjs\n`);
      expect(told).toContain(`  node --test plugins/made_${kind}.test.mjs\n`);
      expect(readFileSync(join(root, `plugins/made_${kind}.ts`), "utf8")).not.toMatch(/my_?part/iu);
    }
    const next = [
      "+callbacks.made_callback={} optimizer.lr=0.01",
      "+loggers.made_logger={} optimizer.lr=0.01",
      "optimizer=made_optimizer",
      "scheduler=made_scheduler optimizer.lr=0.01",
    ];
    for (const words of next) expect(told).toContain(`  sconce train model=mlp dataset=blobs ${words}\n`);
    expect((await run("new", "model", "TinyNet")).stdout).toMatchInlineSnapshot(`
      "Made
        plugins/tiny_net.ts
        plugins/tiny_net.test.mjs
        conf/model/tiny_net.yaml

      Next
        sconce train model=tiny_net dataset=blobs optimizer.lr=0.01
        node --test plugins/tiny_net.test.mjs
      "
    `);
  });

  test("passes the types of the built package", () => {
    const compiler = join(packageRoot, "node_modules/.bin/tsc");
    expect(execFileSync(compiler, ["-p", root], { encoding: "utf8" })).toBe("");
  });

  test("passes its own test", () => {
    const files = [...partKinds.map((kind) => `made_${kind}`), "tiny_net"].map(
      (name) => `plugins/${name}.test.mjs`,
    );
    const imports = files.map(
      (file) => `await import(${JSON.stringify(pathToFileURL(join(root, file)).href)});`,
    );
    const output = inOneProcess(imports.join("\n"));
    expect(output).toContain(`# pass ${files.length}\n# fail 0`);
  });

  test.each([
    ["model=tiny_net dataset=blobs", "test_accuracy"],
    ["model=mlp dataset=made_dataset", "test_accuracy"],
    ["model=made_domain_net dataset=made_domain_data", "test_f1"],
    ["model=mlp dataset=blobs optimizer=made_optimizer scheduler=made_scheduler", "test_accuracy"],
    ["model=mlp dataset=blobs +callbacks.made_callback={} +loggers.made_logger={}", "test_accuracy"],
  ])("of those that train, %s is checked and learns", async (choice, metric) => {
    const words = [...choice.split(" "), "optimizer.lr=0.01", "trainer.max_epochs=10"];
    const check = await run("check", ...words);
    expect([check.code, check.stderr]).toEqual([0, ""]);
    const { code, stdout, stderr } = await run("train", ...words, "--json");
    expect(code, stderr).toBe(0);
    const { metrics } = JSON.parse(stdout) as { metrics: Record<string, number> };
    expect(metrics[metric]).toBeGreaterThan(0.85);
  });
});

test("a use case is made of the texts that come along, by the code of init, and trains", async () => {
  const project = makeTinyProject();
  const { code, stdout, stderr } = await sconce(["new", "use-case", "helpdesk"], { cwd: project.root });
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout.replace(packageFolder!, "...")).toMatchInlineSnapshot(`
    ".../templates/requests.csv: 48 rows
      texts    column "text" (guessed), cut at 16 tokens
      labels   column "topic" (guessed), 3 labels
                 account   16   33.3 %
                 delivery  16   33.3 %
                 payment   16   33.3 %

    Made use_cases/helpdesk
      Datasets/train.csv  38 rows, 10 % of them for validation
      Datasets/test.csv   10 rows, to judge models on
      Configurations/config.json
      README.md

    Next
      sconce check use_cases/helpdesk/Configurations/config.json
      sconce train use_cases/helpdesk/Configurations/config.json
    "
  `);
  const words = ["use_cases/helpdesk/Configurations/config.json", "base_model=tiny"];
  const check = await sconce(["check", ...words], { cwd: project.root });
  expect([check.code, check.stderr]).toEqual([0, ""]);
  const brief = ["trainer.max_steps=3", "trainer.enable_progress_bar=false", "dataset.max_length=20"];
  const trained = await sconce(["train", ...words, ...brief, "--json"], { cwd: project.root });
  expect(trained.code, trained.stderr).toBe(0);
  expect(JSON.parse(trained.stdout)).toMatchObject({ steps: 3 });
  const again = await sconce(["new", "use-case", "helpdesk"], { cwd: project.root });
  expect([again.code, again.stderr]).toEqual([
    2,
    "sconce new use-case: use_cases/helpdesk must not exist, since nothing is overwritten. Choose another name.\n",
  ]);
  project.remove();
});

describe("sconce new refuses", () => {
  test.each([
    [["model", "../evil"], "Try: sconce new model evil"],
    [["plugin", "/etc/passwd", "--kind", "loss"], "Try: sconce new plugin etc_passwd"],
    [["use-case", "Größe 2"], "Try: sconce new use-case Gro_e_2"],
    [["model", "3d"], 'begins with a letter, got "3d". Try: sconce new model d'],
    [["model", "..."], 'got "...". Choose another.'],
    [["model", "a".repeat(65)], `Try: sconce new model ${"a".repeat(64)}`],
    [["model", "null"], '"null" means something else to configs or systems. Try: sconce new model my_null'],
    [["use-case", "CON"], "Try: sconce new use-case my_con"],
    [["model", "base-model"], "the class would be called BaseModel, which code uses for something else"],
    [["model", "promise"], "Try: sconce new model promise_model"],
    [
      ["model", "resnet18"],
      'sconce new model: there is a model "resnet18" already, of Sconce itself. Try: sconce new model my_resnet18',
    ],
    [["model", "bert"], "the name would hide conf/model/bert.yaml, which comes with Sconce"],
    [["model", "fancy"], 'there is a model "fancy" already, of plugins/others.ts'],
    [["model", "old"], "plugins/old.mjs must not exist, since nothing is overwritten"],
    [["model", "planned"], "conf/model/planned.yaml must not exist"],
    [["model"], "sconce new model: name is missing. See: sconce new model --help"],
    [["model", "a", "b"], 'sconce new model: expected one name, got also "b"'],
    [["plugin", "a", "--kind", "metrics"], 'unknown kind "metrics". Did you mean "metric"? Valid: callback'],
    [["plugin", "a", "--knd", "x"], 'sconce new plugin: unknown flag --knd. Did you mean "--kind"?'],
    [
      ["models", "a"],
      'sconce new: unknown action "models". Did you mean "model"? Valid: model, plugin, use-case.',
    ],
    [[], "sconce new: an action is missing."],
  ])("%j", async (words, message) => {
    const folder = join(root, "refusals");
    writeFiles(folder, {
      "package.json": {},
      "plugins/others.ts": `import { MLPClassifier } from "sconce/tasks"; import { registerModel } from "sconce"; registerModel("fancy", MLPClassifier);`,
      "plugins/old.mjs": "",
      "conf/model/planned.yaml": "name: planned\n",
    });
    rmSync(join(folder, ".sconce"), { recursive: true, force: true });
    const before = hashTree(folder);
    const { code, stdout, stderr } = await sconce(["new", ...words], { cwd: folder });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    rmSync(join(folder, ".sconce"), { recursive: true, force: true }); // plugins, compiled
    expect(hashTree(folder)).toEqual(before);
    expect(existsSync(join(root, "etc"))).toBe(false);
  });
});
