import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { startReceiver } from "../../../tests/webhook-receiver.ts";
import { notificationEvents } from "../../base/index.ts";
import { ActiveRun, RestStore, SqliteStore, TrackingServer, repairRuns } from "../index.ts";
import type { Store } from "../index.ts";
import { Notifier } from "./notifier.ts";
import { notifyingStore } from "./notifying-store.ts";

interface Told {
  entity: string;
  action: string;
  data: Record<string, unknown>;
}

const receiver = await startReceiver();
vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", receiver.host);
afterAll(() => receiver.close());

/** Does something with a store that tells everything, and returns what was told. */
async function toldOf(work: (store: Store) => Promise<void>): Promise<Told[]> {
  receiver.calls.length = 0;
  const path = join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db");
  const on = notificationEvents.filter((event) => event !== "alias_changed");
  const notifier = new Notifier([{ on, webhook: receiver.url }]);
  const store = notifyingStore(await SqliteStore.open({ path }), notifier);
  await work(store);
  await store.close(); // waits until all is told
  return receiver.calls.map(({ body }) => {
    const { entity, action, data } = JSON.parse(body) as Told;
    return { entity, action, data };
  });
}

/** The same through a server, which tells of what its clients do. */
function toldByServer(work: (client: Store) => Promise<void>): Promise<Told[]> {
  return toldOf(async (store) => {
    const artifacts = { destination: mkdtempSync(join(tmpdir(), "sconce-")) };
    const server = await TrackingServer.start({ store, port: 0, artifacts });
    const client = RestStore.open(server.url);
    await work(client);
    await client.close();
    await server.close();
  });
}

async function endRuns(store: Store): Promise<void> {
  const start = (runName: string) =>
    ActiveRun.start({ store, experimentName: "told", runName, journalFolder: false });
  await (await start("good")).end();
  const bad = await start("bad");
  await bad.fail(new RangeError("out of range"));
  await store.updateRun({ runId: bad.runId, status: "FAILED" }); // a client that repeats itself
  await store.updateRun({ runId: bad.runId, runName: "renamed" });
}

const endings: Told[] = [
  {
    entity: "run",
    action: "finished",
    data: expect.objectContaining({
      run_name: "good",
      status: "FINISHED",
      experiment_name: "told",
      error: null,
    }),
  },
  {
    entity: "run",
    action: "failed",
    data: expect.objectContaining({
      run_name: "bad",
      status: "FAILED",
      reason: "out of range",
      error: "RangeError: out of range",
      end_time: expect.any(Number),
    }),
  },
];

test("the end of a run is told once, with its error", async () => {
  expect(await toldOf(endRuns)).toEqual(endings);
});

test("a server tells of the runs of its clients", async () => {
  expect(await toldByServer(endRuns)).toEqual(endings);
});

test("a run whose process died is told when that is found out", async () => {
  const told = await toldOf(async (store) => {
    const tags = {
      "sconce.host": "elsewhere",
      "sconce.pid": "7",
      "sconce.lease_ms": "1",
      "sconce.lease_until": "1",
    };
    await store.createRun({ experimentId: "0", runName: "dead", tags });
    await repairRuns(store, { end: { pid: 7, exitCode: null, signal: "SIGKILL" } });
  });
  expect(told).toEqual([
    {
      entity: "run",
      action: "killed",
      data: expect.objectContaining({
        run_name: "dead",
        status: "KILLED",
        signal: "SIGKILL",
        reason: "process 7 on elsewhere was ended by SIGKILL",
      }),
    },
  ]);
});

async function changeRegistry(store: Store): Promise<void> {
  await store.createRegisteredModel({ name: "spam", tags: { a: "b" }, description: "mails" });
  await store.createModelVersion({ name: "spam", source: "s3://bucket/model", tags: { c: "d" } });
  await store.setModelVersionTags("spam", 1, { checked: "yes" });
  await store.deleteModelVersionTag("spam", 1, "checked");
  await store.setModelAlias("spam", "champion", 1);
  await store.deleteModelAlias("spam", "champion");
  await store.transitionStage({ name: "spam", version: 1, stage: "Production" });
  await expect(store.transitionStage({ name: "spam", version: 9, stage: "Staging" })).rejects.toThrow();
  await expect(store.createRegisteredModel({ name: "spam" })).rejects.toThrow();
  await store.createRegisteredModel({ name: "greeting", tags: { "mlflow.prompt.is_prompt": "true" } });
}

test.each([
  ["a store", toldOf],
  ["a server", toldByServer],
])(
  "changes of the registry through %s are told as MLflow tells them; what failed, and prompts, are not",
  async (_, told) => {
    expect(await told(changeRegistry)).toEqual([
      {
        entity: "registered_model",
        action: "created",
        data: { name: "spam", tags: { a: "b" }, description: "mails" },
      },
      {
        entity: "model_version",
        action: "created",
        data: {
          name: "spam",
          version: "1",
          source: "s3://bucket/model",
          run_id: null,
          tags: { c: "d" },
          description: null,
        },
      },
      {
        entity: "model_version_tag",
        action: "set",
        data: { name: "spam", version: "1", key: "checked", value: "yes" },
      },
      {
        entity: "model_version_tag",
        action: "deleted",
        data: { name: "spam", version: "1", key: "checked" },
      },
      {
        entity: "model_version_alias",
        action: "created",
        data: { name: "spam", alias: "champion", version: "1" },
      },
      { entity: "model_version_alias", action: "deleted", data: { name: "spam", alias: "champion" } },
      {
        entity: "model_version_stage",
        action: "set",
        data: expect.objectContaining({
          name: "spam",
          version: "1",
          stage: "Production",
          previous_stage: "None",
        }),
      },
    ]);
  },
);
