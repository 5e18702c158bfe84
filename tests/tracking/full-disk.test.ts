// A disk that is full under the store of a running server: each write that cannot be kept is answered so, what was
// acknowledged stays, and the server goes on as soon as there is space. The disks are small ones in memory.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { RestStore, type Store, TrackingServer, openStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PostgresServer, postgresSkipReason, runSql, startPostgres } from "../postgres.ts";

const disk = mkdtempSync(join(tmpdir(), "sconce-disk-"));
const mount = (options: string, folder: string) =>
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "none", folder], { stdio: "pipe" });
const unmount = (folder: string) => execFileSync("umount", ["--lazy", folder]);

function mountSkipReason(): string | undefined {
  try {
    mount("size=64k", disk);
    unmount(disk);
    return undefined;
  } catch {
    return "mounting a small disk is not allowed here";
  }
}

const noMount = mountSkipReason();
const ownPostgres = process.env["SCONCE_TEST_POSTGRESQL_URI"] === undefined;
const noPostgres =
  noMount ?? postgresSkipReason ?? (ownPostgres ? undefined : "the server named keeps its own disk");
let postgres: PostgresServer | undefined;

beforeAll(async () => {
  if (noPostgres === undefined) postgres = await startPostgres();
});
afterAll(async () => {
  await postgres?.stop();
  rmSync(disk, { recursive: true, force: true });
});

const stores: [
  name: string,
  reason: string | undefined,
  size: string,
  newUri: (folder: string) => unknown,
][] = [
  ["SQLite", noMount, "3m", (folder) => `sqlite:///${join(folder, "mlflow.db")}`],
  ["mlruns", noMount, "1m", (folder) => join(folder, "mlruns")],
  ["PostgreSQL", noPostgres, "16m", databaseOn],
];

describe.each(
  stores.map(([name, reason, size, newUri]) => ({
    title: reason === undefined ? name : `${name} (${reason})`,
    reason,
    size,
    newUri,
  })),
)("on $title", ({ reason, size, newUri }) => {
  test.skipIf(reason !== undefined)(
    "what was acknowledged is kept, and with space the server goes on",
    async () => {
      const folder = join(disk, size);
      mkdirSync(folder);
      mount(`size=${size}`, folder);
      let store: Store | undefined;
      let server: TrackingServer | undefined;
      try {
        store = await openStore((await newUri(folder)) as string, { artifactRoot: "mlflow-artifacts:/" });
        server = await TrackingServer.start({
          store,
          port: 0,
          artifacts: { destination: join(folder, "files") },
        });
        const client = RestStore.open(server.url, { retries: 0 });
        const { runId } = (await client.createRun({ experimentId: "0", runName: "full" })).info;
        const acknowledged: number[] = [];
        const refusals: { code: string; message: string }[] = [];
        const log = (batch: number) =>
          client
            .logBatch({ runId, metrics: points(batch), tags: [{ key: "batch", value: String(batch) }] })
            .then(
              () => acknowledged.push(batch),
              (error: { code: string; message: string }) => refusals.push(error),
            );
        let batch = 0;
        while (refusals.length === 0 && batch < 5000) await log(batch++);
        for (let more = 0; more < 5; more++) await log(batch++);
        for (const { code, message } of refusals) {
          expect([code, message]).toEqual(["TEMPORARILY_UNAVAILABLE", expect.stringMatching(/disk|space/i)]);
        }
        expect(acknowledged.length).toBeGreaterThan(0);

        // reading goes on, and what the run holds is what was acknowledged
        expect((await client.getRun(runId)).info.runName).toBe("full");
        const held = await batchesOf(client, runId, "loss");
        for (const each of acknowledged) expect(held).toContain(each);
        expect((await fetch(`${server.url}/health`)).status).toBe(200);

        mount(`remount,size=64m`, folder);
        const first = batch;
        while (batch < first + 3) await log(batch++);
        expect(acknowledged.slice(-3)).toEqual([first, first + 1, first + 2]);
        const [loss, twin] = [await batchesOf(client, runId, "loss"), await batchesOf(client, runId, "twin")];
        expect(loss).toEqual(twin); // each batch is there as a whole, or not at all
        expect(new Set(loss).size * pointsPerBatch).toBe(loss.length); // and once
        for (const each of acknowledged) expect(loss).toContain(each);
        await client.close();
      } finally {
        await server?.close();
        await store?.close();
        unmount(folder);
      }
    },
    120_000,
  );
});

test.skipIf(noMount !== undefined)(
  noMount === undefined
    ? "an artifact for which there is no space is refused, and leaves nothing"
    : `an artifact for which there is no space is refused (${noMount})`,
  async () => {
    const folder = join(disk, "artifacts");
    mkdirSync(folder);
    mount("size=1m", folder);
    const store = await openStore(join(disk, "elsewhere"), { artifactRoot: "mlflow-artifacts:/" });
    const destination = join(folder, "files");
    const server = await TrackingServer.start({ store, port: 0, artifacts: { destination } });
    try {
      const put = (name: string, bytes: number) =>
        fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/${name}`, {
          method: "PUT",
          body: new Uint8Array(bytes).fill(7),
        });
      expect((await put("a.bin", 100_000)).status).toBe(200);
      for (const name of ["a.bin", "b.bin"]) {
        const refused = await put(name, 2_000_000);
        expect([refused.status, await refused.json()]).toEqual([
          503,
          { error_code: "TEMPORARILY_UNAVAILABLE", message: expect.stringMatching(/ENOSPC.*free space/) },
        ]);
      }
      expect(filesIn(destination)).toEqual(["a.bin"]);
      const kept = await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/a.bin`);
      expect((await kept.arrayBuffer()).byteLength).toBe(100_000);
      mount("remount,size=8m", folder);
      expect((await put("b.bin", 2_000_000)).status).toBe(200);
      expect(filesIn(destination)).toEqual(expect.arrayContaining(["a.bin", "b.bin"]));
    } finally {
      await server.close();
      await store.close();
      unmount(folder);
    }
  },
);

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [relative(folder, join(entry.parentPath, entry.name))] : [],
  );
}

const pointsPerBatch = 200;

function points(batch: number) {
  return Array.from({ length: pointsPerBatch }, (_, index) => index).flatMap((index) =>
    ["loss", "twin"].map((key) => ({
      key,
      value: batch,
      timestamp: 1,
      step: batch * pointsPerBatch + index,
    })),
  );
}

/** Returns for each point the batch that it came with. */
async function batchesOf(client: RestStore, runId: string, key: string): Promise<number[]> {
  const batches: number[] = [];
  let pageToken: string | undefined;
  do {
    const page = await client.metricHistory(runId, key, pageToken === undefined ? {} : { pageToken });
    batches.push(...page.map(({ step }) => Math.floor(step / pointsPerBatch)));
    pageToken = page.token;
  } while (pageToken !== undefined);
  return batches;
}

/** Makes a database whose tables stand on a disk of their own; the log of transactions stands elsewhere. */
async function databaseOn(folder: string): Promise<string> {
  execFileSync("chown", ["postgres", folder]);
  execFileSync("chmod", ["755", disk]);
  const uri = await postgres!.createDatabase();
  await runSql(uri, `CREATE TABLESPACE small LOCATION '${folder}'`);
  await runSql(uri, "CREATE DATABASE small TABLESPACE small");
  return uri.replace(/sconce_test_\w+/, "small");
}
