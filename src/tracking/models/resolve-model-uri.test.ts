import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SconceError } from "../../base/index.ts";
import { registerModelVersion } from "../client/register.ts";
import { ActiveRun } from "../client/run.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { logTransformersModel } from "./log-model.ts";
import { modelFolders } from "./read-model.ts";
import { isModelUri } from "../../base/index.ts";
import { resolveModelUri } from "./resolve-model-uri.ts";

let root: string;
let store: SqliteStore;
let runs: [ActiveRun, ActiveRun];
let modelId: string;
/** Where the models of the two runs were logged. */
let logged: [string, string];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "sconce-"));
  const folder = join(root, "model");
  mkdirSync(folder);
  writeFileSync(join(folder, "config.json"), JSON.stringify({ architectures: ["BertModel"] }));
  writeFileSync(join(folder, "model.safetensors"), "weights");
  writeFileSync(join(folder, "tokenizer.json"), "{}");
  store = await SqliteStore.open({ path: join(root, "mlflow.db") });
  const start = (runName: string) => ActiveRun.start({ store, experimentName: "mail", runName });
  runs = [await start("one"), await start("two")];
  for (const run of runs) {
    ({ modelId } = await logTransformersModel(run, { folder, task: "text-classification" }));
    await run.end();
  }
  logged = runs.map((run) => join(run.info.artifactUri, "model")) as typeof logged;
  const register = (run: ActiveRun, aliases: string[]) =>
    registerModelVersion(store, { name: "spam", source: `runs:/${run.runId}/model`, aliases });
  await register(runs[0], ["champion"]);
  await register(runs[1], []);
});

afterEach(async () => {
  await store.close();
  rmSync(root, { recursive: true });
});

function setStage(version: number, stage: string): void {
  const db = new Database(join(root, "mlflow.db"));
  db.prepare("UPDATE model_versions SET current_stage = ? WHERE version = ?").run(stage, version);
  db.close();
}

const find = (uri: string) => resolveModelUri(uri, store);

/** The error that a URI ends with; what differs from run to run is named. */
async function refusal(uri: string): Promise<string> {
  try {
    await find(uri);
  } catch (error) {
    if (!SconceError.is(error)) throw error;
    const named = [runs[0].runId, runs[1].runId].reduce(
      (text, id, i) => text.replaceAll(id, `RUN${i + 1}`),
      `${error.code}: ${error.message}`,
    );
    return named.replaceAll(root, "ROOT").replaceAll(modelId, "m-ID");
  }
  throw new Error(`${uri} was found`);
}

test("a model is found by run, by its own id, by version, by latest and by alias", async () => {
  const [first, second] = logged;
  expect(await find(`runs:/${runs[0].runId}/model`)).toBe(first);
  expect(await find(`runs:/${runs[0].runId}/model/`)).toBe(first);
  expect(await find(`models:/${modelId}`)).toBe(second);
  expect(await find("models:/spam/1")).toBe(first);
  expect(await find("models:/spam/2")).toBe(second);
  expect(await find("models:/spam/latest")).toBe(second);
  expect(await find("models:/spam@latest")).toBe(second);
  expect(await find("models:/spam@champion")).toBe(first);
  await store.setModelAlias("spam", "champion", 2);
  expect(await find("models:/spam@champion")).toBe(second);
});

test("a stage means its newest version, in any letter case", async () => {
  setStage(1, "Production");
  expect(await find("models:/spam/Production")).toBe(logged[0]);
  expect(await find("models:/spam/production")).toBe(logged[0]);
  setStage(2, "Production");
  expect(await find("models:/spam/Production")).toBe(logged[1]);
});

test("a version may be registered from a folder, a logged model or another version, but not from an alias, which moves", async () => {
  for (const source of [logged[0], `models:/${modelId}`, "models:/spam/1"]) {
    const { version } = await registerModelVersion(store, { name: "copies", source });
    expect(await find(`models:/copies/${version}`)).toBe(source.includes(modelId) ? logged[1] : logged[0]);
  }
  const moving = registerModelVersion(store, { name: "copies", source: "models:/spam@champion" });
  await expect(moving).rejects.toThrow(/must be models:\/NAME\/VERSION or models:\/m-ID, got/);
});

