// The contract of every store, kept over HTTP: the REST store on our server on SQLite.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { describeRegistryStore, describeTrackingStore } from "../../../testing/store-contract/index.ts";
import { TrackingServer } from "../../server/server.ts";
import { SqliteStore } from "../sql/sqlite-store.ts";
import { RestStore } from "./rest-store.ts";

const path = join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db");
const servers = new Map<string, { store: SqliteStore; server: TrackingServer }>();

/** Opens a client of a server whose store knows these stages. */
async function open(options: { stages?: readonly string[] } = {}): Promise<RestStore> {
  const key = JSON.stringify(options);
  let running = servers.get(key);
  if (running === undefined) {
    const store = await SqliteStore.open({ path, ...options });
    running = { store, server: await TrackingServer.start({ store, port: 0 }) };
    servers.set(key, running);
  }
  return RestStore.open(running.server.url);
}

afterAll(async () => {
  for (const { store, server } of servers.values()) {
    await server.close();
    await store.close();
  }
});

describeTrackingStore("RestStore", open, { runner: { describe, test }, lacks: ["transfer"] });
describeRegistryStore("RestStore", open, { runner: { describe, test }, lacks: ["webhookCalls"] });
