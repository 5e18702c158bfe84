// The contract of what runs log: batches, params, metrics and their histories.
import assert from "node:assert/strict";
import { type Store, type StoreTest, invalidValue, newRun, point, refused } from "./contract.ts";

const history = async (store: Store, runId: string, key = "loss") =>
  (await store.metricHistory(runId, key)).map(({ value, step, timestamp }) => [value, step, timestamp]);

export function batchContract(test: StoreTest): void {
  test("a batch is written whole", async (store) => {
    const runId = await newRun(store);
    await store.logBatch({
      runId,
      metrics: [point(0.5, { step: 1, timestamp: 7 }), point(3, { key: "val/f1", step: -2 })],
      params: [{ key: "optimizer.lr", value: "0.1" }],
      tags: [{ key: "note", value: "x" }],
    });
    const { data } = await store.getRun(runId);
    assert.deepEqual(data.params, { "optimizer.lr": "0.1" });
    assert.deepEqual(data.metrics, { loss: 0.5, "val/f1": 3 });
    assert.deepEqual(data.latestMetrics, [
      { key: "loss", value: 0.5, timestamp: 7, step: 1 },
      { key: "val/f1", value: 3, timestamp: 1000, step: -2 },
    ]);
    assert.equal(data.tags["note"], "x");
  });

  test("NaN and the infinities come back as they went in", async (store) => {
    const runId = await newRun(store);
    const values = [NaN, Infinity, -Infinity, -0.5, 1e-300, Number.MIN_VALUE];
    await store.logBatch({ runId, metrics: values.map((value, step) => point(value, { step })) });
    assert.deepEqual(
      (await store.metricHistory(runId, "loss")).map(({ value }) => value),
      values,
    );
    for (const value of [NaN, Infinity, -Infinity]) {
      await store.logBatch({ runId, metrics: [point(value, { step: 100, key: String(value) })] });
      assert.deepEqual((await store.getRun(runId)).data.metrics[String(value)], value);
    }
  });

  test("the latest metric has the largest step, then time, then value, whatever came last", async (store) => {
    const runId = await newRun(store);
    const latest = async () => (await store.getRun(runId)).data.metrics["loss"];
    await store.logBatch({ runId, metrics: [point(1, { step: 5 }), point(2, { step: 4 })] });
    assert.equal(await latest(), 1);
    await store.logBatch({ runId, metrics: [point(3, { step: 3, timestamp: 9999 })] });
    assert.equal(await latest(), 1, "an older step does not replace it");
    await store.logBatch({ runId, metrics: [point(4, { step: 5, timestamp: 1001 })] });
    assert.equal(await latest(), 4, "a later time of the same step does");
    await store.logBatch({ runId, metrics: [point(3.5, { step: 5, timestamp: 1001 })] });
    assert.equal(await latest(), 4, "a smaller value at the same time does not");
    await store.logBatch({ runId, metrics: [point(5, { step: 5, timestamp: 1001 })] });
    assert.equal(await latest(), 5, "a larger value does");
  });

  test("a point that is there already is no error and is not doubled", async (store) => {
    const runId = await newRun(store);
    await store.logBatch({ runId, metrics: [point(1), point(1), point(NaN), point(NaN)] });
    await store.logBatch({ runId, metrics: [point(1), point(2)] });
    assert.deepEqual(await history(store, runId), [
      [NaN, 0, 1000],
      [1, 0, 1000],
      [2, 0, 1000],
    ]);
  });

  test("a param keeps its value: the same again is no error, another is refused", async (store) => {
    const runId = await newRun(store);
    const lr = (value: string) => store.logBatch({ runId, params: [{ key: "lr", value }] });
    await lr("0.1");
    await lr("0.1");
    await refused(lr("0.2"), invalidValue);
    const twice = ["1", "2"].map((value) => ({ key: "twice", value }));
    await refused(store.logBatch({ runId, params: twice }), invalidValue);
    assert.deepEqual((await store.getRun(runId)).data.params, { lr: "0.1" });
  });

  test("a batch with one bad part writes nothing", async (store) => {
    const runId = await newRun(store);
    await store.logBatch({ runId, params: [{ key: "lr", value: "0.1" }] });
    const rest = {
      metrics: [point(1)],
      params: [{ key: "fine", value: "1" }],
      tags: [{ key: "fine", value: "1" }],
    };
    const before = await store.getRun(runId);
    const bad = [
      { ...rest, params: [...rest.params, { key: "lr", value: "0.2" }] },
      { ...rest, metrics: [...rest.metrics, point(1, { key: "bad?" })] },
      { ...rest, metrics: [...rest.metrics, point(1, { step: 0.5 })] },
      { ...rest, metrics: [...rest.metrics, point(1, { timestamp: -1 })] },
      { ...rest, tags: [...rest.tags, { key: "a/../b", value: "1" }] },
      { ...rest, params: [...rest.params, { key: "", value: "1" }] },
      { ...rest, params: [...rest.params, { key: "x".repeat(251), value: "1" }] },
    ];
    for (const [i, batch] of bad.entries()) {
      await refused(store.logBatch({ runId, ...batch }), invalidValue, `batch ${i}`);
    }
    assert.deepEqual(await store.getRun(runId), before);
    assert.deepEqual(await history(store, runId), []);
  });

  test("a batch has MLflow's limits, and values that are too long are cut", async (store) => {
    const runId = await newRun(store);
    const many = (count: number) => Array.from({ length: count }, (_, i) => i);
    const metrics = (count: number) => many(count).map((step) => point(step, { step }));
    const entries = (count: number) => many(count).map((i) => ({ key: `k${i}`, value: "v" }));
    await store.logBatch({ runId, metrics: metrics(1000) });
    await store.logBatch({ runId, params: entries(100), tags: entries(100) });
    await refused(store.logBatch({ runId, metrics: metrics(1001) }), invalidValue, "metrics");
    await refused(store.logBatch({ runId, params: entries(101) }), invalidValue, "params");
    await refused(store.logBatch({ runId, tags: entries(101) }), invalidValue, "tags");
    await refused(store.logBatch({ runId, metrics: metrics(950), tags: entries(100) }), invalidValue, "all");
    assert.equal((await store.metricHistory(runId, "loss")).length, 1000);
    await store.logBatch({
      runId,
      params: [{ key: "long", value: "x".repeat(6001) }],
      tags: [{ key: "long", value: "y".repeat(8001) }],
    });
    const { params, tags } = (await store.getRun(runId)).data;
    assert.deepEqual([params["long"]?.length, tags["long"]?.length], [6000, 8000]);
  });

  test("a history is in order of step, then time, then value", async (store) => {
    const runId = await newRun(store);
    await store.logBatch({
      runId,
      metrics: [
        point(1, { step: 2 }),
        point(2, { step: -1 }),
        point(4, { step: 1, timestamp: 5 }),
        point(3, { step: 1, timestamp: 5 }),
        point(9, { step: 1, timestamp: 4 }),
        point(7, { key: "other" }),
      ],
    });
    assert.deepEqual(await history(store, runId), [
      [2, -1, 1000],
      [9, 1, 4],
      [3, 1, 5],
      [4, 1, 5],
      [1, 2, 1000],
    ]);
    assert.deepEqual(await history(store, runId, "unknown"), []);
  });

  test("a history is read page by page, and points that come meanwhile are not missed nor doubled", async (store) => {
    const runId = await newRun(store);
    const steps = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => point(i, { step: from + i }));
    await store.logBatch({ runId, metrics: [...steps(0, 10), point(NaN, { step: 3 })] });
    const seen: number[] = [];
    let pageToken: string | undefined;
    do {
      const page = await store.metricHistory(runId, "loss", {
        maxResults: 4,
        ...(pageToken !== undefined && { pageToken }),
      });
      assert(page.length <= 4);
      seen.push(...page.map(({ step }) => step));
      if (pageToken === undefined) await store.logBatch({ runId, metrics: steps(10, 13) });
      pageToken = page.token;
    } while (pageToken !== undefined);
    assert.deepEqual(seen, [0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await refused(store.metricHistory(runId, "loss", { maxResults: 0 }), invalidValue);
    await refused(store.metricHistory(runId, "loss", { pageToken: "?" }), invalidValue);
  });

  test("histories of several runs are thinned, keeping the first and the last point of each", async (store) => {
    const [first, second] = [await newRun(store), await newRun(store)];
    await store.logBatch({
      runId: first,
      metrics: Array.from({ length: 100 }, (_, step) => point(step / 2, { step })),
    });
    await store.logBatch({ runId: second, metrics: [point(1), point(NaN, { step: 1 })] });
    const runIds = [first, second];
    const points = await store.metricHistories({ runIds, key: "loss", maxResults: 10 });
    const ofFirst = points.filter(({ runId }) => runId === first);
    assert.equal(ofFirst.length, 10);
    assert.deepEqual([ofFirst[0]?.step, ofFirst.at(-1)?.step], [0, 99]);
    const gaps = ofFirst.slice(1).map(({ step }, i) => step - ofFirst[i]!.step);
    assert(Math.max(...gaps) <= 20, `the points are spread evenly, got gaps ${gaps.join(", ")}`);
    assert.deepEqual(points.slice(10), [
      { ...point(1), runId: second },
      { ...point(NaN, { step: 1 }), runId: second },
    ]);
    const part = await store.metricHistories({ runIds: [first], key: "loss", startStep: 10, endStep: 12 });
    assert.deepEqual(
      part.map(({ step }) => step),
      [10, 11, 12],
    );
    assert.equal((await store.metricHistories({ runIds, key: "loss" })).length, 102);
    assert.deepEqual(await store.metricHistories({ runIds, key: "unknown" }), []);
  });

  test("as many points at one step as one likes are thinned too", async (store) => {
    const runId = await newRun(store);
    await store.logBatch({
      runId,
      metrics: Array.from({ length: 200 }, (_, i) => point(i, { timestamp: i })),
    });
    const points = await store.metricHistories({ runIds: [runId], key: "loss", maxResults: 20 });
    assert.equal(points.length, 20);
    assert.deepEqual([points[0]?.value, points.at(-1)?.value], [0, 199]);
  });
}
