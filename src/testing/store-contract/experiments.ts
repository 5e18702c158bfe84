// The contract of experiments.
import assert from "node:assert/strict";
import {
  type StoreTest,
  invalidValue,
  newExperiment,
  newRun,
  nextMillisecond,
  notThere,
  refused,
  taken,
  uniqueName,
} from "./contract.ts";

export function experimentContract(test: StoreTest): void {
  test("an experiment is found by its id and its name", async (store) => {
    const name = uniqueName("spam/first");
    const before = Date.now();
    const experimentId = await store.createExperiment({ name, tags: { team: "mail", note: "ü 漢" } });
    const experiment = await store.getExperiment(experimentId);
    assert.deepEqual(await store.getExperimentByName(name), experiment);
    assert.deepEqual(
      [experiment.experimentId, experiment.name, experiment.lifecycleStage, experiment.tags],
      [experimentId, name, "active", { team: "mail", note: "ü 漢" }],
    );
    assert.match(experimentId, /^\d+$/);
    assert(experiment.artifactLocation.endsWith(`/${experimentId}`), experiment.artifactLocation);
    assert(experiment.creationTime >= before - 1 && experiment.creationTime <= Date.now() + 1);
    assert.equal(experiment.lastUpdateTime, experiment.creationTime);
    assert.equal(await store.getExperimentByName(uniqueName("other")), undefined);
    await refused(store.getExperiment("999999999"), notThere);
  });

  test("an experiment keeps its artifacts where it was told to", async (store) => {
    const create = (artifactLocation: string) =>
      store.createExperiment({ name: uniqueName("located"), artifactLocation });
    const { artifactLocation } = await store.getExperiment(await create("s3://bucket/some where"));
    assert.equal(artifactLocation, "s3://bucket/some where");
    await refused(create("runs:/abc/model"), invalidValue);
  });

  test("a name that is taken, empty or too long is refused, and nothing is left behind", async (store) => {
    const name = uniqueName("taken");
    const experimentId = await store.createExperiment({ name });
    await refused(store.createExperiment({ name }), taken);
    await store.deleteExperiment(experimentId);
    await refused(store.createExperiment({ name }), taken, "the name of a deleted experiment");
    for (const bad of ["", "  ", "x".repeat(501)]) {
      await refused(store.createExperiment({ name: bad }), invalidValue, JSON.stringify(bad.slice(0, 9)));
    }
    const half = uniqueName("half");
    await refused(store.createExperiment({ name: half, tags: { "bad?": "x" } }), invalidValue);
    assert.equal(await store.getExperimentByName(half), undefined);
  });

  test("an experiment gets another name, unless that is taken or the experiment is deleted", async (store) => {
    const [name, other] = [uniqueName("renamed"), uniqueName("other")];
    const experimentId = await newExperiment(store);
    await store.createExperiment({ name: other });
    await nextMillisecond();
    await store.renameExperiment(experimentId, name);
    const experiment = await store.getExperiment(experimentId);
    assert.equal(experiment.name, name);
    assert(experiment.lastUpdateTime > experiment.creationTime);
    await refused(store.renameExperiment(experimentId, other), taken);
    await refused(store.renameExperiment(experimentId, ""), invalidValue);
    await refused(store.renameExperiment("999999999", "x"), notThere);
    await store.deleteExperiment(experimentId);
    await refused(store.renameExperiment(experimentId, uniqueName("late")), "INVALID_STATE");
  });

  test("tags of an experiment are written over, removed, and refused on a deleted one", async (store) => {
    const experimentId = await newExperiment(store);
    await store.setExperimentTags(experimentId, { a: "1", b: "2" });
    await store.setExperimentTags(experimentId, { b: "3" });
    await store.deleteExperimentTag(experimentId, "a");
    assert.deepEqual((await store.getExperiment(experimentId)).tags, { b: "3" });
    await refused(store.deleteExperimentTag(experimentId, "a"), notThere);
    await refused(store.setExperimentTags("999999999", { a: "1" }), notThere);
    await refused(store.setExperimentTags(experimentId, { "a?": "1" }), invalidValue);
    await refused(store.setExperimentTags(experimentId, { a: "x".repeat(20_001) }), invalidValue);
    await store.deleteExperiment(experimentId);
    await refused(store.setExperimentTags(experimentId, { a: "1" }), invalidValue);
    await refused(store.deleteExperimentTag(experimentId, "b"), invalidValue);
  });

  test("a deleted experiment takes its active runs along, and brings back those alone", async (store) => {
    const experimentId = await newExperiment(store);
    const [early, late] = [await newRun(store, experimentId), await newRun(store, experimentId)];
    await store.deleteRun(early);
    await nextMillisecond();
    await store.deleteExperiment(experimentId);
    assert.equal((await store.getExperiment(experimentId)).lifecycleStage, "deleted");
    assert.equal((await store.getRun(late)).info.lifecycleStage, "deleted");
    await refused(store.createRun({ experimentId }), invalidValue);
    await refused(store.setTags(late, { a: "b" }), invalidValue);
    await store.restoreExperiment(experimentId);
    assert.equal((await store.getExperiment(experimentId)).lifecycleStage, "active");
    assert.equal((await store.getRun(late)).info.lifecycleStage, "active");
    assert.equal((await store.getRun(early)).info.lifecycleStage, "deleted");
    await store.createRun({ experimentId });
  });

  test("only an active experiment can be deleted, and only a deleted one restored", async (store) => {
    const experimentId = await newExperiment(store);
    await refused(store.restoreExperiment(experimentId), notThere);
    await store.deleteExperiment(experimentId);
    await refused(store.deleteExperiment(experimentId), notThere);
    await refused(store.deleteExperiment("999999999"), notThere);
    await refused(store.restoreExperiment("999999999"), notThere);
  });
}
