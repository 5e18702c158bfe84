// `sconce runs`: the runs of a store from the terminal.
import { setTimeout as sleep } from "node:timers/promises";
import { UsageError, printable, printableJson, suggestion } from "../base/index.ts";
import { endTags, openStore } from "../tracking/index.ts";
import type { Experiment, Run, Store } from "../tracking/index.ts";
import { countOf, onlyWord, parseWords, runAction } from "./command.ts";
import type { Command } from "./command.ts";
import { listRuns } from "./list-runs.ts";
import { storeUri } from "./store-uri.ts";
import { formatMetric, formatTime, table, writeResult } from "./table.ts";

export const command: Command = {
  help: `Usage: sconce runs list [EXPERIMENT] [--filter F] [--order-by TERM]
              [--metrics A,B] [--limit N] [--deleted]
       sconce runs show RUN
       sconce runs compare RUN RUN [...]
       sconce runs watch RUN
       sconce runs delete RUN [...]
       sconce runs restore RUN [...]

list     the runs of an experiment, or of all, the newest first
show     all that a run logged, and how it ended
compare  what differs between runs: params and metrics
watch    prints the metrics of a run as they come, until it ends
delete   puts runs into the trash (sconce gc empties it); restore takes them out

RUN is an id, or as much of its beginning as names one run.

  --filter F             in MLflow's grammar, say
                         "metrics.f1 > 0.9 and params.lr = '0.1'"
  --order-by TERM        "metrics.f1 DESC", say; may be repeated
  --metrics LIST         metrics to show, with commas (default: four, those of
                         --order-by first; on a narrow terminal as many as fit,
                         and the ids' beginnings)
  --limit N              at most so many runs (default: 50)
  --deleted              those in the trash
  --tracking-uri URI     the store (default: MLFLOW_TRACKING_URI, else the
                         project's own)
  --json                 prints the result as JSON

Exit code of watch: 0 when the run has finished, 1 when it failed or was killed.

Example:
  sconce runs list spam/minilm --order-by "metrics.f1 DESC" --limit 5`,

  async run(words) {
    const trash = {
      delete: (more: readonly string[]) => changeTrash("delete", more),
      restore: (more: readonly string[]) => changeTrash("restore", more),
    };
    return runAction("runs", { list, show, compare, watch, ...trash }, words);
  },
};

const shared = {
  "tracking-uri": { type: "string" },
  json: { type: "boolean", default: false },
} as const;

async function list(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("runs list", words, {
    ...shared,
    filter: { type: "string" },
    "order-by": { type: "string", multiple: true },
    metrics: { type: "string" },
    limit: { type: "string", default: "50" },
    deleted: { type: "boolean", default: false },
  });
  const [name] = positionals;
  if (positionals.length > 1) onlyWord("runs list", "an experiment", positionals);
  return withStore(flags, async (store) => {
    const experiments = await experimentsOf(store, name);
    const runs = await store.searchRuns({
      experimentIds: experiments.map(({ experimentId }) => experimentId),
      viewType: flags.deleted ? "DELETED_ONLY" : "ACTIVE_ONLY",
      maxResults: countOf("--limit", flags.limit),
      ...(flags.filter === undefined ? {} : { filter: flags.filter }),
      ...(flags["order-by"] === undefined ? {} : { orderBy: flags["order-by"] }),
    });
    const lines = listRuns(runs, {
      metrics: flags.metrics?.split(",").map((metric) => metric.trim()),
      orderBy: flags["order-by"],
      columns: process.stdout.columns,
    });
    if (runs.token !== undefined) lines.push(`The first ${runs.length}; --limit shows more.`);
    writeResult(flags.json, runs, runs.length === 0 ? ["There are no such runs."] : lines);
    return 0;
  });
}

async function show(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("runs show", words, shared);
  const id = onlyWord("runs show", "a run", positionals);
  return withStore(flags, async (store) => {
    const run = await findRun(store, id);
    const { info, data, inputs, outputs } = run;
    const { [endTags.lastError]: lastError, ...tags } = data.tags;
    const section = (title: string, rows: readonly (readonly string[])[]) =>
      rows.length === 0 ? [] : ["", title, ...table(rows).map((line) => `  ${line}`)];
    writeResult(flags.json, run, [
      ...table([
        ["run", info.runId],
        ["name", info.runName],
        ["experiment", (await store.getExperiment(info.experimentId)).name],
        ["status", info.lifecycleStage === "active" ? info.status : `${info.status}, in the trash`],
        ["started", formatTime(info.startTime)],
        ["ended", info.endTime === undefined ? "-" : formatTime(info.endTime)],
        ["artifacts", info.artifactUri],
      ]),
      ...section("Params", sorted(data.params)),
      ...section(
        "Metrics",
        sorted(data.metrics).map(([name, value]) => [name, formatMetric(value)]),
      ),
      ...section("Tags", sorted(tags)),
      ...section(
        "Data",
        inputs.datasetInputs.map(({ dataset }) => [dataset.name, dataset.digest]),
      ),
      ...section(
        "Models",
        outputs.modelOutputs.map(({ modelId }) => [modelId]),
      ),
      ...(lastError === undefined
        ? []
        : ["", "Error", ...lastError.split("\n").map((line) => `  ${printable(line)}`)]),
    ]);
    return 0;
  });
}

