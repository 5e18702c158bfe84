// `sconce runs`: the runs of a store from the terminal.
import { UsageError, printable, suggestion } from "../base/index.ts";
import { endTags } from "../tracking/index.ts";
import type { Experiment, Store } from "../tracking/index.ts";
import { countOf, onlyWord, parseWords, runAction } from "./command.ts";
import type { Command } from "./command.ts";
import { findRun, runFlags, withStore } from "./find-run.ts";
import { listRuns } from "./list-runs.ts";
import { formatMetric, formatTime, table, writeResult } from "./table.ts";

export const command: Command = {
  help: `Usage: sconce runs [list [EXPERIMENT]] [--filter F] [--order-by TERM]
              [--metrics A,B] [--limit N] [--deleted]
       sconce runs show RUN
       sconce runs delete RUN [...]
       sconce runs restore RUN [...]

list     the runs of an experiment, or of all, the newest first
show     all that a run logged, and how it ended
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

See also: sconce watch RUN, sconce compare RUN RUN

Example:
  sconce runs list spam/minilm --order-by "metrics.f1 DESC" --limit 5`,

  async run(words) {
    const trash = {
      delete: (more: readonly string[]) => changeTrash("delete", more),
      restore: (more: readonly string[]) => changeTrash("restore", more),
    };
    const [first = "-"] = words;
    if (first.startsWith("-")) return list(words);
    return runAction("runs", { list, show, ...trash }, words);
  },
};

async function list(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("runs list", words, {
    ...runFlags,
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
  const { flags, positionals } = parseWords("runs show", words, runFlags);
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

async function changeTrash(action: "delete" | "restore", words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords(`runs ${action}`, words, runFlags);
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

async function experimentsOf(store: Store, name: string | undefined): Promise<Experiment[]> {
  if (name === undefined) return store.searchExperiments({ maxResults: 50_000, viewType: "ALL" });
  const experiment = await store.getExperimentByName(name);
  if (experiment !== undefined) return [experiment];
  const names = (await store.searchExperiments({ maxResults: 50_000 })).map((each) => each.name);
  throw new UsageError(`sconce runs: there is no experiment "${name}". ${suggestion(name, names)}`);
}

function sorted<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
