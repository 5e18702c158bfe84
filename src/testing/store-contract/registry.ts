// The contract of the registry: models, versions, stages, aliases and their history.
import assert from "node:assert/strict";
import type { SearchInput } from "../../tracking/index.ts";
import { eachPage } from "../../tracking/index.ts";
import {
  type Store,
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

export function registryContract(test: StoreTest): void {
  test("a registered model is described, tagged and found by its name", async (store) => {
    const name = uniqueName("spam");
    const model = await store.createRegisteredModel({ name, description: "mails", tags: { a: "1", b: "2" } });
    const { creationTimestamp, lastUpdatedTimestamp, ...rest } = model;
    assert.deepEqual(rest, { name, description: "mails", tags: { a: "1", b: "2" }, aliases: {} });
    assert.equal(lastUpdatedTimestamp, creationTimestamp);
    await nextMillisecond();
    const described = await store.updateRegisteredModel(name, "all mails");
    assert.equal(described.description, "all mails");
    assert(described.lastUpdatedTimestamp > creationTimestamp);
    await store.setRegisteredModelTags(name, { b: "3" });
    await store.deleteRegisteredModelTag(name, "a");
    await store.deleteRegisteredModelTag(name, "a"); // not there is no error
    assert.deepEqual((await store.getRegisteredModel(name)).tags, { b: "3" });
  });

  test("a name that is taken or bad, and a model that is not there, are refused", async (store) => {
    const name = uniqueName("spam");
    await store.createRegisteredModel({ name });
    await refused(store.createRegisteredModel({ name }), taken);
    for (const bad of ["", " ", "a/b", "a:b", ".", ".."]) {
      await refused(store.createRegisteredModel({ name: bad }), invalidValue, JSON.stringify(bad));
    }
    await refused(store.createRegisteredModel({ name: uniqueName("x"), tags: { "a?": "b" } }), invalidValue);
    const missing = uniqueName("missing");
    await refused(store.getRegisteredModel(missing), notThere);
    await refused(store.updateRegisteredModel(missing, "x"), notThere);
    await refused(store.renameRegisteredModel(missing, uniqueName("x")), notThere);
    await refused(store.deleteRegisteredModel(missing), notThere);
    await refused(store.setRegisteredModelTags(missing, { a: "b" }), notThere);
    await refused(store.createModelVersion({ name: missing, source: "s3://models/a" }), notThere);
    await refused(store.latestModelVersions(missing), notThere);
  });

  test("versions count up, hold what they were made of, and a number never comes again", async (store) => {
    const name = await newModel(store);
    const runId = await newRun(store);
    const first = await store.createModelVersion({
      name,
      source: "s3://models/a",
      runId,
      description: "first",
      tags: { f1: "0.9" },
    });
    const { creationTimestamp, lastUpdatedTimestamp, ...rest } = first;
    assert.deepEqual(rest, {
      name,
      version: 1,
      source: "s3://models/a",
      storageLocation: "s3://models/a",
      runId,
      description: "first",
      status: "READY",
      currentStage: "None",
      tags: { f1: "0.9" },
      aliases: [],
    });
    assert.equal(creationTimestamp, lastUpdatedTimestamp);
    assert.deepEqual(await store.getModelVersion(name, 1), first);
    assert.equal((await store.createModelVersion({ name, source: "s3://models/b" })).version, 2);
    await store.deleteModelVersion(name, 2);
    await refused(store.getModelVersion(name, 2), notThere);
    await refused(store.deleteModelVersion(name, 2), notThere);
    assert.equal((await store.createModelVersion({ name, source: "s3://models/c" })).version, 3);
    const left = await store.searchModelVersions({ filter: `name = '${name}'`, orderBy: ["version_number"] });
    assert.deepEqual(
      left.map(({ version }) => version),
      [1, 3],
    );
  });

  test("a version of a logged model or of another version stands where that stands", async (store) => {
    const name = await newModel(store);
    const experimentId = await newExperiment(store);
    const sourceRunId = await newRun(store, experimentId);
    const { modelId, artifactLocation } = await store.createLoggedModel({ experimentId, sourceRunId });
    const logged = await store.createModelVersion({ name, source: `models:/${modelId}` });
    assert.deepEqual(
      [logged.storageLocation, logged.runId, logged.modelId],
      [artifactLocation, sourceRunId, modelId],
    );
    const copy = await store.createModelVersion({ name, source: `models:/${name}/1` });
    assert.equal(copy.storageLocation, artifactLocation);
    const named = await store.createModelVersion({ name, source: artifactLocation, modelId });
    assert.deepEqual([named.modelId, named.runId], [modelId, sourceRunId]);
    assert.equal((await store.getModelVersion(name, 3)).modelId, modelId);
    await refused(
      store.createModelVersion({ name, source: `models:/m-${"0".repeat(32)}` }),
      notThere,
      "logged model",
    );
    await refused(store.createModelVersion({ name, source: "models:/x/Production" }), invalidValue, "stage");
    await refused(store.createModelVersion({ name, source: "" }), invalidValue, "empty");
  });

  test("a version is described and tagged, and one that is not there is refused", async (store) => {
    const name = await newModel(store, 1);
    assert.equal((await store.updateModelVersion(name, 1, "good")).description, "good");
    await store.setModelVersionTags(name, 1, { a: "1", b: "2" });
    await store.setModelVersionTags(name, 1, { a: "3" });
    await store.deleteModelVersionTag(name, 1, "b");
    await store.deleteModelVersionTag(name, 1, "b"); // not there is no error
    assert.deepEqual((await store.getModelVersion(name, 1)).tags, { a: "3" });
    await refused(store.getModelVersion(name, 9), notThere);
    await refused(store.updateModelVersion(name, 9, "x"), notThere);
    await refused(store.setModelVersionTags(name, 9, { a: "b" }), notThere);
    await refused(store.deleteModelVersionTag(name, 9, "a"), notThere);
    await refused(store.getModelVersion(name, 0), invalidValue);
    await refused(store.getModelVersion(name, 1.5), invalidValue);
  });

  test("a model takes its versions, aliases and tags along to another name", async (store) => {
    const name = await newModel(store, 2);
    await store.setModelAlias(name, "champion", 2);
    await store.setModelVersionTags(name, 2, { a: "b" });
    const other = uniqueName("renamed");
    assert.deepEqual((await store.renameRegisteredModel(name, other)).aliases, { champion: 2 });
    const version = await store.getModelVersionByAlias(other, "champion");
    assert.deepEqual([version.name, version.version, version.tags], [other, 2, { a: "b" }]);
    await refused(store.getRegisteredModel(name), notThere);
    await refused(store.getModelVersion(name, 1), notThere);
    await refused(store.renameRegisteredModel(other, await newModel(store)), taken);
    await refused(store.renameRegisteredModel(other, "a/b"), invalidValue);
  });

  test("a deleted model is gone with its versions, and its name begins anew", async (store) => {
    const name = await newModel(store, 2);
    await store.setModelAlias(name, "champion", 2);
    await store.transitionStage({ name, version: 1, stage: "Production" });
    await store.deleteRegisteredModel(name);
    await refused(store.getRegisteredModel(name), notThere);
    await refused(store.getModelVersion(name, 1), notThere);
    assert.deepEqual(await store.searchModelVersions({ filter: `name = '${name}'` }), []);
    await store.createRegisteredModel({ name });
    assert.equal((await store.createModelVersion({ name, source: "s3://models/a" })).version, 1);
    assert.deepEqual((await store.getRegisteredModel(name)).aliases, {});
  });

  test("an alias moves from one version to the next, and goes with its version", async (store) => {
    const name = await newModel(store, 2);
    await store.setModelAlias(name, "champion", 1);
    await store.setModelAlias(name, "champion", 2);
    await store.setModelAlias(name, "Best", 2);
    assert.deepEqual((await store.getModelVersion(name, 1)).aliases, []);
    assert.deepEqual((await store.getModelVersion(name, 2)).aliases, ["Best", "champion"]);
    assert.equal((await store.getModelVersionByAlias(name, "champion")).version, 2);
    assert.equal((await store.getModelVersionByAlias(name, "latest")).version, 2);
    await store.deleteModelAlias(name, "Best");
    await store.deleteModelAlias(name, "Best"); // not there is no error
    assert.deepEqual((await store.getRegisteredModel(name)).aliases, { champion: 2 });
    await refused(store.getModelVersionByAlias(name, "Best"), invalidValue);
    await store.deleteModelVersion(name, 2);
    assert.deepEqual((await store.getRegisteredModel(name)).aliases, {});
    await refused(store.setModelAlias(name, "champion", 2), notThere);
    for (const alias of ["", "a b", "latest", "V12", "x".repeat(256)]) {
      await refused(store.setModelAlias(name, alias, 1), invalidValue, alias.slice(0, 9));
    }
    await refused(store.setModelAlias(uniqueName("x"), "champion", 1), notThere);
  });

  test("a stage has MLflow's name whatever its case, and the newest version of each is found", async (store) => {
    const name = await newModel(store, 4);
    const move = (version: number, stage: string) => store.transitionStage({ name, version, stage });
    assert.equal((await move(1, "production")).currentStage, "Production");
    assert.equal((await move(2, "PRODUCTION")).currentStage, "Production");
    assert.equal((await move(3, "staging")).currentStage, "Staging");
    const latest = async (...stages: string[]) =>
      (await store.latestModelVersions(name, ...(stages.length > 0 ? [stages] : []))).map(
        ({ version, currentStage }) => `${version} ${currentStage}`,
      );
    assert.deepEqual((await latest()).sort(), ["2 Production", "3 Staging", "4 None"]);
    assert.deepEqual(await latest("production"), ["2 Production"]);
    assert.deepEqual(await latest("Archived"), []);
    for (const stage of ["dev", "Development", "none"]) {
      await move(3, "Staging");
      assert.equal((await move(3, stage)).currentStage, "None", stage);
    }
    await refused(move(1, "prod"), invalidValue);
    await refused(move(1, "Deleted_Internal"), invalidValue);
    await refused(move(9, "Staging"), notThere);
    await refused(store.latestModelVersions(name, ["prod"]), invalidValue);
  });

  test("a newcomer archives the versions of its stage if it is told to", async (store) => {
    const name = await newModel(store, 3);
    const move = (version: number, stage: string, archiveExisting: boolean) =>
      store.transitionStage({ name, version, stage, archiveExisting });
    await move(1, "Production", false);
    await move(2, "Production", false);
    await move(3, "Production", true);
    await move(3, "Production", true);
    const stages = [1, 2, 3].map(
      async (version) => (await store.getModelVersion(name, version)).currentStage,
    );
    assert.deepEqual(await Promise.all(stages), ["Archived", "Archived", "Production"]);
    await refused(move(3, "Archived", true), invalidValue);
    await refused(move(3, "None", true), invalidValue);
    assert.equal((await store.getModelVersion(name, 3)).currentStage, "Production");
  });

  test("registered models are filtered, ordered and paged", async (store) => {
    const word = uniqueName("reg");
    for (const [name, team] of [
      ["b", "mail"],
      ["a", "chat"],
      ["C", "mail"],
    ] as const) {
      await store.createRegisteredModel({ name: `${word}-${name}`, tags: { team } });
      await nextMillisecond();
    }
    await store.createRegisteredModel({
      name: `${word}-prompt`,
      tags: { "mlflow.prompt.is_prompt": "true" },
    });
    const find = async (input: SearchInput = {}) => {
      const filter = [`name LIKE '${word}%'`, ...(input.filter === undefined ? [] : [input.filter])];
      const found = await store.searchRegisteredModels({ ...input, filter: filter.join(" AND ") });
      return found.map(({ name }) => name.slice(word.length + 1)).join(" ");
    };
    assert.equal(await find(), "C a b");
    assert.equal(await find({ orderBy: ["name DESC"] }), "b a C");
    assert.equal(await find({ orderBy: ["last_updated_timestamp DESC"] }), "C a b");
    assert.equal(await find({ orderBy: ["timestamp ASC"] }), "b a C");
    assert.equal(await find({ filter: "tags.team = 'mail'" }), "C b");
    assert.equal(await find({ filter: `name ILIKE '${word}-c'` }), "C");
    assert.equal(await find({ filter: "name LIKE '%-c'" }), "");
    assert.equal(await find({ filter: "tags.`mlflow.prompt.is_prompt` = 'true'" }), "prompt");
    const names: string[] = [];
    const search = { filter: `name LIKE '${word}%'`, maxResults: 2 };
    const next = (pageToken: string | undefined) =>
      store.searchRegisteredModels({ ...search, ...(pageToken !== undefined && { pageToken }) });
    for await (const { name } of eachPage(next)) names.push(name);
    assert.equal(names.length, 3);
    await refused(store.searchRegisteredModels({ maxResults: 1001 }), invalidValue);
    await refused(store.searchRegisteredModels({ filter: "description = 'x'" }), invalidValue);
  });

  test("versions are filtered, ordered and paged, the last updated first", async (store) => {
    const name = await newModel(store);
    const runId = await newRun(store);
    for (const [source, tag] of [
      ["s3://models/a", "x"],
      ["s3://models/b", "y"],
      ["s3://models/c", "x"],
    ] as const) {
      await store.createModelVersion({
        name,
        source,
        tags: { tag },
        ...(source === "s3://models/b" && { runId }),
      });
      await nextMillisecond();
    }
    await store.updateModelVersion(name, 1, "touched");
    const find = async (input: SearchInput = {}) => {
      const filter = [`name = '${name}'`, ...(input.filter === undefined ? [] : [input.filter])];
      const found = await store.searchModelVersions({ ...input, filter: filter.join(" AND ") });
      return found.map(({ version }) => version).join("");
    };
    assert.equal(await find(), "132");
    assert.equal(await find({ orderBy: ["version_number ASC"] }), "123");
    assert.equal(await find({ orderBy: ["creation_timestamp DESC"] }), "321");
    assert.equal(await find({ filter: "version_number > 1" }), "32");
    assert.equal(await find({ filter: "tags.tag = 'x'" }), "13");
    assert.equal(await find({ filter: `run_id = '${runId}'` }), "2");
    assert.equal(await find({ filter: `run_id IN ('${runId}', 'other')` }), "2");
    assert.equal(await find({ filter: "source_path LIKE 's3://models/_'" }), "132");
    const pages: number[] = [];
    const search = { filter: `name = '${name}'`, maxResults: 2 };
    const next = (pageToken: string | undefined) =>
      store.searchModelVersions({ ...search, ...(pageToken !== undefined && { pageToken }) });
    for await (const { version } of eachPage(next)) pages.push(version);
    assert.deepEqual(pages, [1, 3, 2]);
    await refused(store.searchModelVersions({ filter: "stage = 'Production'" }), invalidValue);
  });
}

export function historyContract(test: StoreTest): void {
  test("the history tells each change of stage and alias, who made it and on what it rests", async (store) => {
    const name = await newModel(store, 2);
    const before = Date.now();
    const evidence = { run: "abc", f1: 0.9 };
    await store.transitionStage({ name, version: 1, stage: "production", userId: "ann", evidence });
    await store.transitionStage({ name, version: 1, stage: "Production" }); // nothing changes
    await store.transitionStage({ name, version: 2, stage: "Production", archiveExisting: true });
    await store.setModelAlias(name, "champion", 1, { userId: "bob", evidence: { why: "first" } });
    await store.setModelAlias(name, "champion", 2);
    await store.setModelAlias(name, "champion", 2); // nothing changes
    await store.deleteModelAlias(name, "champion", { userId: "ann" });
    const events = await store.registryHistory(name);
    assert(events.every(({ timestamp }) => timestamp >= before - 1 && timestamp <= Date.now() + 1));
    assert.deepEqual(
      events.map((event) => ({ ...event, timestamp: 0 })),
      [
        {
          timestamp: 0,
          kind: "stage",
          name: "Production",
          version: 1,
          previous: "None",
          userId: "ann",
          evidence,
        },
        {
          timestamp: 0,
          kind: "stage",
          name: "Archived",
          version: 1,
          previous: "Production",
          userId: "",
          evidence: {},
        },
        {
          timestamp: 0,
          kind: "stage",
          name: "Production",
          version: 2,
          previous: "None",
          userId: "",
          evidence: {},
        },
        {
          timestamp: 0,
          kind: "alias",
          name: "champion",
          version: 1,
          userId: "bob",
          evidence: { why: "first" },
        },
        {
          timestamp: 0,
          kind: "alias",
          name: "champion",
          version: 2,
          previous: "1",
          userId: "",
          evidence: {},
        },
        { timestamp: 0, kind: "alias", name: "champion", previous: "2", userId: "ann", evidence: {} },
      ],
    );
    await refused(store.registryHistory(uniqueName("x")), notThere);
  });

  test("a refused change leaves no entry, and the history follows a model to its other name", async (store) => {
    const name = await newModel(store, 1);
    await refused(store.transitionStage({ name, version: 9, stage: "Staging" }), notThere);
    await refused(store.setModelAlias(name, "champion", 9), notThere);
    assert.deepEqual(await store.registryHistory(name), []);
    await store.setModelAlias(name, "champion", 1);
    const other = uniqueName("renamed");
    await store.renameRegisteredModel(name, other);
    assert.equal((await store.registryHistory(other)).length, 1);
    await store.deleteModelVersion(other, 1);
    const last = (await store.registryHistory(other)).at(-1);
    assert.deepEqual(
      [last?.kind, last?.name, last?.version, last?.previous],
      ["alias", "champion", undefined, "1"],
    );
  });

  test("an alias is rolled back to the version that the history names", async (store) => {
    const name = await newModel(store, 3);
    for (const version of [1, 3]) await store.setModelAlias(name, "champion", version);
    const last = (await store.registryHistory(name)).findLast(({ kind }) => kind === "alias");
    await store.setModelAlias(name, "champion", Number(last?.previous), { evidence: { why: "rollback" } });
    assert.equal((await store.getModelVersionByAlias(name, "champion")).version, 1);
    assert.deepEqual(
      (await store.registryHistory(name)).map(({ version }) => version),
      [1, 3, 1],
    );
  });
}

export function customStageContract(test: StoreTest): void {
  test("stages that the store is told of hold versions as MLflow's do", async (_, open) => {
    const store = await open({ stages: ["Canary", "Shadow"] });
    const name = await newModel(store, 2);
    const move = (version: number, stage: string, archiveExisting = false) =>
      store.transitionStage({ name, version, stage, archiveExisting });
    assert.equal((await move(1, "canary")).currentStage, "Canary");
    assert.equal((await move(2, "CANARY", true)).currentStage, "Canary");
    assert.equal((await store.getModelVersion(name, 1)).currentStage, "Archived");
    assert.deepEqual(
      (await store.latestModelVersions(name, ["canary"])).map(({ version }) => version),
      [2],
    );
    assert.equal((await move(2, "Production")).currentStage, "Production");
    assert.equal((await move(2, "None")).currentStage, "None");
    await refused(move(2, "Canery"), invalidValue);
  });
}

/** Registers a model with some versions and returns its name. */
async function newModel(store: Store, versions = 0): Promise<string> {
  const name = uniqueName("model");
  await store.createRegisteredModel({ name });
  for (let i = 0; i < versions; i++) await store.createModelVersion({ name, source: `s3://models/${i}` });
  return name;
}
