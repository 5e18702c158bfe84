import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeOf } from "../node.ts";
import { completeArguments, completeComposed, completePlain } from "./complete-composed.ts";
import { type CompletionSource, completeOverride } from "./complete-override.ts";

const source: CompletionSource = {
  list: (group, kind) =>
    kind === "groups" ? (group === "" ? ["db"] : []) : group === "db" ? ["mysql", "sqlite"] : [],
  config: () =>
    nodeOf({ seed: 42, db: { host: "x" }, "a\u001b[2J": 1, "b\nc": 2 }, { source: "config.yaml" }),
};

test("what Hydra has no candidates for: keys after ++ and ~, and options with a package", () => {
  expect(completeOverride("++se", source)).toEqual(["++seed="]);
  expect(completeOverride("++db.", source)).toEqual(["++db.host="]);
  expect(completeOverride("~se", source)).toEqual(["~seed"]);
  expect(completeOverride("db@backup=m", source)).toEqual(["db@backup=mysql"]);
});

test("no candidate holds control characters", () => {
  expect(completeOverride("", source)).toEqual(["db.", "db=", "seed="]);
});

test("where there are no configs there is nothing to offer", () => {
  expect(completeComposed("a", { configPath: join(tmpdir(), "missing"), configName: "config" })).toEqual([]);
});

test("a command line that is wrong so far has nothing to offer", () => {
  const conf = new URL("../../../conf", import.meta.url).pathname;
  const options = { configPath: conf, configName: "config" };
  expect(completeArguments("optimizer.l", { ...options, argv: [] })).toEqual(["optimizer.lr="]);
  expect(completeArguments("optimizer.l", { ...options, argv: ["-m", "seed=1,2"] })).toEqual([
    "optimizer.lr=",
  ]);
  expect(completeArguments("optimizer.l", { ...options, argv: ["seed=1,2"] })).toEqual([]);
  expect(completeArguments("model=", { ...options, argv: ["--cfg"] })).toEqual([]);
});

test("a config that is plain data has keys and values", () => {
  const config = { seed: 42, trainer: { max_epochs: 2, precision: "bf16-mixed" } };
  expect(completePlain("", config)).toEqual(["seed=", "trainer."]);
  expect(completePlain("trainer.max", config)).toEqual(["trainer.max_epochs="]);
  expect(completePlain("trainer.precision=", config)).toEqual(["trainer.precision=bf16-mixed"]);
});
