// Webhooks of the REST API: MLflow's client sees no difference between MLflow's server and ours, and neither do receivers;
// and each server reads what the other has kept, secrets included.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrackingServer, keepsWebhooks, openStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openSecret } from "../../../src/tracking/webhooks/secret.ts";
import { type MongoTestServer, mongoSkipReason, startMongo } from "../../mongo.ts";
import { type PostgresServer, postgresSkipReason, startPostgres } from "../../postgres.ts";
import { startMlflowServer } from "../mlflow-server.ts";
import { compatPython, compatSkipReason, runPythonBeside } from "../python.ts";

const script = readFileSync(new URL("./webhooks_client.py", import.meta.url), "utf8");
const key = randomBytes(32).toString("base64url") + "=";
const env = {
  MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: "true",
  MLFLOW_WEBHOOK_ALLOWED_SCHEMES: "http,https",
  MLFLOW_WEBHOOK_CACHE_TTL: "1",
  MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES: "0",
  MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: key,
};
const toldCalls = 17;

/** Reads webhooks of a database as MLflow does, and adds one. */
const readAndAdd = `
import json, sys
from mlflow.entities.webhook import WebhookEvent
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
store = SqlAlchemyStore(sys.argv[1])
read = [(w.name, w.secret, [str(e) for e in w.events], str(w.status)) for w in store.list_webhooks()]
store.create_webhook("theirs", "http://127.0.0.1:9/theirs", [WebhookEvent.from_str("prompt.created")], secret="wüsp")
print(json.dumps(read))
`;

describe.skipIf(compatSkipReason !== undefined)(`webhooks (${compatSkipReason ?? "on"})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  let expected: Record<string, unknown>;
  let postgres: PostgresServer | undefined;
  let mongo: MongoTestServer | undefined;

  beforeAll(async () => {
    compatPython();
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", "127.0.0.1");
    if (postgresSkipReason === undefined) postgres = await startPostgres();
    if (mongoSkipReason === undefined) mongo = await startMongo();
    const theirs = await startMlflowServer(folder);
    expected = (await answersOf(theirs.url, "2")) as Record<string, unknown>;
    await theirs.stop();
  }, 900_000);

  afterAll(async () => {
    await Promise.all([postgres?.stop(), mongo?.stop()]);
    vi.unstubAllEnvs();
  });

  for (const [name, reason, newUri] of [
    ["SQLite", undefined, async () => `sqlite:///${join(mkdtempSync(join(folder, "s-")), "ours.db")}`],
    ["PostgreSQL", postgresSkipReason, () => postgres!.createDatabase()],
    ["MongoDB", mongoSkipReason, async () => mongo!.newDatabase()],
  ] as const) {
    test.skipIf(reason !== undefined)(
      `MLflow's client and its receivers see no difference on ${name} (${reason ?? "on"})`,
      async () => {
        const store = await openStore(await newUri(), { artifactRoot: "mlflow-artifacts:/" });
        const server = await TrackingServer.start({ store, port: 0 });
        try {
          const answers = (await answersOf(server.url, "0")) as Record<string, unknown>;
          expect(answers).toEqual(expected);
          expect(answers["told"]).toHaveLength(toldCalls);
        } finally {
          await server.close();
          await store.close();
        }
      },
      300_000,
    );
  }

  test("secrets and webhooks that one keeps in SQLite are the other's too", async () => {
    const uri = `sqlite:///${join(folder, "shared.db")}`;
    const store = await openStore(uri);
    if (!keepsWebhooks(store)) throw new Error("SQLite must keep webhooks");
    const { webhooks } = store;
    await webhooks.createWebhook({
      name: "ours",
      url: "http://127.0.0.1:9/ours",
      events: ["prompt.created", "model_version_tag.set"],
      secret: "hüsh",
      status: "DISABLED",
    });
    expect(await runPythonBeside(readAndAdd, uri)).toEqual([
      ["ours", "hüsh", ["model_version_tag.set", "prompt.created"], "DISABLED"],
    ]);
    const [theirs] = await webhooks.webhooksAskingFor(["prompt.created"]);
    expect(theirs).toMatchObject({ name: "theirs", events: ["prompt.created"], status: "ACTIVE" });
    expect(openSecret(theirs!.sealedSecret!)).toBe("wüsp");
    await store.close();
  }, 120_000);

  async function answersOf(url: string, waitSeconds: string): Promise<unknown> {
    return runPythonBeside(script, url, String(await freePort()), waitSeconds, String(toldCalls));
  }
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
