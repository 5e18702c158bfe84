// `sconce compare`: what differs between runs, side by side.
import { UsageError, printable } from "../base/index.ts";
import type { Run } from "../tracking/index.ts";
import { parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { findRun, runFlags, withStore } from "./find-run.ts";
import { differencesOf } from "./run-differences.ts";
import type { BestRow, RunDifferences } from "./run-differences.ts";
import { clip } from "./styles.ts";
import { formatMetric, table, writeResult } from "./table.ts";

export const command: Command = {
  help: `Usage: sconce compare RUN RUN [...] [--json] [--tracking-uri URI]

Shows what differs between runs, and nothing else: how they ended, the last
value of each metric, the best one with its step (a * marks the best of all),
their configs by path, and params that are no part of a config.

RUN is an id, or as much of its beginning as names one run.

  --tracking-uri URI     the store (default: MLFLOW_TRACKING_URI, else the
                         project's own)
  --json                 prints the result as JSON

Example:
  sconce compare 3fa2 91bc`,

  async run(words) {
    const { flags, positionals } = parseWords("compare", words, runFlags);
    if (positionals.length < 2) {
      throw new UsageError("sconce compare: two runs or more are needed. See: sconce compare --help");
    }
    return withStore(flags, async (store) => {
      const runs = await Promise.all(positionals.map((id) => findRun(store, id)));
      const found = await differencesOf(store, runs);
      writeResult(flags.json, asJson(runs, found), asTable(runs, found, process.stdout.columns ?? Infinity));
      return 0;
    });
  },
};

function asJson(runs: readonly Run[], { params, metrics, best, config }: RunDifferences): object {
  const wire = (value: number) => (Number.isFinite(value) ? value : String(value));
  const numbers = (values: readonly (number | undefined)[]) =>
    values.map((value) => (value === undefined ? null : wire(value)));
  const texts = (rows: ReadonlyMap<string, readonly (string | undefined)[]>) =>
    Object.fromEntries([...rows].map(([name, values]) => [name, values.map((value) => value ?? null)]));
  return {
    runs: runs.map(({ info }) => info.runId),
    names: runs.map(({ info }) => info.runName),
    status: runs.map(({ info }) => info.status),
    metrics: Object.fromEntries([...metrics].map(([name, values]) => [name, numbers(values)])),
    best: Object.fromEntries(
      [...best].map(([name, { mode, values, winners }]) => [
        name,
        {
          mode,
          values: values
            .map((point) => point && { ...point, value: wire(point.value) })
            .map((each) => each ?? null),
          winners: winners.map((index) => runs[index]!.info.runId),
        },
      ]),
    ),
    config: texts(config),
    params: texts(params),
  };
}

function asTable(runs: readonly Run[], found: RunDifferences, columns: number): string[] {
  const { params, metrics, best, config } = found;
  const section = (title: string, rows: readonly (readonly string[])[]) =>
    rows.length === 0 ? [] : [["", ...runs.map(() => "")], [title, ...runs.map(() => "")], ...rows];
  const texts = (rows: ReadonlyMap<string, readonly (string | undefined)[]>) =>
    [...rows].map(([name, values]) => [`  ${name}`, ...values.map((value) => value ?? "-")]);
  const rows = [
    ["", ...runs.map(({ info }) => info.runName)],
    ["run", ...runs.map(({ info }) => info.runId.slice(0, 8))],
    ["status", ...runs.map(({ info }) => info.status)],
    ...section(
      "Metrics",
      [...metrics].map(([name, values]) => [`  ${name}`, ...values.map(formatMetric)]),
    ),
    ...section(
      "Best",
      [...best].map(([name, row]) => [`  ${name} (${row.mode})`, ...bestCells(row)]),
    ),
    ...section("Config", texts(config)),
    ...section("Params", texts(params)),
  ];
  const isSame = metrics.size + best.size + config.size + params.size === 0;
  return [...table(fit(rows, columns)), ...(isSame ? ["", "Nothing differs that the runs logged."] : [])];
}

function bestCells({ values, winners }: BestRow): string[] {
  return values.map((point, index) => {
    if (point === undefined) return "-";
    return `${formatMetric(point.value)} @${point.step}${winners.includes(index) ? " *" : ""}`;
  });
}

const narrowestCell = 8;

/** Cuts cells so that rows fit the terminal: names keep up to two fifths of it, the runs share the rest. */
function fit(rows: readonly (readonly string[])[], columns: number): string[][] {
  const shown = rows.map((row) => row.map(printable));
  const runs = shown[0]!.length - 1;
  const widest = (column: number) => Math.max(...shown.map((row) => row[column]!.length));
  const cells = Array.from({ length: runs }, (_, i) => widest(i + 1));
  const total = widest(0) + cells.reduce((sum, width) => sum + 2 + width, 0);
  if (total <= columns) return shown;
  const name = Math.min(widest(0), Math.max(narrowestCell, Math.floor(columns * 0.4)));
  const cell = Math.max(narrowestCell, Math.floor((columns - name) / runs) - 2);
  return shown.map((row) => row.map((text, column) => clip(text, column === 0 ? name : cell)));
}
