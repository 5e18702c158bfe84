// `sconce store copy`.
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "sconce/tracking";
import { describe, expect, test } from "vitest";
import { sconce } from "./run.ts";

describe("sconce store copy", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-store-"));
  const from = `sqlite:///${join(folder, "from.db")}`;
  const to = join(folder, "mlruns");

  test("says what both stores hold at its end, and goes on from there", async () => {
    const store = await openStore(from);
    const { info } = await store.createRun({ experimentId: "0" });
    await store.logBatch({
      runId: info.runId,
      metrics: [{ key: "loss", value: NaN, timestamp: 1, step: 0 }],
    });
    await store.close();
    const copied = await sconce(["store", "copy", from, to]);
    expect(copied.code).toBe(0);
    expect(copied.stderr).toContain("verifying");
    expect(copied.stdout.replaceAll(folder, "...").replace(/\w{64}/, "...")).toMatchInlineSnapshot(`
      "sqlite:///.../from.db is copied to file://.../mlruns, and both hold the same:
        experiments 1, runs 1, points 1, logged models 0,
        registered models 0, versions 0, entries of history 0, webhooks 0
        SHA-256 ...
      "
    `);
    const again = await sconce(["store", "copy", from, to]);
    expect(again.stdout).toContain("(2 of them were there before)");

    const target = await openStore(to);
    await target.setTags(info.runId, { a: "b" });
    const { code, stderr } = await sconce(["store", "copy", from, to]);
    expect(code).toBe(1);
    expect(stderr).toContain(`run ${info.runId} (differs). Copy into an empty store.`);
  });

  test("makes no store where the source is not there", async () => {
    const wrong = join(folder, "wrong.db");
    const { code, stderr } = await sconce(["store", "copy", `sqlite:///${wrong}`, join(folder, "new")]);
    expect(code).toBe(2);
    expect(stderr.replace(wrong, "...")).toMatchInlineSnapshot(`
      "tracking URI: the store must exist, and there is no .... Log a run first, or name the store that holds them (MLFLOW_TRACKING_URI).
      "
    `);
    expect([existsSync(wrong), existsSync(join(folder, "new"))]).toEqual([false, false]);
  });

  test("backs a store up into a file that is a store", async () => {
    const file = join(folder, "backup.db");
    const { code, stdout } = await sconce(["store", "backup", from, file]);
    expect([code, stdout.replaceAll(folder, "...").replace(/[\d.]+ \w+B/, "SIZE")]).toEqual([
      0,
      ".../backup.db holds sqlite:///.../from.db, SIZE.\n",
    ]);
    const back = await sconce(["store", "copy", `sqlite:///${file}`, join(folder, "restored")]);
    expect(back.stdout).toContain("experiments 1, runs 1, points 1,");
    expect(await sconce(["store", "backup", from, file])).toMatchObject({ code: 2, stdout: "" });
  });

  test("wants two stores", async () => {
    expect(await sconce(["store", "copy", from])).toMatchObject({ code: 2, stdout: "" });
    expect(await sconce(["store", "copy", from, from])).toMatchObject({ code: 1 });
    expect((await sconce(["store", "cpy"])).stderr).toContain('Did you mean "copy"?');
  });
});
