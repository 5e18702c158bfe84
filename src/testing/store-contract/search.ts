// The contract of searches: filters, orders and pages.
import assert from "node:assert/strict";
import type { PagedList, SearchRunsInput } from "../../tracking/index.ts";
import { eachPage } from "../../tracking/index.ts";
import {
  type Store,
  type StoreTest,
  invalidValue,
  newExperiment,
  newRun,
  nextMillisecond,
  point,
  refused,
  uniqueName,
} from "./contract.ts";

export function searchContract(test: StoreTest): void {
  test("runs are filtered by metrics, params, tags and attributes", async (store) => {
    const find = await threeRuns(store);
    const cases: [string, string][] = [
      ["", "abc"],
      ["metrics.loss < 0.5", "a"],
      ["metrics.loss <= 0.5", "ab"],
      ["metrics.loss = 0.5", "b"],
      ["metrics.loss != 0.5", "ac"],
      ["metrics.loss > -100", "ab"],
      ["metrics.`val/f1` > 0", "b"],
      ['metrics."val/f1" >= 0.8', "b"],
      ["metrics.loss > 0.2 and metrics.loss < 0.9 AND params.model = 'BERT'", "b"],
      ["params.model = 'bert'", "ac"],
      ["params.model != 'bert'", "b"],
      ["params.model LIKE 'b%'", "ac"],
      ["params.model LIKE 'B___'", "b"],
      ["params.model ILIKE 'b%T'", "abc"],
      ["params.model LIKE '%er%'", "ac"],
      ["params.path LIKE 'a_b\\%'", "c"],
      ["params.path = 'a%b'", ""],
      ['tags.note = "it\'s"', "a"],
      ["tags.note != 'other'", "ab"],
      ["tags.note LIKE 'ü%'", "b"],
      ["tags.note IS NULL", "c"],
      ["tags.note IS NOT NULL", "ab"],
      ["params.path IS NULL", "ab"],
      ["status = 'RUNNING'", "bc"],
      ["attributes.status != 'RUNNING'", "a"],
      ["attributes.run_name = 'run b'", "b"],
      ["attributes.run_name LIKE 'run %'", "abc"],
      ["attributes.start_time > 1", "bc"],
      ["attributes.start_time >= 1.5", "bc"],
      ["attributes.created = 3", "c"],
      ["attributes.end_time > 0", "a"],
      ["attributes.user_id = 'ann'", "a"],
      ["attributes.artifact_uri LIKE '%/artifacts'", "abc"],
      ["dataset.name = 'train'", "ab"],
      ["datasets.name LIKE 'tr%' and datasets.digest = 'd2'", "b"],
      ["datasets.context = 'training'", "a"],
      ["datasets.context IN ('training', 'testing')", "ab"],
      ["datasets.name NOT IN ('train')", "c"],
      ["metrics.unknown != 1", ""],
      ["params.unknown != 'x'", ""],
      ["params.model = '\\' OR 1=1 --'", ""],
    ];
    for (const [filter, expected] of cases) {
      assert.equal(await find({ filter, orderBy: ["attributes.start_time"] }), expected, filter);
    }
    const [a, , c] = find.ids;
    assert.equal(await find({ filter: `run_id IN ('${a}', '${c}')`, orderBy: ["start_time"] }), "ac");
    assert.equal(await find({ filter: `attributes.run_id NOT IN ('${a}')`, orderBy: ["start_time"] }), "bc");
    assert.equal(await find({ filter: `run_id = '${c}'` }), "c");
  });

  test("a pattern must fit the whole text, and nothing but % and _ stands for other characters", async (store) => {
    const experimentId = await newExperiment(store);
    const texts = ["a.c", "abc", "a.c\nd", "(a|b)*", "\u{1F600}", "a\\b", "[a]^$"];
    for (const [startTime, value] of texts.entries()) {
      const { info } = await store.createRun({ experimentId, startTime });
      await store.logBatch({ runId: info.runId, params: [{ key: "text", value }] });
    }
    const cases: [string, number[]][] = [
      ["LIKE 'a.c'", [0]],
      ["LIKE 'a.c%'", [0, 2]],
      ["LIKE '%d'", [2]],
      ["LIKE 'a%_d'", [2]],
      ["LIKE '_'", [4]],
      ["LIKE '___'", [0, 1, 5]],
      ["ILIKE '(A|B)*'", [3]],
      ["LIKE 'a\\b'", [5]],
      ["LIKE '[a]%$'", [6]],
      ["LIKE '%b%'", [1, 3, 5]],
      ["LIKE 'b%'", []],
    ];
    for (const [clause, expected] of cases) {
      const filter = `params.text ${clause}`;
      const found = await store.searchRuns({
        experimentIds: [experimentId],
        filter,
        orderBy: ["start_time"],
      });
      assert.deepEqual(
        found.map(({ data }) => texts.indexOf(data.params["text"]!)),
        expected,
        filter,
      );
    }
  });

  test("of two orders by one name the first decides", async (store) => {
    const find = await threeRuns(store);
    assert.equal(await find({ orderBy: ["start_time ASC", "start_time DESC"] }), "abc");
    assert.equal(await find({ orderBy: ["metrics.loss DESC", "metrics.loss ASC"] }), "bac");
  });

  test("runs are ordered by any value; NaN comes after numbers, and what is missing last", async (store) => {
    const find = await threeRuns(store);
    const cases: [string[], string][] = [
      [[], "cba"],
      [["metrics.loss"], "abc"],
      [["metrics.loss ASC"], "abc"],
      [["metrics.loss DESC"], "bac"],
      [["metrics.`val/f1` DESC"], "bca"],
      [["params.model", "attributes.start_time"], "bac"],
      [["params.model DESC"], "cab"],
      [["params.path"], "cba"],
      [["tags.note DESC"], "bac"],
      [["attributes.start_time ASC"], "abc"],
      [["run_name DESC"], "cba"],
      [["status", "start_time"], "abc"],
      [["end_time", "start_time"], "abc"],
    ];
    for (const [orderBy, expected] of cases) assert.equal(await find({ orderBy }), expected, orderBy.join());
  });

  test("an infinity is larger or smaller than every number", async (store) => {
    const experimentId = await newExperiment(store);
    for (const value of [Infinity, 1, -Infinity, NaN]) {
      const runId = await newRun(store, experimentId);
      await store.logBatch({ runId, metrics: [point(value)] });
    }
    const found = async (input: SearchRunsInput) =>
      (await store.searchRuns({ experimentIds: [experimentId], orderBy: ["metrics.loss"], ...input })).map(
        (run) => run.data.metrics["loss"],
      );
    assert.deepEqual(await found({}), [-Infinity, 1, Infinity, NaN]);
    assert.deepEqual(await found({ orderBy: ["metrics.loss DESC"] }), [Infinity, 1, -Infinity, NaN]);
    assert.deepEqual(await found({ filter: "metrics.loss > 1" }), [Infinity]);
    assert.deepEqual(await found({ filter: "metrics.loss != 1" }), [-Infinity, Infinity, NaN]);
  });

  test("runs are found in the experiments asked for, deleted ones only when asked for", async (store) => {
    const [first, second] = [await newExperiment(store), await newExperiment(store)];
    const active = await newRun(store, first);
    const deleted = await newRun(store, first);
    const other = await newRun(store, second);
    await store.deleteRun(deleted);
    const ids = async (input: SearchRunsInput) =>
      (await store.searchRuns(input)).map(({ info }) => info.runId).sort();
    assert.deepEqual(await ids({ experimentIds: [first] }), [active]);
    assert.deepEqual(await ids({ experimentIds: [first, second] }), [active, other].sort());
    assert.deepEqual(await ids({ experimentIds: [first], viewType: "DELETED_ONLY" }), [deleted]);
    assert.deepEqual(await ids({ experimentIds: [first], viewType: "ALL" }), [active, deleted].sort());
    assert.deepEqual(await ids({ experimentIds: [] }), []);
    assert(
      (await ids({ filter: `run_id = '${other}'` })).length === 1,
      "without experiments all are searched",
    );
  });

  test("a search goes on where its page ended", async (store) => {
    const experimentId = await newExperiment(store);
    const created = [];
    for (let i = 0; i < 7; i++) {
      created.push((await store.createRun({ experimentId, startTime: i % 2 })).info.runId);
    }
    const search = { experimentIds: [experimentId], maxResults: 3, orderBy: ["attributes.start_time"] };
    const sizes: number[] = [];
    const seen: string[] = [];
    let page: PagedList<{ info: { runId: string } }> = await store.searchRuns(search);
    for (;;) {
      sizes.push(page.length);
      seen.push(...page.map(({ info }) => info.runId));
      if (page.token === undefined) break;
      page = await store.searchRuns({ ...search, pageToken: page.token });
    }
    assert.deepEqual(sizes, [3, 3, 1]);
    assert.deepEqual([...seen].sort(), [...created].sort());
    assert.equal((await store.searchRuns({ ...search, maxResults: 7 })).token, undefined);
    for (const maxResults of [0, -1, 1.5, 50_001]) {
      await refused(store.searchRuns({ maxResults }), invalidValue, String(maxResults));
    }
    await refused(store.searchRuns({ ...search, pageToken: "no token" }), invalidValue);
  });

  test("a filter or order that cannot be read is refused", async (store) => {
    const filters = [
      "metrics.loss",
      "metrics.loss < 'x'",
      "params.a < '1'",
      "nothing.a = '1'",
      "a = 1 OR b = 2",
    ];
    for (const filter of [...filters, "attributes.secret = '1'", "params.a = 1", "= '1'", "tags.a = 'x"]) {
      await refused(store.searchRuns({ filter }), invalidValue, filter);
    }
    for (const orderBy of [
      "metrics.loss SIDEWAYS",
      "attributes.secret",
      "datasets.name",
      "; DROP TABLE runs",
    ]) {
      await refused(store.searchRuns({ orderBy: [orderBy] }), invalidValue, orderBy);
    }
  });

  test("experiments are filtered, ordered and paged, the last updated first", async (store) => {
    const word = uniqueName("exp");
    const ids: string[] = [];
    for (const [name, team] of [
      ["first", "mail"],
      ["Second", "chat"],
      ["third", "mail"],
    ] as const) {
      ids.push(await store.createExperiment({ name: `${word}/${name}`, tags: { team } }));
      await nextMillisecond();
    }
    await store.deleteExperiment(ids[2]!);
    await store.renameExperiment(ids[0]!, `${word}/renamed`);
    const find = async (input: Parameters<Store["searchExperiments"]>[0] = {}) => {
      const filter = [`name LIKE '${word}/%'`, ...(input.filter === undefined ? [] : [input.filter])];
      const found = await store.searchExperiments({ ...input, filter: filter.join(" AND ") });
      return found.map(({ experimentId }) => ids.indexOf(experimentId) + 1).join("");
    };
    assert.equal(await find(), "12");
    assert.equal(await find({ viewType: "DELETED_ONLY" }), "3");
    assert.equal(await find({ viewType: "ALL", orderBy: ["creation_time"] }), "123");
    assert.equal(await find({ viewType: "ALL", filter: "tags.team = 'mail'", orderBy: ["name"] }), "13");
    assert.equal(await find({ filter: "tags.team != 'mail'" }), "2");
    assert.equal(await find({ filter: `name ILIKE '${word.toUpperCase()}/SEC%'` }), "2");
    assert.equal(await find({ orderBy: ["name DESC"] }), "12");
    assert.equal(await find({ filter: "tags.team IS NULL" }), "");
    assert.equal(await find({ filter: "creation_time > 0", maxResults: 1 }), "1");
    const search = { filter: `name LIKE '${word}/%'`, maxResults: 1 };
    const pages: string[] = [];
    const next = (pageToken: string | undefined) =>
      store.searchExperiments({ ...search, ...(pageToken !== undefined && { pageToken }) });
    for await (const { experimentId } of eachPage(next)) pages.push(experimentId);
    assert.deepEqual(pages, [ids[0], ids[1]]);
    await refused(store.searchExperiments({ filter: "tags.a > '1'" }), invalidValue);
  });
}

