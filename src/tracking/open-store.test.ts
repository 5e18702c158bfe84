// Stages beside MLflow's, named by the environment for whatever store is opened.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { openStore } from "./open-store.ts";

afterEach(() => vi.unstubAllEnvs());

test.each(["sqlite", "folder"])("SCONCE_STAGES adds stages to a store (%s)", async (kind) => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const uri = kind === "sqlite" ? `sqlite:///${join(folder, "mlflow.db")}` : join(folder, "mlruns");
  const move = async (stage: string) => {
    const store = await openStore(uri);
    try {
      return (await store.transitionStage({ name: "spam", version: 1, stage })).currentStage;
    } finally {
      await store.close();
    }
  };
  const store = await openStore(uri);
  await store.createRegisteredModel({ name: "spam" });
  await store.createModelVersion({ name: "spam", source: "s3://bucket/model" });
  await store.close();
  await expect(move("Canary")).rejects.toThrow(/got "Canary"/);
  vi.stubEnv("SCONCE_STAGES", "Canary, Shadow Test,");
  expect(await move("canary")).toBe("Canary");
  expect(await move("shadow test")).toBe("Shadow Test");
  vi.stubEnv("SCONCE_STAGES", "Canary,production");
  await expect(move("Canary")).rejects.toThrow(/"production" is taken/);
});
