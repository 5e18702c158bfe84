// What live views see: each change once, over connections that break, and nobody more than their share.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { EventViewer } from "../../../tests/fixtures/event-viewer.ts";
import { ServerWithUsers } from "../../../tests/fixtures/server-with-users.ts";
import { sendJson } from "../../../tests/raw-request.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { ChangeFeed } from "./change-feed.ts";
import type { Change } from "./change-feed.ts";
import { TrackingServer } from "./server.ts";

let folder: string;
let store: SqliteStore;
let server: TrackingServer;
const viewers: EventViewer[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sconce-events-"));
  store = await SqliteStore.open({ path: join(folder, "mlflow.db") });
  server = await TrackingServer.start({ store, port: 0 });
});
afterEach(() => viewers.splice(0).forEach((viewer) => viewer.close()));
afterAll(async () => {
  await server.close({ graceMs: 100 });
  await store.close();
  rmSync(folder, { recursive: true });
});

async function view(query: string, to: { url: string; headers?: Record<string, string> } = server) {
  const viewer = new EventViewer(to.url, query, to.headers);
  viewers.push(viewer);
  return viewer.connect();
}

async function newRun(): Promise<string> {
  const answer = await sendJson(server.url, "POST", "/api/2.0/mlflow/runs/create", { body: {} });
  return (answer.body as { run: { info: { run_id: string } } }).run.info.run_id;
}

async function log(runId: string, step: number, count = 1): Promise<number> {
  const metrics = Array.from({ length: count }, (_, i) => ({
    key: count === 1 ? "loss" : `loss${"_of_a_long_name".repeat(15)}`,
    value: step === 3 ? "NaN" : step / 8,
    timestamp: 1_000 + step,
    step: count === 1 ? step : step * 1000 + i,
  }));
  const startedAt = performance.now();
  const body = { run_id: runId, metrics };
  const { status } = await sendJson(server.url, "POST", "/api/2.0/mlflow/runs/log-batch", { body });
  expect(status).toBe(200);
  return performance.now() - startedAt;
}

test("points come with their changes where they are asked for", async () => {
  const runId = await newRun();
  const [full, bare] = [await view(`kind=run&id=${runId}&points=true`), await view(`id=${runId}`)];
  await log(runId, 2);
  await log(runId, 3);
  await vi.waitFor(() => expect([full.seen.length, bare.seen.length]).toEqual([2, 2]));
  const [point] = full.seen[0]!.data.metrics!;
  expect(point).toEqual({ key: "loss", value: 0.25, timestamp: 1002, step: 2 });
  expect(full.seen[1]!.data.metrics![0]!.value).toBe("NaN");
  expect(bare.seen[0]!.data).toEqual({ kind: "run", id: runId });
});

test("a view that comes back misses nothing and sees nothing twice, whenever it was cut off", async () => {
  const [runId, other] = [await newRun(), await newRun()];
  const viewer = await view(`id=${runId}&points=true`);
  viewer.close(); // before the first event
  for (let step = 1; step <= 12; step++) {
    await log(runId, step);
    await log(other, step);
    if (step % 3 === 0) await viewer.connect();
    if (step % 3 === 1) viewer.close();
  }
  const expected = Array.from({ length: 12 }, (_, i) => `loss@${i + 1}`);
  await vi.waitFor(() => expect(viewer.points).toEqual(expected));
  expect(viewer.seen.every(({ event }) => event === "run")).toBe(true);
});

test("a view of a server that ran before is told to read anew", async () => {
  const viewer = new EventViewer(server.url, "kind=run");
  viewers.push(viewer);
  for (const id of ["0123456789ab-7", "nonsense", `${"9".repeat(400)}-1`]) {
    viewer.lastEventId = id;
    await viewer.connect();
    await vi.waitFor(() => expect(viewer.seen.at(-1)?.event).toBe("reset"));
    viewer.close();
  }
  expect(viewer.lastEventId).toMatch(/^[0-9a-f]{12}-\d+$/);
});

