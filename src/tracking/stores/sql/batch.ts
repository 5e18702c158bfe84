// Metrics, params and tags of runs in SQL. Each function expects to run inside a transaction.
import { runNameTag } from "../../run-name.ts";
import type { Metric, Param } from "../../types.ts";
import { checkKey, invalid, limits, truncate } from "../../validation.ts";
import { keyValues, toSqlMetricValue } from "./rows.ts";
import { type Sql, insertMissing, insertRows } from "./sql.ts";

/** Adds points of runs to the history, skips those that are there, and moves the latest values on. */
export async function insertMetrics(
  sql: Sql,
  runs: readonly { runId: string; metrics: readonly Metric[] }[],
): Promise<void> {
  const columns = ['"key"', "value", "timestamp", "run_uuid", "step", "is_nan"];
  const toRow = ({ key, value: given, timestamp, step }: Metric, runId: string) => {
    const { value, isNan } = toSqlMetricValue(given);
    return [key, value, timestamp, runId, step, isNan];
  };
  const points = runs.flatMap(({ runId, metrics }) => metrics.map((metric) => toRow(metric, runId)));
  await insertMissing(sql, "metrics", columns, points);
  await insertRows(
    sql,
    "latest_metrics",
    columns,
    runs.flatMap(({ runId, metrics }) => latestOf(metrics).map((metric) => toRow(metric, runId))),
    'ON CONFLICT ("key", run_uuid) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp, ' +
      "step = excluded.step, is_nan = excluded.is_nan WHERE (excluded.step, excluded.timestamp, excluded.value) > " +
      "(latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)",
  );
}

/** Adds params; one that is there with another value throws, one with the same value is skipped. */
export async function insertParams(sql: Sql, runId: string, params: readonly Param[]): Promise<void> {
  const added = await insertMissing(
    sql,
    "params",
    ['"key"', "value", "run_uuid"],
    params.map(({ key, value }) => [key, value, runId]),
  );
  if (added === params.length) return;
  const rows = await sql.all('SELECT "key", value FROM params WHERE run_uuid = ?', runId);
  const there = keyValues(rows);
  for (const { key, value } of params) {
    if (there[key] === value) continue;
    throw invalid(
      `param "${key}": a value cannot change once it is logged, got "${preview(value)}" after ` +
        `"${preview(String(there[key]))}". Start another run, or log it under another name.`,
    );
  }
}

/** Writes tags over what is there; the tag of the name renames the run. */
export async function upsertTags(sql: Sql, runId: string, tags: Record<string, string>): Promise<void> {
  const entries = Object.entries(tags);
  for (const [key] of entries) checkKey("tag", key);
  const name = tags[runNameTag];
  if (name !== undefined) await sql.run("UPDATE runs SET name = ? WHERE run_uuid = ?", name, runId);
  await insertRows(
    sql,
    "tags",
    ['"key"', "value", "run_uuid"],
    entries.map(([key, value]) => [key, truncate(value, limits.tagValue), runId]),
    'ON CONFLICT ("key", run_uuid) DO UPDATE SET value = excluded.value',
  );
}

function latestOf(metrics: readonly Metric[]): Metric[] {
  const latest = new Map<string, Metric>();
  for (const metric of metrics) {
    const best = latest.get(metric.key);
    if (best === undefined || isLater(metric, best)) latest.set(metric.key, metric);
  }
  return [...latest.values()];
}

// MLflow's order: by step, then time, then value, where NaN counts as 0
function isLater(a: Metric, b: Metric): boolean {
  if (a.step !== b.step) return a.step > b.step;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  return toSqlMetricValue(a.value).value > toSqlMetricValue(b.value).value;
}

function preview(value: string): string {
  return value.length > 60 ? `${value.slice(0, 60)}...` : value;
}
