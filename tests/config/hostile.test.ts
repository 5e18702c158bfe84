// Configs that name code, or lead out of their folders: all are refused, and nothing is run, read or written.
import { existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { checkJob } from "../../src/cli/composed.ts";
import { SconceError, formatIssue } from "../../src/base/index.ts";
import { checkUseCase, instantiate, planJobs, targetTable } from "../../src/config/index.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { writeFiles } from "../fixtures/write-files.ts";
import { validFiles } from "./planted.ts";

let root: string;
let outside: string;
beforeAll(() => {
  root = makeTemporaryFolder("sconce-hostile-");
  outside = makeTemporaryFolder("sconce-outside-");
  const evil = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(join(outside, "ran"))}, "");`;
  writeFiles(root, { ...validFiles, "evil.mjs": evil, "node_modules/evil/index.js": evil });
  writeFiles(outside, { "secret.yaml": "seed: 4711\n", "conf/secret.yaml": "seed: 4711\n" });
});
afterAll(() => {
  rmSync(root, { recursive: true });
  rmSync(outside, { recursive: true });
});
afterEach(() => {
  expect(existsSync(join(outside, "ran"))).toBe(false);
  expect(readdirSync(outside).sort()).toEqual(["conf", "secret.yaml"]);
  expect(existsSync(join(root, "outputs"))).toBe(false);
});

const targets: readonly string[] = [
  // Python's ways to run things
  "os.system",
  "os.popen",
  "os.execv",
  "posix.system",
  "subprocess.Popen",
  "subprocess.check_output",
  "builtins.eval",
  "builtins.exec",
  "builtins.__import__",
  "eval",
  "exec",
  "shutil.rmtree",
  "importlib.import_module",
  "runpy.run_path",
  "pickle.loads",
  "torch.load",
  "torch.hub.load",
  "hydra.utils.instantiate",
  "hydra.utils.get_method",
  "hydra.utils.get_object",
  "hydra._internal.instantiate._instantiate2.instantiate",
  "functools.partial",
  "operator.attrgetter",
  "getattr",
  // aliases and re-exports of them
  "torch.os.system",
  "torch.optim.os.system",
  "torch.optim.adamw.os.system",
  "lightning.pytorch.callbacks.os.system",
  "torch.utils.data._utils.os.system",
  "antigravity.webbrowser.open",
  // JavaScript's
  "node:child_process",
  "child_process.execSync",
  "node:child_process.execSync",
  "globalThis.eval",
  "process.mainModule.require",
  "process.binding",
  "require",
  "Function",
  "constructor",
  "constructor.constructor",
  "__proto__",
  "__proto__.constructor",
  "prototype",
  "toString",
  "toString.constructor",
  "hasOwnProperty",
  "valueOf",
  "torch.optim.AdamW.constructor",
  "torch.optim.__proto__",
  "import('fs')",
  // files and addresses
  "./evil.mjs",
  "../evil.mjs",
  "evil",
  "evil.index",
  "/tmp/evil.mjs",
  "file:///tmp/evil.mjs",
  "https://evil.example/x.mjs",
  "data:text/javascript,1",
  "pkg://evil",
  // look-alikes of a name that there is
  "t\u043erch.optim.AdamW",
  "\uff54orch.optim.AdamW",
  "torch.optim.Adam\u200bW",
  "\u202etorch.optim.AdamW",
  "torch\u2024optim\u2024AdamW",
  "torch.optim..AdamW",
  ".torch.optim.AdamW",
  "torch.optim.AdamW.",
  "torch.optim.AdamW()",
  "torch.optim.AdamW;os.system",
  "torch.optim.AdamW\nos.system",
  "TORCH.OPTIM.ADAMW",
];

/** Does what `sconce check` does; returns what it would tell. */
async function check(...words: string[]): Promise<string> {
  try {
    const jobs = planJobs({
      jobName: "train",
      baseFolder: root,
      configPath: join(root, "conf"),
      configName: "config",
      argv: words,
    });
    const reports = await Promise.all(jobs.map(({ config }) => checkJob(config, root)));
    return reports
      .flatMap(({ source, issues }) => issues.map((issue) => formatIssue(source, issue)))
      .join("\n");
  } catch (error) {
    if (!SconceError.is(error)) throw error;
    return error.message;
  }
}

/** Writes a text so that the grammar of overrides takes every character of it as it is. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/gu, "\\$&")}"`;

const refusal =
  /no (optimizer|scheduler|callback|logger) is known as|unknown (optimizer|callback)|is reserved|cannot/u;

describe.each(targets)("%j", (target) => {
  const [, module = "", func = ""] = /^(.*)[./:]([^./:]*)$/su.exec(target) ?? ["", target, "run"];

  test("is refused wherever a config may name a component", async () => {
    const value = quoted(target);
    const ways: string[][] = [
      [`+optimizer._target_=${value}`, "~optimizer.name"],
      [`optimizer.name=${value}`],
      [`+callbacks.x={_target_:${value},command:ls}`],
      [`+callbacks.x={class_path:${value},init_args:{command:ls}}`],
      [`+callbacks.x={module:${quoted(module)},func:${quoted(func)},kwargs:{command:ls}}`],
      [`+loggers.x={_target_:${value}}`],
      [`+scheduler._target_=${value}`, "~scheduler.name"],
      ["+evil.target=" + value, "+callbacks.x._target_=${evil.target}"],
      ["-m", `+callbacks.x._target_=lightning.pytorch.callbacks.EarlyStopping,${value}`],
    ];
    for (const words of ways) {
      const told = await check(...words);
      expect(told, words.join(" ")).toMatch(refusal);
      expect(told).not.toContain("[native code]");
    }
  });

  test("is refused in the file of a use case", async () => {
    const config = join(root, "use_cases", "demo", "Configurations", "config.json");
    const sections = [
      { optimizer: { _target_: target } },
      { callbacks: [{ class_path: target }] },
      { callbacks: [{ module, func }] },
      { loggers: [target] },
    ];
    for (const section of sections) {
      const dataset = { train: "Datasets/train.csv", test: "Datasets/test.csv" };
      writeFiles(root, { "use_cases/demo/Configurations/config.json": { dataset, ...section } });
      const { issues } = await checkUseCase(config);
      expect(issues.map(({ message }) => message).join("\n")).toMatch(
        /is known as|unknown logger|func" must/u,
      );
    }
  });

  test("is refused by instantiate, nested, in lists and through interpolations", () => {
    let calls = 0;
    const run = (): object => ({ ran: ++calls });
    // a lookup that is as careless as can be: it finds whatever JavaScript gives to every object
    const careless = (name: string): any =>
      name.split(".").reduce<any>((at, part) => at?.[part], { torch: { optim: { AdamW: run } } });
    const { lookup } = targetTable({ "torch.optim.AdamW": run });
    const configs = [
      { _target_: target },
      { a: { b: [{ _target_: target }] } },
      { _target_: "torch.optim.AdamW", inner: { _target_: target } },
      { name: target, call: { _target_: "${name}" } },
      { _target_: "torch.optim.AdamW", _args_: [{ _target_: target, _partial_: true }] },
    ];
    for (const config of configs) {
      for (const each of [lookup, careless])
        expect(() => instantiate(config, { lookup: each })).toThrow(/known as|cannot be read|must name/u);
    }
    expect(calls).toBe(0);
  });
});

describe("a config that leads out of its folders", () => {
  const secret = "4711";
  const refused: readonly string[][] = [
    ["-cn", "../secret"],
    ["-cn", "/etc/passwd"],
    ["-cn", "../../../../etc/passwd"],
    ["-cn", "..\\secret"],
    ["-cn", "conf/../../secret"],
    ["optimizer=../../secret"],
    ["optimizer=/etc/passwd"],
    ["+optimizer=../model/tiny"],
    ["+..=secret"],
    ["+../x=secret"],
    ["+model@../x=tiny"],
    ["+model@__proto__=tiny"],
    ["+model@constructor.prototype=tiny"],
    ["__proto__.polluted=1"],
    ["+__proto__.polluted=1"],
    ["++constructor.prototype.polluted=1"],
    ["+a={__proto__:{polluted:1}}"],
    ["hydra.searchpath=[http://evil.example/conf]"],
    ["hydra.searchpath=[ftp://evil.example/conf]"],
    ["hydra.searchpath=[data:x]", "+optimizer=secret"],
    ["hydra.searchpath=[pkg://../..]", "+optimizer=secret"],
    ["hydra.searchpath=[pkg://evil.conf]", "+optimizer=secret"],
    ["seed=${oc.env:SCONCE_SURELY_NOT_SET}"],
    ["seed=${oc.create:'!!python/object/apply:os.system [ls]'}"],
    ["seed=${oc.decode:'${os.system:ls}'}"],
    ["seed=${eval:1}"],
    ["seed=${constructor:1}"],
    ["seed=${__proto__}"],
    ["seed=${toString}"],
    ["experiment.name=..", "trainer=../../x"],
    ["+task=toString"],
    ["+dataset.class_weights=constructor"],
    ["trainer.precision=constructor"],
    ["trainer.precision=toString"],
    ["+optimizer.toString=1"],
    ["+toString=1"],
    ["+tune={space:{toString:{type:int,low:1,high:2}}}"],
    ["+tune={space:{valueOf.x:{type:int,low:1,high:2}}}"],
    ["model.base_model=../../../../etc"],
    ["dataset.train=/etc/passwd"],
    ["+register=../../x"],
  ];

  test.each(refused.map((words) => [words.join(" "), words] as const))("%s", async (_, words) => {
    const told = await check(...words);
    expect(told).not.toBe("");
    expect(told).not.toContain(secret);
    expect(told).not.toMatch(/root:|native code|\[object|undefined/u);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("names of runs that climb are kept as names", async () => {
    expect(await check("experiment.name=../../x")).toBe("");
    const { jobs } = {
      jobs: planJobs({
        baseFolder: root,
        configPath: join(root, "conf"),
        configName: "config",
        argv: ["experiment.name=.."],
      }),
    };
    const report = await checkJob(jobs[0]!.config, root);
    expect(
      "resolved" in report && report.resolved?.outputs.trainedModels.startsWith(join(root, "outputs")),
    ).toBe(true);
  });

  test("a base model by a name that every object has is looked up on the hub, as any other", async () => {
    const report = await checkJob(
      planJobs({
        baseFolder: root,
        configPath: join(root, "conf"),
        configName: "config",
        argv: ["model.base_model=valueOf"],
      })[0]!.config,
      root,
    );
    expect("resolved" in report && report.resolved?.baseModel).toMatchObject({ kind: "hub", id: "valueOf" });
  });

  test("plugins of a config stay within the project, links included", async () => {
    const link = join(root, "lib.mjs");
    writeFileSync(join(outside, "conf", "evil.mjs"), "throw new Error('ran');");
    symlinkSync(join(outside, "conf", "evil.mjs"), link);
    const words = ["model=net", "dataset=points", "callbacks=none", "~champion"];
    for (const [plugin, says] of [
      ["lib.mjs", "must lie within the project"],
      ["../x.mjs", "does not exist"],
      [join(outside, "conf", "evil.mjs"), "must lie within the project"],
      ["node:child_process", "does not depend on a package"],
      ["https://evil.example/x.mjs", "does not exist"],
      ["evil", "does not depend on a package"],
    ] as const)
      expect(await check(...words, `+plugins=[${quoted(plugin)}]`)).toContain(says);
    rmSync(link);
    rmSync(join(outside, "conf", "evil.mjs"));
  });
});
