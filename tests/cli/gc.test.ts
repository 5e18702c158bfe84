// `sconce gc`.
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalArtifactRepository, openStore } from "sconce/tracking";
import { describe, expect, test } from "vitest";
import { sconce } from "./run.ts";

describe("sconce gc", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-gc-"));
  const uri = `sqlite:///${join(folder, "mlflow.db")}`;
  const gc = (...words: string[]) => sconce(["gc", "--backend-store-uri", uri, ...words]);

  test("removes what is in the trash, once it is asked in earnest", async () => {
    const store = await openStore(uri);
    const { info } = await store.createRun({ experimentId: "0" });
    new LocalArtifactRepository(info.artifactUri).writeFile("x", "x");
    const elsewhere = await store.createExperiment({ name: "far", artifactLocation: "mlflow-artifacts:/x" });
    const { runId } = (await store.createRun({ experimentId: elsewhere })).info;
    await store.deleteRun(info.runId);
    await store.deleteRun(runId);

    expect((await gc("--older-than", "30d2h")).stdout).toBe(
      "Removed: runs 0, logged models 0, experiments 0.\n",
    );
    const dry = await gc("--run-ids", info.runId, "--dry-run");
    expect([dry.code, dry.stdout]).toEqual([
      0,
      `would remove run ${info.runId}\nWould be removed: runs 1, logged models 0, experiments 0.\n`,
    ]);
    expect(existsSync(info.artifactUri)).toBe(true);
    const first = await gc();
    expect(first.code).toBe(1);
    expect(first.stdout).toContain(`removed run ${info.runId}\n`);
    expect(first.stdout).toContain(
      `could not remove run ${runId}: artifacts: "mlflow-artifacts:/x/${runId}/`,
    );
    expect(first.stdout).toContain("Removed: runs 1, logged models 0, experiments 0; 1 stay.");
    expect(existsSync(info.artifactUri)).toBe(false);
    const second = await gc("--artifacts-destination", join(folder, "served"));
    expect([second.code, second.stdout.split("\n")[0]]).toEqual([0, `removed run ${runId}`]);
    await store.close();
  });

  test("refuses ages, ids and stores that make no sense", async () => {
    expect((await gc("--older-than", "2 weeks")).code).toBe(2);
    expect((await gc("--run-ids", "a,,b")).code).toBe(2);
    expect(await gc("--run-ids", "nowhere")).toMatchObject({ code: 1, stdout: "" });
    const wrong = `sqlite:///${join(folder, "wrong.db")}`;
    expect((await sconce(["gc", "--backend-store-uri", wrong])).code).toBe(2);
    expect(existsSync(join(folder, "wrong.db"))).toBe(false);
  });
});