async function compare(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("runs compare", words, shared);
  if (positionals.length < 2) {
    throw new UsageError("sconce runs compare: two runs or more are needed. See: sconce runs --help");
  }
  return withStore(flags, async (store) => {
    const runs = await Promise.all(positionals.map((id) => findRun(store, id)));
    const params = differing(runs.map(({ data }) => data.params));
    const metrics = differing(runs.map(({ data }) => data.metrics));
    const rows = [
      ["", ...runs.map(({ info }) => info.runName)],
      ["status", ...runs.map(({ info }) => info.status)],
      ...[...params].map(([name, values]) => [name, ...values.map((value) => value ?? "-")]),
      ...[...metrics].map(([name, values]) => [name, ...values.map(formatMetric)]),
    ];
    const found = {
      runs: runs.map(({ info }) => info.runId),
      params: Object.fromEntries(params),
      metrics: Object.fromEntries(metrics),
    };
    writeResult(flags.json, found, table(rows));
    return 0;
  });
}

const watchIntervalMs = 1000;

async function watch(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("runs watch", words, shared);
  const id = onlyWord("runs watch", "a run", positionals);
  return withStore(flags, async (store) => {
    let { info } = await findRun(store, id);
    const seen = new Map<string, number>();
    for (;;) {
      const run = await store.getRun(info.runId);
      ({ info } = run);
      for (const point of run.data.latestMetrics) {
        const { key, value, step, timestamp } = point;
        if (key.startsWith("system/") || seen.get(key) === timestamp) continue;
        seen.set(key, timestamp);
        process.stdout.write(
          flags.json
            ? `${printableJson(JSON.stringify(point))}\n`
            : `step ${step}  ${printable(key)} ${formatMetric(value)}\n`,
        );
      }
      if (info.status !== "RUNNING" && info.status !== "SCHEDULED") break;
      await sleep(watchIntervalMs);
    }
    if (!flags.json) process.stdout.write(`${info.status}\n`);
    return info.status === "FINISHED" ? 0 : 1;
  });
}

async function changeTrash(action: "delete" | "restore", words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords(`runs ${action}`, words, shared);
  if (positionals.length === 0) throw new UsageError(`sconce runs ${action}: a run is missing.`);
  return withStore(flags, async (store) => {
    const runs = await Promise.all(positionals.map((id) => findRun(store, id)));
    for (const { info } of runs) {
      await (action === "delete" ? store.deleteRun(info.runId) : store.restoreRun(info.runId));
    }
    const ids = runs.map(({ info }) => info.runId);
    const what = action === "delete" ? "is in the trash" : "is back";
    writeResult(
      flags.json,
      ids,
      runs.map(({ info }) => `${printable(info.runName)} (${info.runId}) ${what}.`),
    );
    return 0;
  });
}

async function withStore(
  flags: { "tracking-uri"?: string | undefined },
  work: (store: Store) => Promise<number>,
): Promise<number> {
  const store = await openStore(storeUri(flags["tracking-uri"]), { mustExist: true });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function experimentsOf(store: Store, name: string | undefined): Promise<Experiment[]> {
  if (name === undefined) return store.searchExperiments({ maxResults: 50_000, viewType: "ALL" });
  const experiment = await store.getExperimentByName(name);
  if (experiment !== undefined) return [experiment];
  const names = (await store.searchExperiments({ maxResults: 50_000 })).map((each) => each.name);
  throw new UsageError(`sconce runs: there is no experiment "${name}". ${suggestion(name, names)}`);
}

/** Returns the run with an id, or the only one whose id begins so. */
async function findRun(store: Store, id: string): Promise<Run> {
  if (/^[0-9a-f]{32}$/.test(id)) return store.getRun(id);
  if (!/^[0-9a-f]{4,31}$/.test(id)) {
    throw new UsageError(`run: it must be an id, or four or more of its first letters, got "${id}".`);
  }
  const found = await store.searchRuns({
    filter: `attributes.run_id LIKE '${id}%'`,
    viewType: "ALL",
    maxResults: 2,
  });
  const [run, another] = found;
  if (run !== undefined && another === undefined) return run;
  throw new UsageError(
    `run: ${run === undefined ? "no run's id begins" : "the ids of several runs begin"} with "${id}". See: sconce runs list`,
  );
}

/** Returns the values of each key that are not the same in all. */
function differing<T>(records: readonly Readonly<Record<string, T>>[]): Map<string, (T | undefined)[]> {
  const keys = [...new Set(records.flatMap((record) => Object.keys(record)))].sort();
  const values = keys.map((key) => [key, records.map((record) => record[key])] as const);
  return new Map(values.filter(([, list]) => list.some((value) => !Object.is(value, list[0]))));
}

function sorted<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
