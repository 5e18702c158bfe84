// The contract of logged models.
import assert from "node:assert/strict";
import type { SearchLoggedModelsInput } from "../../tracking/index.ts";
import {
  type Store,
  type StoreTest,
  invalidValue,
  newExperiment,
  newRun,
  nextMillisecond,
  notThere,
  point,
  refused,
} from "./contract.ts";

export function loggedModelContract(test: StoreTest): void {
  test("a logged model is pending until it is finalized", async (store) => {
    const experimentId = await newExperiment(store);
    const { artifactLocation } = await store.getExperiment(experimentId);
    const sourceRunId = await newRun(store, experimentId);
    const input = {
      experimentId,
      name: "first",
      modelType: "transformers",
      sourceRunId,
      tags: { a: "b" },
      params: { lr: "1" },
    };
    const model = await store.createLoggedModel(input);
    assert.match(model.modelId, /^m-[0-9a-f]{32}$/);
    const { modelId, creationTimestamp, lastUpdatedTimestamp, ...rest } = model;
    assert.deepEqual(rest, {
      ...input,
      status: "PENDING",
      artifactLocation: `${artifactLocation}/models/${modelId}/artifacts`,
      metrics: [],
    });
    assert.equal(creationTimestamp, lastUpdatedTimestamp);
    await nextMillisecond();
    const ready = await store.finalizeLoggedModel(modelId, "READY");
    assert.equal(ready.status, "READY");
    assert(ready.lastUpdatedTimestamp > creationTimestamp);
    assert.deepEqual(await store.getLoggedModel(modelId), ready);
    assert((await store.createLoggedModel({ experimentId })).name.length > 3, "a name by chance");
  });

  test("what does not exist, has a bad name or belongs to a deleted experiment is refused", async (store) => {
    const experimentId = await newExperiment(store);
    const missing = `m-${"0".repeat(32)}`;
    await refused(store.getLoggedModel(missing), notThere);
    await refused(store.finalizeLoggedModel(missing, "READY"), notThere);
    await refused(store.deleteLoggedModel(missing), notThere);
    await refused(store.setLoggedModelTags(missing, { a: "b" }), notThere);
    await refused(store.deleteLoggedModelTag(missing, "a"), notThere);
    await refused(store.logLoggedModelParams(missing, [{ key: "a", value: "b" }]), notThere);
    await refused(store.createLoggedModel({ experimentId: "999999999" }), notThere);
    for (const name of ["", "a/b", "a:b", "a.b", "50%"]) {
      await refused(store.createLoggedModel({ experimentId, name }), invalidValue, name);
    }
    await store.deleteExperiment(experimentId);
    await refused(store.createLoggedModel({ experimentId }), invalidValue);
  });

  test("tags are written over and removed, params keep their values", async (store) => {
    const experimentId = await newExperiment(store);
    const { modelId } = await store.createLoggedModel({ experimentId, tags: { a: "1", b: "2" } });
    await store.setLoggedModelTags(modelId, { a: "3", c: "4" });
    await store.deleteLoggedModelTag(modelId, "b");
    await refused(store.deleteLoggedModelTag(modelId, "b"), notThere);
    const lr = (value: string) => store.logLoggedModelParams(modelId, [{ key: "lr", value }]);
    await lr("0.1");
    await lr("0.1");
    await refused(lr("0.2"), invalidValue);
    const model = await store.getLoggedModel(modelId);
    assert.deepEqual([model.tags, model.params], [{ a: "3", c: "4" }, { lr: "0.1" }]);
  });

  test("a deleted model is neither got nor found", async (store) => {
    const experimentId = await newExperiment(store);
    const { modelId } = await store.createLoggedModel({ experimentId });
    await store.deleteLoggedModel(modelId);
    await refused(store.getLoggedModel(modelId), notThere);
    assert.deepEqual(await store.searchLoggedModels({ experimentIds: [experimentId] }), []);
  });

  test("a model holds of each metric and data set the latest point", async (store) => {
    const experimentId = await newExperiment(store);
    const runId = await newRun(store, experimentId);
    const { modelId } = await store.createLoggedModel({ experimentId });
    const on = (name: string) => ({ datasetName: name, datasetDigest: "d1" });
    await store.logBatch({
      runId,
      metrics: [
        { ...point(0.5, { key: "f1", timestamp: 1 }), modelId, ...on("dev") },
        { ...point(0.7, { key: "f1", timestamp: 2, step: 1 }), modelId, ...on("dev") },
        { ...point(0.6, { key: "f1", timestamp: 3 }), modelId, ...on("test") },
        { ...point(NaN, { timestamp: 2 }), modelId },
      ],
    });
    assert.deepEqual((await store.getLoggedModel(modelId)).metrics, [
      { key: "f1", value: 0.7, timestamp: 2, step: 1, modelId, ...on("dev"), runId },
      { key: "f1", value: 0.6, timestamp: 3, step: 0, modelId, ...on("test"), runId },
      { key: "loss", value: NaN, timestamp: 2, step: 0, modelId, runId },
    ]);
    assert.equal((await store.getRun(runId)).data.metrics["f1"], 0.7, "the run has the points too");
  });

  test("a point of a model that is not there is refused with its whole batch", async (store) => {
    const experimentId = await newExperiment(store);
    const runId = await newRun(store, experimentId);
    const { modelId } = await store.createLoggedModel({ experimentId });
    await store.deleteLoggedModel(modelId);
    for (const missing of [`m-${"0".repeat(32)}`, modelId]) {
      const metrics = [point(1, { key: "first" }), { ...point(2), modelId: missing }];
      await refused(store.logBatch({ runId, metrics }), notThere);
    }
    assert.deepEqual((await store.getRun(runId)).data.metrics, {});
  });

  test("models are filtered by attributes, tags, params, metrics and data sets", async (store) => {
    const find = await threeModels(store);
    const cases: [Omit<SearchLoggedModelsInput, "experimentIds">, string][] = [
      [{}, "cba"],
      [{ filter: "name = 'a'" }, "a"],
      [{ filter: "name LIKE '%' AND tags.team = 'mail'" }, "ca"],
      [{ filter: "params.lr != '1'" }, "b"],
      [{ filter: "metrics.f1 > 0.5" }, "ba"],
      [{ filter: "metrics.f1 < 0.5" }, "a"],
      [{ filter: "model_type = 'onnx'" }, "b"],
      [{ filter: "status = 'READY'" }, "a"],
      [{ filter: "attributes.creation_timestamp > 0" }, "cba"],
      [{ datasets: [{ name: "dev" }] }, "ba"],
      [{ datasets: [{ name: "test", digest: "d1" }] }, "a"],
      [{ datasets: [{ name: "test", digest: "d2" }] }, ""],
      [{ filter: "metrics.f1 > 0.5", datasets: [{ name: "test" }] }, "a"],
      [{ filter: "metrics.f1 < 0.5", datasets: [{ name: "test" }] }, ""],
    ];
    for (const [input, expected] of cases) assert.equal(await find(input), expected, JSON.stringify(input));
    await refused(find({ filter: "metrics.f1 LIKE 'x'" }), invalidValue);
  });

  test("models are ordered by attributes and metrics, those without the metric last", async (store) => {
    const find = await threeModels(store);
    const cases: [SearchLoggedModelsInput["orderBy"], string][] = [
      [[{ fieldName: "creation_timestamp" }], "abc"],
      [[{ fieldName: "name", ascending: false }], "cba"],
      [[{ fieldName: "metrics.f1" }], "bac"],
      [[{ fieldName: "metrics.f1", ascending: false }], "abc"],
      [[{ fieldName: "metrics.f1", ascending: false, datasetName: "dev", datasetDigest: "d1" }], "bac"],
    ];
    for (const [orderBy, expected] of cases) {
      assert.equal(await find({ orderBy: orderBy! }), expected, JSON.stringify(orderBy));
    }
    await refused(find({ orderBy: [{ fieldName: "secret" }] }), invalidValue);
    await refused(find({ maxResults: 0 }), invalidValue);
  });

  test("a search for models goes on where its page ended", async (store) => {
    const experimentId = await newExperiment(store);
    for (let i = 0; i < 5; i++) await store.createLoggedModel({ experimentId, name: `m${i}` });
    const search = { experimentIds: [experimentId], maxResults: 2, orderBy: [{ fieldName: "name" }] };
    const names: string[] = [];
    let pageToken: string | undefined;
    do {
      const page = await store.searchLoggedModels({
        ...search,
        ...(pageToken !== undefined && { pageToken }),
      });
      names.push(page.map(({ name }) => name).join());
      pageToken = page.token;
    } while (pageToken !== undefined);
    assert.deepEqual(names, ["m0,m1", "m2,m3", "m4"]);
  });
}