test("a model that MLflow 3 keeps beside its run is found by run and name, the newest of them", async () => {
  const { info, runId } = runs[0];
  const made: string[] = [];
  for (const step of [0, 1]) {
    const model = await store.createLoggedModel({
      experimentId: info.experimentId,
      name: "model",
      sourceRunId: runId,
    });
    await store.logOutputs(runId, [{ modelId: model.modelId, step }]);
    mkdirSync(model.artifactLocation, { recursive: true });
    writeFileSync(join(model.artifactLocation, "MLmodel"), "flavors: {}\n");
    made.push(model.artifactLocation);
  }
  expect(await find(`runs:/${runId}/model`)).toBe(made[1]);
});

test("only words with MLflow's schemes are URIs", () => {
  const words = ["runs:/x/model", "models:/x@y", "outputs/models:/x", "./runs:/x", "C:/models", "models"];
  expect(words.filter(isModelUri)).toEqual(["runs:/x/model", "models:/x@y"]);
});

describe("a URI that leads nowhere is refused with what there is:", () => {
  test("an unknown run", async () => {
    const message = await refusal("runs:/0123/model");
    expect(message.replace(/RUN[12], RUN[12]/, "RUN, RUN")).toMatchInlineSnapshot(
      `"usage: runs:/0123/model: the run must be in the store, but there is no "0123". The newest runs: RUN, RUN."`,
    );
  });

  test("a run without a model, or with one of another name", async () => {
    const run = await ActiveRun.start({ store, experimentName: "mail", runName: "three" });
    await run.end("FAILED");
    const message = await refusal(`runs:/${run.runId}/model`);
    expect(message.replace(run.runId, "RUN3")).toMatchInlineSnapshot(
      `"usage: runs:/RUN3/model: the run must have logged a model as "model", but run three logged none and is FAILED. Name another run."`,
    );
    expect(await refusal(`runs:/${runs[0].runId}/modle`)).toMatchInlineSnapshot(
      `"usage: runs:/RUN1/modle: the run must have logged a model as "modle", but it logged model. Name one of these."`,
    );
    await expect(find(`runs:/${runs[0].runId}/../${runs[1].runId}`)).rejects.toThrow(/stay inside/);
  });

  test("an unknown name", async () => {
    expect(await refusal("models:/spma@champion")).toMatchInlineSnapshot(
      `"usage: models:/spma@champion: the model must be registered, but there is no "spma". Did you mean "spam"? Valid: spam."`,
    );
  });

  test("an absent version, stage or alias", async () => {
    setStage(1, "Staging");
    expect(await refusal("models:/spam/7")).toMatchInlineSnapshot(
      `"usage: models:/spam/7: "spam" must have version 7. Valid: 1, 2."`,
    );
    expect(await refusal("models:/spam/Production")).toMatchInlineSnapshot(
      `"usage: models:/spam/Production: a version of "spam" must be in stage "Production". Valid: None, Staging."`,
    );
    expect(await refusal("models:/spam@champoin")).toMatchInlineSnapshot(
      `"usage: models:/spam@champoin: "spam" must have the alias "champoin". Did you mean "champion"? Valid: champion."`,
    );
  });

  test("a name without versions, and an empty registry", async () => {
    await store.createRegisteredModel({ name: "new" });
    expect(await refusal("models:/new/latest")).toMatchInlineSnapshot(
      `"usage: models:/new/latest: "new" must have a version, but it has none. Register one."`,
    );
    expect(await refusal("models:/new/1")).toMatchInlineSnapshot(
      `"usage: models:/new/1: "new" must have version 1. It has none."`,
    );
    expect(await refusal("models:/new@best")).toMatchInlineSnapshot(
      `"usage: models:/new@best: "new" must have the alias "best". It has none."`,
    );
    const empty = await SqliteStore.open({ path: join(root, "empty.db") });
    await expect(resolveModelUri("models:/spam/1", empty)).rejects.toThrow(/The registry is empty/);
    await expect(resolveModelUri("runs:/1/model", empty)).rejects.toThrow(/The store holds no run/);
    await empty.close();
  });

  test("an unknown logged model", async () => {
    expect(await refusal("models:/m-123")).toMatchInlineSnapshot(
      `"usage: models:/m-123: the logged model must be in the store, but there is no "m-123". Name its run, runs:/RUN_ID/model."`,
    );
  });

  test("files that are gone", async () => {
    for (const folder of logged) renameSync(folder, `${folder}.away`);
    expect(await refusal(`runs:/${runs[0].runId}/model`)).toMatchInlineSnapshot(
      `"file: runs:/RUN1/model: the model's files must be in ROOT/Artifacts/1/RUN1/artifacts/model, but that folder is gone. Restore it, or name another model."`,
    );
    expect(await refusal(`models:/${modelId}`)).toMatchInlineSnapshot(
      `"file: models:/m-ID: the model's files must be in ROOT/Artifacts/1/RUN2/artifacts/model, but that folder is gone. Restore it, or name another model."`,
    );
    mkdirSync(logged[0]);
    expect(await refusal("models:/spam/1")).toMatchInlineSnapshot(
      `"file: models:/spam/1: the model's files must be in ROOT/Artifacts/1/RUN1/artifacts/model, but that folder has no file MLmodel. Restore it, or name another model."`,
    );
  });

  test.each([
    "runs:/",
    "runs:/1",
    "models:/spam",
    "models:/spam/1/model",
    "models:/",
    "models:/@x",
    "models:x/1",
  ])("%s", async (uri) => {
    expect(await refusal(uri)).toMatch(
      `usage: ${uri}: the model must be named in one of the forms runs:/RUN_ID/model, models:/NAME/VERSION`,
    );
  });
});