/** Makes the runs a, b and c in an experiment of their own, and returns what finds them and says which. */
async function threeRuns(store: Store) {
  const experimentId = await newExperiment(store);
  const ids: string[] = [];
  for (const [i, name] of ["a", "b", "c"].entries()) {
    const run = await store.createRun({
      experimentId,
      runName: `run ${name}`,
      startTime: i + 1,
      userId: i === 0 ? "ann" : "bob",
    });
    ids.push(run.info.runId);
  }
  const [a, b, c] = ids as [string, string, string];
  const dataset = (name: string, digest: string, context?: string) => ({
    dataset: { name, digest, sourceType: "local", source: "{}" },
    tags: context === undefined ? {} : { "mlflow.data.context": context },
  });
  await store.logBatch({
    runId: a,
    metrics: [point(9), point(0.1, { step: 1 })],
    params: [{ key: "model", value: "bert" }],
    tags: [{ key: "note", value: "it's" }],
  });
  await store.logBatch({
    runId: b,
    metrics: [point(0.5), point(0.8, { key: "val/f1" })],
    params: [{ key: "model", value: "BERT" }],
    tags: [{ key: "note", value: "ü" }],
  });
  await store.logBatch({
    runId: c,
    metrics: [point(NaN), point(NaN, { key: "val/f1" })],
    params: [
      { key: "model", value: "bert" },
      { key: "path", value: "a%b\\c" },
    ],
  });
  await store.logInputs(a, [dataset("train", "d1", "training")]);
  await store.logInputs(b, [dataset("train", "d2", "testing")]);
  await store.logInputs(c, [dataset("other", "d3")]);
  await store.updateRun({ runId: a, status: "FINISHED", endTime: 5 });
  const find = async (input: SearchRunsInput) => {
    const found = await store.searchRuns({ ...input, experimentIds: [experimentId] });
    return found.map(({ info }) => info.runName.slice(-1)).join("");
  };
  return Object.assign(find, { ids });
}