test("the feed keeps a bounded number of changes and points, and says when they are gone", () => {
  const feed = new ChangeFeed({ maxChanges: 3, maxPoints: 4 });
  const since = (id: string) => {
    const seen: string[] = [];
    for (let next = feed.next(id); next !== undefined; next = feed.next(next.eventId))
      seen.push(next.change.kind === "reset" ? "reset" : next.change.id);
    return seen;
  };
  const points = (count: number) =>
    Array.from({ length: count }, (_, step) => ({ key: "a", value: 0, timestamp: 0, step }));
  const ids = [feed.lastEventId];
  const publish = (id: string, count = 0) => {
    const change: Change = { kind: "run", id, metrics: points(count) };
    feed.publish(change);
    ids.push(feed.lastEventId);
  };
  for (const id of ["a", "b", "c", "d"]) publish(id);
  expect(ids.map(since)).toEqual([["reset"], ["b", "c", "d"], ["c", "d"], ["d"], []]);
  publish("e", 3);
  publish("f", 3);
  expect(ids.slice(-3).map(since)).toEqual([["reset"], ["f"], []]);
  expect(since(`${ids[0]!.split("-")[0]}-99`)).toEqual(["reset"]);
});

test("nobody may have more views than their share, and those that close make room", async () => {
  const own = await Promise.all(Array.from({ length: 32 }, () => view("kind=experiment")));
  const refused = await view("kind=experiment");
  expect(refused.status).toBe(429);
  expect(JSON.parse(refused.refusal)).toEqual({
    error_code: "RESOURCE_EXHAUSTED",
    message: expect.stringMatching(
      /^events: (::ffff:)?127\.0\.0\.1 has 32 views open, and nobody may have more than 32\. Close some\.$/,
    ) as string,
  });
  own[0]!.close();
  await vi.waitFor(async () => expect((await view("kind=experiment")).status).toBe(200));
});

test("on a server with users each has a share of their own, and sees after a break only what they may", async () => {
  const secured = await ServerWithUsers.start();
  try {
    const [ada, bob] = [await secured.addUser("ada"), await secured.addUser("bob")];
    const as = (user: string) => ({ url: secured.server.url, headers: secured.signIn(user) });
    for (let i = 0; i < 32; i++) await view("kind=run", as(ada));
    const refused = await view("kind=run", as(ada));
    expect([refused.status, refused.refusal]).toEqual([
      429,
      expect.stringContaining('user \\"ada\\" has 32'),
    ]);
    const viewer = await view("kind=experiment", as(bob));
    expect(viewer.status).toBe(200);
    viewer.close();
    const make = (user: string, name: string) =>
      secured.send("POST", "/api/2.0/mlflow/experiments/create", { user, body: { name } });
    const [, made] = [await make("root", "hidden"), await make(bob, "open")];
    await viewer.connect();
    const { experiment_id } = made.body as { experiment_id: string };
    await vi.waitFor(() => expect(viewer.seen.map(({ data }) => data.id)).toEqual([experiment_id]));
  } finally {
    viewers.splice(0).forEach((viewer) => viewer.close());
    await secured.close();
  }
});

test("a view that does not read slows nobody down, and sees it all when it does", async () => {
  const runId = await newRun();
  const [batches, points] = [60, 400];
  const alone: number[] = [];
  for (let step = 0; step < 10; step++) alone.push(await log(runId, step, points));
  const [hanging, reading] = [await view(`id=${runId}&points=true`), await view(`id=${runId}&points=true`)];
  hanging.hang();
  const beside: number[] = [];
  for (let step = 10; step < 10 + batches; step++) beside.push(await log(runId, step, points));
  const median = (times: number[]) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  expect(median(beside)).toBeLessThan(3 * median(alone) + 20);
  await vi.waitFor(() => expect(reading.seen).toHaveLength(batches));
  expect(hanging.seen.length).toBeLessThan(batches);
  hanging.resume();
  await vi.waitFor(() => expect(hanging.seen).toHaveLength(batches), { timeout: 10_000 });
  expect(hanging.points).toEqual(reading.points);
});