describe("the parts of a model's folder", () => {
  const write = (text: string) => writeFileSync(join(logged[0], "MLmodel"), text);
  const failure = () => {
    try {
      modelFolders(logged[0]);
    } catch (error) {
      return (error as Error).message.replaceAll(logged[0], "FOLDER");
    }
    throw new Error("it was read");
  };

  test("are where MLmodel says", () => {
    const folders = modelFolders(logged[0]);
    expect(existsSync(join(folders.model, "config.json"))).toBe(true);
    expect(existsSync(join(folders.tokenizer, "tokenizer.json"))).toBe(true);
  });

  test("are the folder itself where there is no MLmodel", () => {
    const folder = join(root, "model");
    expect(modelFolders(folder)).toEqual({ model: folder, tokenizer: folder });
  });

  test("are the model's folder where no tokenizer was logged", () => {
    write(readFileSync(join(logged[0], "MLmodel"), "utf8").replace(/ +components:\n +- tokenizer\n/, ""));
    const folder = join(logged[0], "model");
    expect(modelFolders(logged[0])).toEqual({ model: folder, tokenizer: folder });
  });

  test("must be of a flavor that can be loaded, and there", () => {
    write("flavors:\n  sklearn: {}\n  python_function: {}\n");
    expect(failure()).toMatchInlineSnapshot(
      `"FOLDER/MLmodel: the model must be of the flavor transformers, got sklearn, python_function. Log it with mlflow.transformers."`,
    );
    write("flavors:\n  transformers:\n    task: text-classification\n");
    expect(failure()).toMatchInlineSnapshot(
      `"FOLDER/MLmodel: flavors.transformers.model_binary must name the folder of the weights, but it is missing. Log the model with its weights (save_pretrained=True)."`,
    );
    write("flavors: [");
    expect(failure()).toMatchInlineSnapshot(
      `"FOLDER/MLmodel: it must say which flavors the model has, but it is damaged. Restore it."`,
    );
    for (const outside of ["../../others", "/etc", "model/../../others"]) {
      write(`flavors:\n  transformers:\n    model_binary: ${outside}\n`);
      expect(failure()).toContain(`model_binary must name a folder beside it, got "${outside}"`);
    }
    write("flavors:\n  transformers:\n    model_binary: weights\n");
    expect(failure()).toMatchInlineSnapshot(
      `"FOLDER/MLmodel: FOLDER/weights must be there, but it is gone. Restore it, or name another model."`,
    );
  });
});
