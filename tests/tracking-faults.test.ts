// A tracking server that is killed again and again while a run logs: what was logged is there once, and training goes on.
// SCONCE_KILLS sets how often; `npm run test:soak` takes 200.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Rng, logger } from "../src/base/index.ts";
import { ActiveRun, RestStore, SqliteStore, eachPage } from "../src/tracking/index.ts";
import type { Metric } from "../src/tracking/index.ts";

const sconce = fileURLToPath(new URL("../bin/sconce", import.meta.url));
const kills = Number(process.env["SCONCE_KILLS"] ?? 10);

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

async function startServer(database: string, port: number): Promise<ChildProcess> {
  const words = ["server", "--backend-store-uri", `sqlite:///${database}`, "--port", String(port)];
  const child = spawn(sconce, words, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  await once(child.stdout!, "data");
  return child;
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  process.kill(-child.pid!, signal);
  await once(child, "close");
}

test(
  `a server that is killed ${kills} times costs neither a value nor the run`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "sconce-"));
    const database = join(folder, "mlflow.db");
    const port = await freePort();
    let server = await startServer(database, port);
    const store = RestStore.open(`http://127.0.0.1:${port}`, { timeoutMs: 2000, retries: 0 });
    const quiet = logger.addSink(() => {});
    const run = await ActiveRun.start({
      store,
      experimentName: "faults",
      flushIntervalMs: 5,
      journalFolder: join(folder, "journal"),
    });
    let step = 0;
    let logging = true;
    const log = async (): Promise<void> => {
      for (; logging; step++) {
        run.logMetrics({ loss: step, accuracy: -step }, step);
        await sleep(1);
      }
    };
    const logged = log();
    const rng = new Rng(1);
    for (let count = 0; count < kills; count++) {
      await sleep(rng.below(150));
      await kill(server, "SIGKILL");
      await sleep(rng.below(30));
      server = await startServer(database, port);
    }
    logging = false;
    await logged;
    // the writer waits longer after each failure; what is pending is asked for until it is through
    await expect
      .poll(
        () =>
          run.flush().then(
            () => run.pending,
            () => run.pending,
          ),
        { timeout: 60_000 },
      )
      .toBe(0);
    expect(await run.end()).toEqual({ unwritten: 0 });
    expect(readdirSync(join(folder, "journal"))).toEqual([]);
    await store.close();
    await kill(server, "SIGTERM");
    quiet();

    const direct = await SqliteStore.open({ path: database });
    expect((await direct.getRun(run.runId)).info.status).toBe("FINISHED");
    for (const [key, sign] of [
      ["loss", 1],
      ["accuracy", -1],
    ] as const) {
      const points: Metric[] = [];
      const search = (pageToken: string | undefined) =>
        direct.metricHistory(run.runId, key, pageToken === undefined ? {} : { pageToken });
      for await (const point of eachPage(search)) points.push(point);
      expect(points.map((point) => point.step)).toEqual(Array.from({ length: step }, (_, index) => index));
      expect(points.every((point) => point.value === sign * point.step)).toBe(true);
    }
    await direct.close();
  },
  60_000 + kills * 5000,
);
