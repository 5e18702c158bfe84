// `sconce train` records in whichever store the config or MLFLOW_TRACKING_URI names; models come back from there.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { SqliteStore, TrackingServer, openStore } from "../../src/tracking/index.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { makeTinyProject } from "../fixtures/tiny-project.ts";
import { sconce } from "./run.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function makeProject() {
  const project = makeTinyProject();
  undo.push(() => project.remove());
  return project;
}

function makeFolder(): string {
  const folder = makeTemporaryFolder("sconce-stores-");
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a server gets the run, its artifacts and the champion, and gives the model to a machine that has neither", async () => {
  const project = makeProject();
  const folder = makeFolder();
  const store = await SqliteStore.open({
    path: join(folder, "mlflow.db"),
    artifactRoot: "mlflow-artifacts:/",
  });
  undo.push(() => store.close());
  const server = await TrackingServer.start({
    store,
    port: 0,
    artifacts: { destination: join(folder, "files") },
  });
  undo.push(() => server.close());
  const env = {
    MLFLOW_TRACKING_URI: server.url,
    SCONCE_JOURNAL_DIR: join(folder, "journal"),
    SCONCE_CACHE: join(folder, "cache"),
  };
  const trained = await sconce(["train", project.config], { env });
  expect(trained.code, trained.stderr).toBe(0);
  expect(trained.stdout).toContain(`in ${server.url}`);
  expect(existsSync(project.database)).toBe(false);
  expect(readdirSync(join(folder, "journal"))).toEqual([]);

  const [run] = await store.searchRuns();
  expect(run?.info.status).toBe("FINISHED");
  expect(run?.data.metrics["f1"]).toBeGreaterThan(0);
  expect((await store.getModelVersionByAlias("demo", "champion")).runId).toBe(run?.info.runId);

  const words = ["--text", "wet cloud in our town"];
  const expected = await sconce(["predict", "-m", project.champion, ...words]);
  for (const model of [`runs:/${run!.info.runId}/model`, "models:/demo@champion"]) {
    const { code, stdout, stderr } = await sconce(["predict", "-m", model, ...words], { cwd: folder, env });
    expect([model, code, stderr, stdout]).toEqual([model, 0, "", expected.stdout]);
  }
});

test("a folder of MLflow's layout named by the config gets it, before the variable", async () => {
  const project = makeProject();
  const { code, stdout, stderr } = await sconce(["train", project.config, "mlops.tracking.uri=./mlruns"], {
    env: { MLFLOW_TRACKING_URI: "http://127.0.0.1:9" },
  });
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^Run +[0-9a-f]{32} in .*mlruns$/m);
  const store = await openStore(join(project.root, "mlruns"));
  undo.push(() => store.close());
  const [run] = await store.searchRuns();
  expect(run?.info.artifactUri).toContain(join(project.root, "mlruns"));
  expect(existsSync(join(project.root, "mlruns", "models"))).toBe(true);
  const model = await sconce(["predict", "-m", "models:/demo@champion", "--text", "sun"], {
    env: { MLFLOW_TRACKING_URI: `file://${join(project.root, "mlruns")}` },
  });
  expect(model.code, model.stderr).toBe(0);
});

test("a server that cannot be reached ends the training with one line that names it", async () => {
  const project = makeProject();
  const { code, stderr } = await sconce(["train", project.config], {
    env: { MLFLOW_TRACKING_URI: "http://me:secret@127.0.0.1:9" },
  });
  expect(code).not.toBe(0);
  expect(stderr).toContain("http://127.0.0.1:9: it cannot be reached");
  expect(stderr).not.toContain("secret");
});

test("a tracked model is a base model, by its alias", async () => {
  const project = makeProject();
  const first = await sconce(["train", project.config]);
  expect(first.code, first.stderr).toBe(0);
  const next = await sconce([
    "train",
    project.config,
    "base_model=models:/demo@champion",
    "trainer.max_epochs=1",
  ]);
  expect(next.code, next.stderr).toBe(0);
  expect(next.stderr).not.toContain("new weights"); // the head came with the model
  const refused = await sconce(["train", project.config, "base_model=models:/demo@champio"]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('Did you mean "champion"?');
  const { stdout } = await sconce(["check", project.config, "base_model=models:/demo/1"]);
  expect(stdout).toContain("models:/demo/1, of the tracking store");
});
