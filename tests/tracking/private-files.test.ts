// What waits on this machine's disk to be sent, and what is on its way here, is its owner's alone, whatever the umask.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outputOf, startTrackingProcess } from "../tracking-process.ts";

test("journals, staged artifacts and downloads are closed to others under a umask that opens all", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const child = startTrackingProcess(
    folder,
    `
    import { readdirSync, statSync, mkdirSync } from "node:fs";
    import { join } from "node:path";
    process.umask(0);
    process.env.TMPDIR = join(path, "tmp");
    mkdirSync(process.env.TMPDIR, { mode: 0o1777 });
    const served = await tracking.SqliteStore.open({ path: join(path, "mlflow.db"), artifactRoot: "mlflow-artifacts:/" });
    const tracked = await tracking.TrackingServer.start({
      store: served, port: 0, artifacts: { destination: join(path, "artifacts") },
    });
    const store = await tracking.openStore(tracked.url);
    const journalFolder = join(path, "state", "journal");
    const modes = {};
    const look = (root, depth) => {
      for (const entry of readdirSync(root, { withFileTypes: true })) {
        const at = join(root, entry.name);
        const name = at.replace(path, "").replaceAll(/[0-9a-f]{32}/g, "ID").replace(/(sconce-[a-z]+-).*/, "$1");
        modes[name] = (statSync(at).mode & 0o777).toString(8);
        if (depth > 1) look(at, depth - 1);
      }
    };
    for (const folder of [journalFolder, false]) {
      const run = await tracking.ActiveRun.start({ store, experimentName: "e", journalFolder: folder, flushIntervalMs: 60_000 });
      run.logParams({ lr: 0.1 });
      run.logText("hello", "a.txt");
      look(join(path, "state"), 2);
      look(process.env.TMPDIR, 1);
      await run.end();
      process.env.MLFLOW_TRACKING_URI = tracked.url;
      if (folder === false) await tracking.downloadArtifacts({ runId: run.runId, artifactPath: "a.txt" });
    }
    look(process.env.TMPDIR, 1);
    console.log(JSON.stringify(modes));
    process.exit(0);
  `,
  );
  expect(await outputOf(child)).toEqual({
    "/state/journal": "700",
    "/state/journal/ID.artifacts": "700",
    "/state/journal/ID.jsonl": "600",
    "/state/journal/ID.jsonl.taken": "600",
    "/tmp/sconce-staging-": "700",
    "/tmp/sconce-artifacts-": "700",
  });
}, 60_000);
