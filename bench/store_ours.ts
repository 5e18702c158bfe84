// Writes, fills or reads a store as store.bench.ts asks, and prints the seconds of each step as JSON.
import { eachPage, openStore } from "sconce/tracking";

const [what = "", uri = "", runsText, pointsText] = process.argv.slice(2);
const [runs, points] = [Number(runsText), Number(pointsText)];
const store = await openStore(uri, { artifactRoot: "/tmp/sconce-bench-artifacts" });
const times: Record<string, number> = {};

if (what === "read") await read();
else if (what === "fill") await fill();
else await write();
console.log(JSON.stringify(times));
await store.close();

async function write(): Promise<void> {
  const experimentId = await store.createExperiment({ name: what });
  await step("create a run and log 25 values", 200, (i) => makeRun(experimentId, i));
  const { runId } = (await store.createRun({ experimentId })).info;
  await step("log 1000 points", 20, (i) => logPoints(runId, 1000 * i));
  await step("log 1 point", 200, (i) =>
    store.logBatch({ runId, metrics: [{ key: "single", value: i, timestamp: i, step: i }] }),
  );
}

async function fill(): Promise<void> {
  const experimentId = await store.createExperiment({ name: "many" });
  for (let i = 0; i < runs; i++) await makeRun(experimentId, i);
  const { runId } = (await store.createRun({ experimentId: "0", runName: "long" })).info;
  for (let from = 0; from < points; from += 1000) await logPoints(runId, from);
}

async function makeRun(experimentId: string, i: number): Promise<void> {
  const { runId } = (await store.createRun({ experimentId, startTime: i })).info;
  const range = (count: number) => Array.from({ length: count }, (_, j) => j);
  await store.logBatch({
    runId,
    metrics: range(10).map((j) => ({ key: `m${j}`, value: Math.sin(10 * i + j), timestamp: 1, step: 1 })),
    params: range(10).map((j) => ({ key: `p${j}`, value: String((7 * i + j) % 100) })),
    tags: range(5).map((j) => ({ key: `t${j}`, value: `tag ${(i + j) % 50}` })),
  });
}

async function logPoints(runId: string, from: number): Promise<void> {
  await store.logBatch({
    runId,
    metrics: Array.from({ length: 1000 }, (_, j) => {
      const at = from + j;
      return { key: "loss", value: 1 / (at + 1), timestamp: at, step: at };
    }),
  });
}

/** Measures the mean time of some calls. */
async function step(name: string, calls: number, work: (i: number) => Promise<unknown>): Promise<void> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) await work(i);
  times[name] = (performance.now() - start) / 1000 / calls;
}

async function read(): Promise<void> {
  const { experimentId } = (await store.getExperimentByName("many"))!;
  const [long] = await store.searchRuns({ filter: "attributes.run_name = 'long'" });
  const runId = long!.info.runId;
  const search = (input: object) => store.searchRuns({ experimentIds: [experimentId], ...input });
  await step("newest 100 runs", 1, () => search({ maxResults: 100 }));
  await step("newest 1000 runs", 1, () => search({ maxResults: 1000 }));
  await step("100 runs by metric, of 3 clauses", 1, () =>
    search({
      filter: "metrics.m0 > 0.5 and params.p1 = '8' and tags.t0 LIKE 'tag 1%'",
      orderBy: ["metrics.m1 DESC"],
      maxResults: 100,
    }),
  );
  await step("1000 runs by metric, of 1 clause", 1, () =>
    search({ filter: "metrics.m0 > 0.5", orderBy: ["metrics.m1 DESC"], maxResults: 1000 }),
  );
  await step("all runs by param, pages of 1000", 1, async () => {
    const next = (pageToken: string | undefined) =>
      search({ orderBy: ["params.p1"], maxResults: 1000, ...(pageToken !== undefined && { pageToken }) });
    let count = 0;
    for await (const _ of eachPage(next)) count++;
    if (count !== runs) throw new Error(`bench: ${runs} runs must be found, got ${count}`);
  });
  await step("long history, thinned to 2500", 1, () =>
    store.metricHistories({ runIds: [runId], key: "loss" }),
  );
  await step("long history, first page of 25000", 1, () =>
    store.metricHistory(runId, "loss", { maxResults: 25_000 }),
  );
  await step("long history, all pages of 25000", 1, async () => {
    const next = (pageToken: string | undefined) =>
      store.metricHistory(runId, "loss", {
        maxResults: 25_000,
        ...(pageToken !== undefined && { pageToken }),
      });
    let count = 0;
    for await (const _ of eachPage(next)) count++;
    if (count !== points) throw new Error(`bench: ${points} points must be read, got ${count}`);
  });
}
