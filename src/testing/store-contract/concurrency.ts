// The contract of several processes that use one store at once.
import assert from "node:assert/strict";
import {
  type OpenStore,
  type Store,
  type StoreTest,
  newExperiment,
  newRun,
  point,
  taken,
  uniqueName,
} from "./contract.ts";

export function trackingConcurrencyContract(test: StoreTest): void {
  test("of those who create one experiment at once, one wins", async (_, open) => {
    const stores = await openSome(open);
    const name = uniqueName("race");
    await oneWins(stores.map((store) => store.createExperiment({ name })));
    assert.equal((await stores[0]!.getExperimentByName(name))?.name, name);
  });

  test("what many write to one run at once is all there", async (store, open) => {
    const stores = await openSome(open);
    const runId = await newRun(store);
    await Promise.all(
      stores.map(async (each, i) => {
        for (let step = 0; step < 5; step++) {
          await each.logBatch({
            runId,
            metrics: [point(i, { step: 10 * step + i }), point(step, { key: `own${i}`, step })],
            tags: [{ key: `tag${i}`, value: String(step) }],
            params: [{ key: `param${i}.${step}`, value: "x" }],
          });
        }
      }),
    );
    const { data } = await store.getRun(runId);
    assert.equal(data.metrics["loss"], stores.length - 1, "the last step of the last writer");
    assert.equal((await store.metricHistory(runId, "loss")).length, 5 * stores.length);
    assert.equal(Object.keys(data.params).length, 5 * stores.length);
    for (const i of stores.keys()) {
      assert.deepEqual([data.metrics[`own${i}`], data.tags[`tag${i}`]], [4, "4"]);
    }
  });

  test("of those who log one param with other values at once, one wins", async (store, open) => {
    const stores = await openSome(open);
    const runId = await newRun(store);
    const results = await Promise.allSettled(
      stores.map((each, i) => each.logBatch({ runId, params: [{ key: "lr", value: String(i) }] })),
    );
    const winners = results.flatMap(({ status }, i) => (status === "fulfilled" ? [String(i)] : []));
    assert.deepEqual([(await store.getRun(runId)).data.params["lr"]], winners);
  });

  test("runs that are made and deleted while their experiment is deleted stay whole", async (store, open) => {
    const stores = await openSome(open);
    const experimentId = await newExperiment(store);
    await Promise.allSettled([
      ...stores.map((each) => each.createRun({ experimentId })),
      stores[0]!.deleteExperiment(experimentId),
    ]);
    const active = await store.searchRuns({ experimentIds: [experimentId] });
    assert.deepEqual(active, [], "no active run is left in a deleted experiment");
  });
}

export function registryConcurrencyContract(test: StoreTest): void {
  test("of those who register one name at once, one wins", async (_, open) => {
    const stores = await openSome(open);
    const name = uniqueName("race");
    await oneWins(stores.map((store) => store.createRegisteredModel({ name })));
  });

  test("versions that are made at once have numbers without gaps and doubles", async (store, open) => {
    const stores = await openSome(open);
    const name = uniqueName("race");
    await store.createRegisteredModel({ name });
    const made = await Promise.all(
      stores.flatMap((each) =>
        Array.from({ length: 4 }, (_, i) => each.createModelVersion({ name, source: `s3://models/${i}` })),
      ),
    );
    assert.deepEqual(
      made.map(({ version }) => version).sort((a, b) => a - b),
      made.map((_, i) => i + 1),
    );
  });

  test("an alias that is set at once points at one version", async (store, open) => {
    const stores = await openSome(open);
    const name = await modelWithVersions(store, stores.length);
    await Promise.all(stores.map((each, i) => each.setModelAlias(name, "champion", i + 1)));
    const { aliases } = await store.getRegisteredModel(name);
    const holders = await Promise.all(
      stores.map(async (_, i) => (await store.getModelVersion(name, i + 1)).aliases.length),
    );
    assert.equal(holders.filter((count) => count === 1).length, 1);
    assert.equal(holders[aliases["champion"]! - 1], 1);
  });

  test("versions that replace each other at once leave one in the stage", async (store, open) => {
    const stores = await openSome(open);
    const name = await modelWithVersions(store, stores.length);
    await Promise.all(
      stores.map((each, i) =>
        each.transitionStage({ name, version: i + 1, stage: "Production", archiveExisting: true }),
      ),
    );
    const found = await store.searchModelVersions({ filter: `name = '${name}'` });
    const inProduction = found.filter(({ currentStage }) => currentStage === "Production");
    assert.equal(inProduction.length, 1);
    assert.equal(found.filter(({ currentStage }) => currentStage === "Archived").length, stores.length - 1);
  });
}

function openSome(open: OpenStore): Promise<Store[]> {
  return Promise.all(Array.from({ length: 4 }, () => open()));
}

async function oneWins(calls: Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(calls);
  const losers = results.filter((result) => result.status === "rejected");
  assert.equal(losers.length, calls.length - 1);
  for (const { reason } of losers) assert.equal((reason as { code?: string }).code, taken, String(reason));
}

async function modelWithVersions(store: Store, count: number): Promise<string> {
  const name = uniqueName("race");
  await store.createRegisteredModel({ name });
  for (let i = 0; i < count; i++) await store.createModelVersion({ name, source: `s3://models/${i}` });
  return name;
}
