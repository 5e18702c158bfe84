import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFiles } from "../../../tests/fixtures/write-files.ts";
import { valueOf } from "../node.ts";
import { resolve } from "../omega/resolve.ts";
import { compose, initialize } from "./compose.ts";
import { ConfigStore } from "./config-store.ts";
import { jobConfig } from "./hydra-resolvers.ts";

let root: string;
let before: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sconce-compose-"));
  before = process.cwd();
  process.chdir(root); // messages name files from here
});

afterEach(() => {
  process.chdir(before);
  rmSync(root, { recursive: true });
});

const write = (files: Record<string, string>): void => writeFiles("conf", files);

const composed = (configName: string, ...overrides: string[]) =>
  valueOf(compose({ configPath: "conf", configName, overrides }));

function message(configName: string, ...overrides: string[]): string {
  try {
    composed(configName, ...overrides);
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}

const files = {
  "config.yaml": "defaults:\n  - model: resnet\n  - _self_\nseed: 1\n",
  "model/resnet.yaml": "name: resnet\nlr: 0.1\n",
  "model/vit.yaml": "name: vit\n",
};

describe("composing", () => {
  beforeEach(() => write(files));

  test("merges what the defaults list names, then overrides", () => {
    expect(composed("config")).toEqual({ model: { name: "resnet", lr: 0.1 }, seed: 1 });
    expect(composed("config", "model=vit", "+model.lr=1", "seed=2")).toEqual({
      model: { name: "vit", lr: 1 },
      seed: 2,
    });
  });

  test("remembers where each part was written", () => {
    const config = compose({ configPath: "conf", configName: "config", overrides: ["seed=2"] });
    const model = config.entries.get("model")!.node;
    expect(model.kind === "map" && model.entries.get("lr")!.node.origin).toEqual({
      source: "conf/model/resnet.yaml",
      line: 2,
      column: 5,
    });
    expect(config.entries.get("seed")!.node.origin.source).toBe("seed=2");
  });

  test("sees a file that changed since", () => {
    composed("config");
    write({ "model/resnet.yaml": "name: changed since\n" });
    expect(composed("config")).toEqual({ model: { name: "changed since" }, seed: 1 });
  });

  test("does not change what it keeps of files", () => {
    composed("config", "model.name=other", "+model.x={a: 1}", "+model.x.b=2");
    expect(composed("config")).toEqual({ model: { name: "resnet", lr: 0.1 }, seed: 1 });
  });

  test("shows the section hydra when it is asked for", () => {
    const config = compose({ configPath: "conf", configName: "config", returnHydraConfig: true });
    expect(valueOf(config)).toMatchObject({
      hydra: { job: { name: "app", config_name: "config" }, runtime: { choices: { model: "resnet" } } },
    });
  });

  test("composes again and again from one place", () => {
    const { compose: again } = initialize({ configPath: "conf" });
    expect(valueOf(again({ configName: "config" }))).toEqual({ model: { name: "resnet", lr: 0.1 }, seed: 1 });
    expect(valueOf(again({ configName: "model/vit" }))).toEqual({ model: { name: "vit" } });
  });
});

describe("a store", () => {
  test("holds configs beside the files, and is the base of a file of the same name", () => {
    write(files);
    const store = new ConfigStore();
    store.store({ group: "model", name: "tiny", node: { name: "tiny", layers: [1, 2] } });
    store.store({ group: "model", name: "vit", node: { name: "?", patch: 16 } });
    store.store({ name: "extra", node: { x: 1 }, package: "deep.down" });
    const options = { configPath: "conf", configName: "config", store };
    expect(valueOf(compose({ ...options, overrides: ["model=tiny"] }))).toMatchObject({
      model: { name: "tiny", layers: [1, 2] },
    });
    expect(valueOf(compose({ ...options, overrides: ["model=vit"] }))).toMatchObject({
      model: { name: "vit", patch: 16 },
    });
    expect(valueOf(compose({ configName: "extra", store }))).toEqual({ deep: { down: { x: 1 } } });
  });

  test("refuses names that are no paths", () => {
    const store = new ConfigStore();
    expect(() => store.store({ group: "..", name: "a", node: {} })).toThrow("stays inside the search path");
    expect(() => store.store({ group: "__proto__", name: "a", node: {} })).toThrow("is reserved");
    expect(() => store.store({ name: "a/b", node: {} })).toThrow('the name holds "/"');
  });
});

describe("what cannot be composed is told with its place", () => {
  beforeEach(() =>
    write({
      ...files,
      "typo.yaml": "defaults:\n  - model: resent\n",
      "no_group.yaml": "defaults:\n  - modle: resnet\n",
      "twice.yaml": "defaults:\n  - model: resnet\n  - model: vit\n",
      "must_choose.yaml": "defaults:\n  - model: ???\n",
      "not_there.yaml": "defaults:\n  - override model: vit\n",
      "order.yaml": "defaults:\n  - model: resnet\n  - override model: vit\n  - _self_\n  - config\n",
      "keyword.yaml": "defaults:\n  - optinal model: vit\n",
      "number.yaml": "defaults:\n  - model: 3\n",
      "list.yaml": "defaults: model\n",
      "header.yaml": "# @package\nx: 1\n",
      "loop.yaml": "defaults:\n  - loop_back\n",
      "loop_back.yaml": "defaults:\n  - loop\n",
      "twins.yaml": "defaults:\n  - twins@a\n  - twins@b\n",
      "search.yaml": "hydra:\n  searchpath: [ftp://x]\n",
      "hydra.yaml": "hydra:\n  run:\n    dri: x\n",
      "hydra_type.yaml": "hydra:\n  job:\n    num: many\n",
      "mapping.yaml": "defaults:\n  - model: resnet\n  - _self_\nmodel: [1]\n",
      "interpolation.yaml": "defaults:\n  - model: resnet\n  - data: ${modle}\n",
      "broken.yaml": "a: [1\n",
    }),
  );

  test.each([
    [
      "config",
      ["model=vti"],
      'model=vti: there is no config "vti" in the group "model". Did you mean "vit"? Valid: resnet, vit. Searched: conf.',
    ],
    [
      "config",
      ["modle=vit"],
      'override "modle=vit": there is no modle to set. Did you mean "model"? Valid: hydra, model, seed. Write +modle=vit to add it.',
    ],
    [
      "config",
      ["+model=vit"],
      '+model=vit: "model" is chosen already, as "resnet" (conf/config.yaml:2:5). Write model=vit to replace it.',
    ],
    [
      "config",
      ["~modle"],
      'override "~modle": there is no modle to delete. Did you mean "model"? Valid: hydra, model, seed.',
    ],
    [
      "config",
      ["~model=vit"],
      '~model=vit: "model" is "resnet", not "vit". Write ~model to take it out in any case.',
    ],
    [
      "config",
      ["model@x=vit"],
      'model@x=vit: "model@x" is not in the defaults list, so it cannot be overridden. Did you mean "model"? To add it, write +model@x=vit.',
    ],
    [
      "config",
      ["model=5"],
      'model=5: "model" is a config group, so its option is a text, got 5. Quote it, or take the group out with ~model.',
    ],
    ["config", ["++model=vit"], '++model=vit: a choice cannot be forced with "++". Write +model=vit.'],
    [
      "config",
      ["sed=2"],
      'override "sed=2": there is no sed to set. Did you mean "seed"? Valid: hydra, model, seed. Write +sed=2 to add it.',
    ],
    [
      "config",
      ["seed=1,2"],
      "seed=1,2: several values are a sweep, which needs --multirun. For one list write seed=[1,2], for one text quote it.",
    ],
    ["config", ["seed=range(3)"], "seed=range(3): several values are a sweep, which needs --multirun."],
    ["config", ["hydra.job.num=x"], 'hydra.job.num=x: hydra.job.num: must be a whole number, got "x".'],
    [
      "config",
      ["hydra.job.env_copy=[SCONCE_ABSENT]"],
      "hydra.job.env_copy=[SCONCE_ABSENT]: hydra.job.env_copy: the environment has no variable SCONCE_ABSENT to copy. Set it, or take it out.",
    ],
    [
      "confg",
      [],
      'confg: there is no primary config "confg". Did you mean "config"? Valid: broken, config, header, hydra, hydra_type, interpolation, keyword, list, loop, loop_back, mapping, must_choose, no_group, not_there, number, order, search, twice, twins, typo. Searched: conf.',
    ],
    [
      "typo",
      [],
      'conf/typo.yaml:2:5: there is no config "resent" in the group "model". Did you mean "resnet"? Valid: resnet, vit. Searched: conf.',
    ],
    [
      "no_group",
      [],
      'conf/no_group.yaml:2:5: there is no group "modle", so no config "resnet" in it. Did you mean "model"? Valid: model. Searched: conf.',
    ],
    [
      "twice",
      [],
      'conf/twice.yaml:3:5: "model" is chosen already, as "resnet" (conf/twice.yaml:2:5). Write "override model: vit" to replace it.',
    ],
    [
      "must_choose",
      [],
      'conf/must_choose.yaml:2:5: an option of "model" must be chosen: model=OPTION. Available: resnet, vit.',
    ],
    [
      "not_there",
      [],
      'conf/not_there.yaml:2:5: "model" is not in the defaults list, so it cannot be overridden. It holds no group.',
    ],
    [
      "order",
      [],
      'conf/order.yaml:5:5: "override" items stand at the end of a defaults list, but this one follows one. Move it up.',
    ],
    [
      "keyword",
      [],
      'conf/keyword.yaml:2:5: only "optional" and "override" may stand before a group, got "optinal" before "model". Delete it.',
    ],
    [
      "number",
      [],
      "conf/number.yaml:2:12: model: an option is a text, a list of texts, or null, got 3. Quote it.",
    ],
    [
      "list",
      [],
      'conf/list.yaml:1:1: defaults must be a list of configs, got "model". Begin each line with "- ".',
    ],
    [
      "header",
      [],
      'conf/header.yaml:1:1: a line that begins with "# @" is "# @package NAME", got "# @package".',
    ],
    [
      "loop",
      [],
      "conf/loop_back.yaml:2:5: defaults lists pull in one another more than 64 deep: loop -> loop_back -> loop. Take one of them out.",
    ],
    [
      "twins",
      [],
      "conf/twins.yaml:3:5: defaults lists pull in one another more than 64 deep: twins -> twins. Take one of them out.",
    ],
    [
      "search",
      [],
      'conf/search.yaml:2:16: a place of the search path begins with file:// or pkg://, got "ftp://x". Name a folder, or one of a package.',
    ],
    [
      "hydra",
      [],
      'conf/hydra.yaml:3:5: hydra.run.dri: hydra.run has no key "dri". Did you mean "dir"? Valid: dir.',
    ],
    ["hydra_type", [], 'conf/hydra_type.yaml:3:10: hydra.job.num: must be a whole number, got "many".'],
    [
      "mapping",
      [],
      "conf/mapping.yaml:4:8: model: a list cannot be merged over a mapping (conf/model/resnet.yaml:1:1). Write the same kind, or remove the earlier one.",
    ],
    ["interpolation", [], 'conf/interpolation.yaml:3:5: "${modle}" cannot be resolved. Choices: model.'],
    [
      "broken",
      [],
      "conf/broken.yaml:1:4: the bracket that opens there is not closed, or what it holds is not indented. Close it.",
    ],
  ])("%s %j", (configName, overrides, expected) => {
    expect(message(configName, ...overrides)).toBe(expected);
  });
});

describe("the search path", () => {
  beforeEach(() => write(files));

  test("goes on after the folder of the primary config, and the first that has a config wins", () => {
    for (const place of ["more", "node_modules/some-configs/conf", "node_modules/@scope/configs/conf"]) {
      mkdirSync(join(place, "model"), { recursive: true });
      writeFileSync(join(place, "model", "vit.yaml"), `from: ${place}\n`);
      writeFileSync(join(place, "model", `${place.length}.yaml`), `from: ${place}\n`);
    }
    const from = (searchPath: string[], option: string) =>
      valueOf(
        compose({
          configPath: "conf",
          configName: "config",
          searchPath: searchPath.map((path) => ({ provider: "test", path })),
          overrides: [`model='${option}'`],
        }),
      );
    expect(from(["more"], "vit")).toMatchObject({ model: { name: "vit" } });
    expect(from(["more"], "4")).toMatchObject({ model: { from: "more" } });
    expect(from([`file://${root}/more`], "4")).toMatchObject({ model: { from: "more" } });
    expect(from(["pkg://some-configs.conf"], "30")).toMatchObject({
      model: { from: "node_modules/some-configs/conf" },
    });
    expect(from(["pkg://@scope/configs/conf"], "32")).toMatchObject({
      model: { from: "node_modules/@scope/configs/conf" },
    });
    expect(() => from(["pkg://absent.conf", "nowhere"], "4")).toThrow(
      "Searched: conf, pkg://absent.conf (which is not there), nowhere (which is not there).",
    );
    expect(() => from(["pkg://../more"], "4")).toThrow('there is no config "4"');
  });

  test("takes folders of hydra.searchpath from the current folder, else from that of the configs", () => {
    mkdirSync("conf/beside/model", { recursive: true });
    writeFileSync("conf/beside/model/tiny.yaml", "name: tiny\n");
    write({ "config.yaml": "defaults: [model: tiny]\nhydra:\n  searchpath: [file://beside]\n" });
    expect(composed("config")).toEqual({ model: { name: "tiny" } });
  });

  test("reads a primary config that is JSON", () => {
    write({ "other.json": '{"defaults": [{"model": "vit"}, "_self_"], "seed": 1.0}' });
    expect(composed("other.json")).toEqual({ model: { name: "vit" }, seed: 1 });
    write({ "other.json": '{"defaults": [{"model": "vti"}]}' });
    expect(message("other.json")).toContain('conf/other.json:1:16: there is no config "vti"');
  });

  test("what is too large, no text or no mapping is told", () => {
    write({
      "large.yaml": `a: ${"x".repeat(2 << 20)}\n`,
      "word.yaml": "word\n",
      "number.yaml": "5\n",
    });
    writeFileSync("conf/bytes.yaml", Buffer.from([0xff, 0xfe, 0x41]));
    expect(message("large")).toContain("conf/large.yaml: a config has at most 1048576 bytes");
    expect(message("word")).toBe(
      'conf/word.yaml:1:1: a config is a mapping of keys to values, got "word". Write KEY: before it.',
    );
    expect(message("number")).toContain("got 5");
    expect(message("bytes")).toContain("conf/bytes.yaml:1:1: the text must be UTF-8");
  });
});

describe("hostile names", () => {
  beforeEach(() => {
    write({
      ...files,
      "up.yaml": "defaults:\n  - ../secret\n",
      "up_group.yaml": "defaults:\n  - model: ../../secret\n",
      "up_late.yaml": "defaults:\n  - model: vit\n  - data: ${oc.env:SCONCE_TEST_UP}\n",
      "proto.yaml": "defaults:\n  - __proto__: vit\n",
      "package.yaml": "defaults:\n  - model@__proto__: vit\n",
      "header.yaml": "# @package a.__proto__.b\npolluted: 1\n",
      "key.yaml": "__proto__:\n  polluted: 1\n",
    });
    writeFileSync("secret.yaml", "password: 1\n");
  });

  test.each([
    ["config", "model=../../secret"],
    ["config", "+model=/../secret"],
    ["config", "model/../..=secret"],
    ["config", "+model@__proto__=vit"],
    ["config", "+__proto__=vit"],
    ["config", "+__proto__.polluted=1"],
    ["config", "model=__proto__"],
    ["../secret"],
    ["/secret/../../secret"],
    ["up"],
    ["up_group"],
    ["up_late"],
    ["proto"],
    ["package"],
    ["header"],
    ["key"],
    ["a\0b"],
    ["x".repeat(5000)],
  ])("%s %s", (configName, ...overrides) => {
    process.env["SCONCE_TEST_UP"] = "../../secret";
    expect(message(configName, ...overrides)).not.toBe("no error");
    expect(message(configName, ...overrides)).not.toContain("    at ");
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("odd folders", () => {
  test("links that lead in a circle are as if they were not there", () => {
    write(files);
    symlinkSync("ring.yaml", "conf/model/ring.yaml");
    symlinkSync("../model", "conf/model/inner");
    expect(message("config", "model=ring")).toContain('there is no config "ring"');
    expect(composed("config", "model=inner/inner/vit")).toMatchObject({ model: { name: "vit" } });
    expect(message("config", "model=ring")).toContain("Valid: resnet, vit");
  });

  test("a folder that ends in .yaml is no config", () => {
    write({ ...files, "model/folder.yaml/x.yaml": "" });
    expect(message("config", "model=folder")).toContain('there is no config "folder"');
  });

  test("the folder of the configs must be there", () => {
    expect(() => compose({ configPath: "nowhere", configName: "config" })).toThrow(
      "nowhere: the folder of the configs is not there. Check the config path.",
    );
    expect(() => compose({ configPath: "pkg://absent.conf", configName: "config" })).toThrow(
      "pkg://absent.conf: the folder of the configs is not there.",
    );
  });

  test("a thousand configs are composed, and a list that multiplies is stopped", () => {
    const names = Array.from({ length: 1000 }, (_, at) => `many/c${at}`);
    write(Object.fromEntries(names.map((name, at) => [`${name}.yaml`, `k${at}: ${at}\n`])));
    write({ "many.yaml": `defaults:\n${names.map((name) => `  - ${name}\n`).join("")}` });
    expect(Object.keys(composed("many") as object)).toEqual(["many"]);
    for (let at = 0; at < 40; at++)
      write({ [`d${at}.yaml`]: `defaults: [d${at + 1}@a, d${at + 1}@b]\n`, "d40.yaml": "x: 1\n" });
    expect(message("d0")).toContain("pull in more than 20000 configs");
  });
});

test("Hydra's resolvers know the job, the moment and the version", () => {
  write({
    "config.yaml":
      "job: ${hydra:job.name}\nday: ${now:%Y}\nagain: ${now:%Y}\nnode: ${python_version:major}\n",
  });
  const whole = compose({
    configPath: "conf",
    configName: "config",
    jobName: "train",
    returnHydraConfig: true,
  });
  const alone = compose({ configPath: "conf", configName: "config", jobName: "train" });
  expect(valueOf(resolve(alone))).toEqual(valueOf(resolve(jobConfig(whole))));
  expect(valueOf(resolve(jobConfig(whole)))).toEqual({
    job: "train",
    day: new Date().getFullYear().toString(),
    again: new Date().getFullYear().toString(),
    node: process.versions.node.split(".")[0],
  });
});