/** Makes the models a (f1 0.4 on dev, 0.6 on test later), b (f1 0.55 on dev) and c, and returns what finds them. */
async function threeModels(store: Store) {
  const experimentId = await newExperiment(store);
  const runId = await newRun(store, experimentId);
  const create = async (name: string, rest: object) => {
    await nextMillisecond();
    return (await store.createLoggedModel({ experimentId, name, ...rest })).modelId;
  };
  const a = await create("a", { tags: { team: "mail" }, params: { lr: "1" } });
  const b = await create("b", { tags: { team: "chat" }, params: { lr: "2" }, modelType: "onnx" });
  await create("c", { tags: { team: "mail" } });
  await store.finalizeLoggedModel(a, "READY");
  const f1 = (value: number, timestamp: number, modelId: string, datasetName: string) => ({
    ...point(value, { key: "f1", timestamp }),
    modelId,
    datasetName,
    datasetDigest: "d1",
  });
  await store.logBatch({
    runId,
    metrics: [f1(0.4, 1, a, "dev"), f1(0.6, 2, a, "test"), f1(0.55, 1, b, "dev")],
  });
  return async (input: Omit<SearchLoggedModelsInput, "experimentIds">) => {
    const found = await store.searchLoggedModels({ ...input, experimentIds: [experimentId] });
    return found.map(({ name }) => name).join("");
  };
}
