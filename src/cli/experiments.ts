// `sconce experiments`: runs a grid of trainings, and says which run is the best.
import { UsageError } from "../base/index.ts";
import { findProjectRoot } from "../config/index.ts";
import { ModelSelector } from "../tracking/index.ts";
import type { MetricMode, Run } from "../tracking/index.ts";
import { countOf, onlyWord, parseWords, runAction } from "./command.ts";
import type { Command } from "./command.ts";
import { withStore } from "./find-run.ts";
import { storeUri } from "./store-uri.ts";
import { formatMetric, table, writeResult } from "./table.ts";

export const command: Command = {
  help: `Usage: sconce experiments run CONFIG [--workers N] [--fail-fast] [--only NAME]
       sconce experiments best EXPERIMENT --metric NAME
              [--by-tag TAG | --by-param PARAM]

run   trains every base model on every version of the data with every set of
      hyperparameters of a JSON or YAML file, as runs of one experiment. A cell
      that has a finished run is not run again; a failed one is said at once.
best  names the best finished run of an experiment.

  --workers N            cells at the same time, in processes of their own
                         (default: 1)
  --fail-fast            end at the first cell that fails
  --only NAME            run this cell alone, finished or not; may be repeated
  --metric NAME          the metric that decides
  --mode MODE            max or min (default: by the metric's name)
  --by-tag TAG           the best run for each value of a tag
  --by-param PARAM       the best run for each value of a param
  --include-pretrained   also runs of models that were only evaluated
  --tracking-uri URI     the store (default: MLFLOW_TRACKING_URI, else the
                         project's own)
  --json                 prints the result as JSON

Exit code 1 if a cell failed.

Example:
  sconce experiments run grid.yaml --workers 2
  sconce experiments best /Users/ada/intents_banking77_20260101 --metric f1`,

  async run(words) {
    return runAction("experiments", { run: runGrid, best: showBest }, words);
  },
};

async function runGrid(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("experiments run", words, {
    workers: { type: "string", default: "1" },
    "fail-fast": { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    "tracking-uri": { type: "string" },
    json: { type: "boolean", default: false },
  });
  const path = onlyWord("experiments run", "a config", positionals);
  const workers = countOf("--workers", flags.workers);
  const { ExperimentManager, readExperimentConfig } = await import("../tasks/index.ts");
  const manager = new ExperimentManager({
    ...(await readExperimentConfig(path)),
    workers,
    failFast: flags["fail-fast"],
    projectRoot: findProjectRoot(process.cwd()),
    trackingUri: storeUri(flags["tracking-uri"]),
    ...(flags.only === undefined ? {} : { only: flags.only }),
  });
  const result = await manager.runExperiments();
  const rows = result.cells.map(({ name, status, metrics, error }) => [
    name,
    status,
    ...(error === undefined
      ? ["accuracy", "f1"].map((key) => `${key} ${formatMetric(metrics[key])}`)
      : [error]),
  ]);
  writeResult(flags.json, result, [result.experimentName, ...table(rows)]);
  return result.cells.some(({ status }) => status === "failed") ? 1 : 0;
}

async function showBest(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("experiments best", words, {
    metric: { type: "string" },
    mode: { type: "string" },
    "by-tag": { type: "string" },
    "by-param": { type: "string" },
    "include-pretrained": { type: "boolean", default: false },
    "tracking-uri": { type: "string" },
    json: { type: "boolean", default: false },
  });
  const experimentName = onlyWord("experiments best", "an experiment", positionals);
  const { metric, mode } = flags;
  if (metric === undefined) throw new UsageError("sconce experiments best: --metric is missing.");
  if (mode !== undefined && mode !== "max" && mode !== "min")
    throw new UsageError(`--mode: must be max or min, got "${mode}".`);
  return withStore(flags, async (store) => {
    const selector = new ModelSelector({
      store,
      experimentName,
      metric,
      includePretrained: flags["include-pretrained"],
      ...(mode === undefined ? {} : { mode: mode as MetricMode }),
    });
    const tag = flags["by-tag"];
    const param = flags["by-param"];
    const best =
      tag !== undefined
        ? await selector.getBestModelsByTag(tag)
        : param !== undefined
          ? await selector.getBestModelsByParam(param)
          : new Map<string, Run>([["", await selector.getBestModel()]]);
    const found = [...best].map(([group, { info, data }]) => ({
      ...(group === "" ? {} : { group }),
      run: info.runName,
      runId: info.runId,
      [metric]: data.metrics[metric],
    }));
    const rows = found.map((each) =>
      Object.values(each).map((cell) => (typeof cell === "number" ? formatMetric(cell) : String(cell))),
    );
    writeResult(flags.json, found, table(rows));
    return 0;
  });
}
