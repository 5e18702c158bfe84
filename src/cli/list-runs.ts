// Runs as a table of a line each, for `sconce runs list`.
import type { Run } from "../tracking/index.ts";
import { formatMetric, formatTime, table } from "./table.ts";

/** Says what is shown of runs. */
export interface ListRunsOptions {
  /** @default four of the runs' metrics, first those by which they are ordered, then those of test and validation */
  metrics?: readonly string[] | undefined;
  /** How the runs were ordered, `metrics.f1 DESC`, say. */
  orderBy?: readonly string[] | undefined;
  /** Width of the terminal. @default any */
  columns?: number | undefined;
}

const idLength = 32;
const shortIdLength = 8;

/** Lines up runs. On a terminal that is too narrow ids are cut to their beginning, and chosen metrics left out. */
export function listRuns(
  runs: readonly Run[],
  { metrics, orderBy = [], columns = Infinity }: ListRunsOptions,
): string[] {
  const fits = (lines: readonly string[]) => lines.every((line) => line.length <= columns);
  const shown = metrics ?? chooseMetrics(runs, orderBy);
  let lines = tableOf(runs, shown, idLength);
  if (fits(lines)) return lines;
  const fewest = metrics?.length ?? 0;
  for (let count = shown.length; count >= fewest; count--) {
    lines = tableOf(runs, shown.slice(0, count), shortIdLength);
    if (fits(lines)) break;
  }
  return lines;
}

function tableOf(runs: readonly Run[], metrics: readonly string[], length: number): string[] {
  const rows = runs.map(({ info, data }) => [
    info.runId.slice(0, length),
    info.runName,
    info.status,
    formatTime(info.startTime),
    ...metrics.map((metric) => formatMetric(data.metrics[metric])),
  ]);
  return table([["run", "name", "status", "started", ...metrics], ...rows]);
}

function chooseMetrics(runs: readonly Run[], orderBy: readonly string[]): string[] {
  const names = [...new Set(runs.flatMap(({ data }) => Object.keys(data.metrics)))];
  const terms = orderBy.map((term) => /^\s*metrics?\.[`"]?(.+?)[`"]?(\s+(asc|desc))?\s*$/i.exec(term)?.[1]);
  const deciding = terms.filter((name) => name !== undefined && names.includes(name)) as string[];
  const judged = (name: string) => Number(!/^(test|val)[_/]/u.test(name)); // what a model is judged by comes first
  const others = names
    .filter((name) => !name.startsWith("system/"))
    .sort()
    .sort((a, b) => judged(a) - judged(b));
  return [...new Set([...deciding, ...others])].slice(0, 4);
}
