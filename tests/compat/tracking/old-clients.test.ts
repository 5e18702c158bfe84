// MLflow's clients of earlier releases against our server.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Store, TrackingServer, openStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compatPython, compatSkipReason, runBeside } from "../python.ts";

const script = readFileSync(new URL("./old_client.py", import.meta.url), "utf8");
const missing = "RESOURCE_DOES_NOT_EXIST";

describe.skipIf(compatSkipReason !== undefined)(`earlier clients (${compatSkipReason ?? "on"})`, () => {
  let store: Store;
  let server: TrackingServer;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "sconce-"));
    store = await openStore(`sqlite:///${join(folder, "mlflow.db")}`, { artifactRoot: "mlflow-artifacts:/" });
    server = await TrackingServer.start({
      store,
      port: 0,
      artifacts: { destination: join(folder, "files") },
    });
  });

  afterAll(async () => {
    await server.close();
    await store.close();
  });

  test.each(["3.7.0", "3.10.1"])(
    "MLflow %s tracks runs, keeps artifacts and registers models",
    async (version) => {
      const python = compatPython(`mlflow-${version.split(".", 2).join(".")}`);
      expect(await runBeside(python, script, server.url)).toEqual({
        version,
        experiment: { team: "mail" },
        refused: ["RESOURCE_ALREADY_EXISTS", missing, missing],
        run: ["FINISHED", "parent", 999, true, 52, false],
        history: [
          [0, 1],
          [1, 0.5],
          [2, 0.333],
        ],
        points: 1000,
        found: [["child", "parent"], ["parent"], ["child"], ["parent"]],
        deleted: [["parent"], ["child"]],
        restored: ["child", "parent"],
        artifacts: [
          [
            ["folder", true, null],
            ["notes.txt", false, 7],
            ["settings.json", false, 22],
          ],
          [
            ["folder/a b.txt", false, 5],
            ["folder/deep", true, null],
          ],
          [["folder/deep/two.bin", false, 1_280_000]],
        ],
        downloaded: ["first", true, "grüße", missing],
        model: ["READY", { a: "1" }],
        models: ["net"],
        registry: [
          "2",
          [
            ["1", "Archived", { quality: "good" }],
            ["2", "Production", {}],
          ],
          ["2"],
          "folder",
        ],
        gone: missing,
      });
    },
    600_000,
  );
});
