// What a store keeps of entities that were in another store: ids, times, and what no other call can bring about.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type StoreExporter, type StoreImporter, isExporter, isImporter } from "../../tracking/index.ts";
import {
  type Store,
  type StoreTest,
  invalidValue,
  newExperiment,
  newRun,
  point,
  refused,
  taken,
  uniqueName,
} from "./contract.ts";

/** Tests what a store does that can be copied from and to. */
export function transferContract(test: StoreTest): void {
  test("a run comes in with its id, times and points, into the trash too", async (opened) => {
    const store = transferring(opened);
    const experimentId = await newExperiment(store);
    const run = await store.getRun(await newRun(store, experimentId));
    const runId = randomBytes(16).toString("hex");
    const info = {
      ...run.info,
      runId,
      status: "KILLED",
      startTime: 12,
      endTime: 34,
      lifecycleStage: "deleted",
      artifactUri: "s3://elsewhere/x",
    } as const;
    const tags = { ...run.data.tags, "a/b": "c" };
    const params = { lr: "0.1" };
    const record = { run: { ...run, info, data: { ...run.data, params, tags } }, deletedTime: 56 };
    await store.importRuns([{ record, points: [point(NaN, { step: 2 }), point(0.5, { step: 1 })] }]);
    await store.importPoints(runId, [point(0.5, { step: 1 }), point(-Infinity, { step: 3 })]);
    const found = await store.getRun(runId);
    assert.deepEqual(found.info, info);
    assert.deepEqual(found.data.params, params);
    assert.deepEqual(found.data.tags, tags);
    assert.deepEqual(found.data.metrics, { loss: -Infinity });
    const values = (await store.metricHistory(runId, "loss")).map(({ value }) => value);
    assert.deepEqual(values, [0.5, NaN, -Infinity]);
    assert.deepEqual(await store.deletionTimes(experimentId), new Map([[runId, 56]]));
    assert((await store.deletedRunIds(56)).includes(runId));
    await refused(store.importRuns([{ record, points: [] }]), taken);
    await refused(store.importPoints(runId, [point(1, { key: "../x" })]), invalidValue);
    await store.restoreRun(runId);
    assert.equal((await store.getRun(runId)).info.lifecycleStage, "active");
  });

  test("a long curve comes in by parts, and one that comes again adds nothing", async (opened) => {
    const store = transferring(opened);
    const run = await store.getRun(await newRun(store));
    const runId = randomBytes(16).toString("hex");
    const curve = Array.from({ length: 3000 }, (_, step) => point(step / 7, { step }));
    const record = { run: { ...run, info: { ...run.info, runId } } };
    await store.importRuns([{ record, points: curve.slice(0, 1200) }]);
    await store.importPoints(runId, curve.slice(1000, 2500));
    await store.importPoints(runId, curve);
    assert.deepEqual([...(await store.metricHistory(runId, "loss"))], curve);
    await store.logBatch({ runId, metrics: [point(1, { step: 3000 })] });
    assert.equal((await store.getRun(runId)).data.metrics["loss"], 1);
  });

  test("runs come in together, and their points come out together, in order", async (opened) => {
    const store = transferring(opened);
    const experiments = [await newExperiment(store), await newExperiment(store)];
    const imports = [];
    // two keys whose order by UTF-16 is not that by code points
    const keys = ["loss", "\u{10400}", "\uFB01"];
    for (const [index, count] of [3, 0, 2, 1].entries()) {
      const run = await store.getRun(await newRun(store, experiments[index % 2]));
      const runId = randomBytes(16).toString("hex");
      const points = keys
        .slice(0, count)
        .flatMap((key) => [
          point(NaN, { key, step: 2, timestamp: 7 }),
          point(index, { key, step: 2, timestamp: 7 }),
          point(Infinity, { key, step: 2, timestamp: 6 }),
          point(index / 7, { key, step: -1, timestamp: 9 }),
        ]);
      imports.push({ record: { run: { ...run, info: { ...run.info, runId } } }, points });
    }
    await store.importRuns(imports);
    const runIds = imports.map(({ record }) => record.run.info.runId);
    const histories = await Promise.all(
      runIds.map(async (runId) => {
        const lists = await Promise.all(keys.toSorted().map((key) => store.metricHistory(runId, key)));
        return lists.flat();
      }),
    );
    assert.deepEqual(
      histories.map(({ length }) => length),
      [12, 0, 8, 4],
    );
    assert.deepEqual(await store.exportPoints(runIds), histories);
    assert.deepEqual(await store.exportPoints(runIds.toReversed()), histories.toReversed());
    assert.equal((await store.getRun(runIds[0]!)).data.latestMetrics.length, 3);
  });

  test("an experiment comes in with its id, and later ones get others", async (opened) => {
    const store = transferring(opened);
    const known = await store.getExperiment(await newExperiment(store));
    const experiment = {
      ...known,
      experimentId: String(1_000_000 + randomBytes(3).readUIntBE(0, 3)),
      name: uniqueName("imported"),
      lifecycleStage: "deleted",
      creationTime: 1,
      lastUpdateTime: 2,
      tags: { a: "b" },
    } as const;
    await store.importExperiment(experiment);
    assert.deepEqual(await store.getExperiment(experiment.experimentId), experiment);
    await refused(store.importExperiment(experiment), taken);
    await refused(store.importExperiment({ ...experiment, experimentId: "77777" }), taken, "a taken name");
    assert.notEqual(await newExperiment(store), experiment.experimentId);
    await store.restoreExperiment(experiment.experimentId);
  });

  test("a logged model comes in with all its points, and shows them when it is asked for all", async (opened) => {
    const store = transferring(opened);
    const experimentId = await newExperiment(store);
    const runId = await newRun(store, experimentId);
    const { metrics: _none, ...model } = await store.createLoggedModel({ experimentId, name: "kept" });
    const modelId = `m-${randomBytes(16).toString("hex")}`;
    const moved = {
      ...model,
      modelId,
      status: "READY",
      creationTimestamp: 3,
      lastUpdatedTimestamp: 4,
      tags: { a: "b" },
      params: { lr: "1" },
    } as const;
    const points = [1, 2].map((step) => ({ ...point(step, { step, timestamp: step }), modelId, runId }));
    await store.importLoggedModel({ model: moved, lifecycleStage: "active", points });
    assert.deepEqual(await store.getLoggedModel(modelId), { ...moved, metrics: [points[1]] });
    await store.deleteLoggedModel(model.modelId);
    const all = await store.exportLoggedModels(experimentId);
    assert.deepEqual(
      all.map((record) => [record.model.modelId, record.lifecycleStage, record.points.length]),
      [
        [model.modelId, "deleted", 0],
        [modelId, "active", 2],
      ].toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
    );
    assert.deepEqual(await store.exportLoggedModels(experimentId, all.at(-1)!.model.modelId), []);
    await refused(store.importLoggedModel({ model: moved, lifecycleStage: "active", points }), taken);
  });

  test("a registered model comes in with numbers, stages and history, and counts on", async (opened) => {
    const store = transferring(opened);
    const name = uniqueName("imported");
    const times = { creationTimestamp: 1, lastUpdatedTimestamp: 2 };
    const version = {
      name,
      version: 3,
      source: "/some/folder",
      storageLocation: "/some/folder",
      userId: "ann",
      status: "READY",
      currentStage: "Own stage",
      ...times,
      tags: { a: "b" },
      aliases: ["champion"],
    } as const;
    const record = {
      model: { name, description: "d", ...times, tags: { t: "1" }, aliases: { champion: 3 } },
      versions: [{ ...version, aliases: [...version.aliases] }],
      lastVersion: 5,
      history: [
        {
          timestamp: 9,
          kind: "stage",
          name: "Own stage",
          version: 3,
          previous: "None",
          userId: "ann",
          evidence: { f1: 0.5 },
        },
        { timestamp: 9, kind: "alias", name: "champion", version: 3, userId: "", evidence: {} },
      ] as const,
    };
    await store.importRegisteredModel({ ...record, history: [...record.history] });
    assert.deepEqual(await store.exportRegisteredModel(name), record);
    assert.deepEqual(await store.getModelVersionByAlias(name, "champion"), version);
    assert.equal((await store.createModelVersion({ name, source: "/other" })).version, 6);
    await refused(store.importRegisteredModel({ ...record, history: [] }), taken);
  });
}

function transferring(store: Store): Store & StoreExporter & StoreImporter {
  assert(isExporter(store) && isImporter(store), "the store must be one that is copied from and to");
  return store;
}
