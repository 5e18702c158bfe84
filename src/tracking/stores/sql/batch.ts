// Metrics and params in SQL. Each function expects to run inside a transaction.
import type { Metric, Param } from "../../types.ts";
import { invalid } from "../../validation.ts";
import type { Database } from "./database.ts";
import { toSqlMetricValue } from "./rows.ts";

/** Adds points to the history, skips those that are there, and moves the latest values on. */
export function insertMetrics(db: Database, runId: string, metrics: readonly Metric[]): void {
  const latest = new Map<string, Metric>();
  for (const metric of metrics) {
    const { value, isNan } = toSqlMetricValue(metric.value);
    db.run(
      'INSERT OR IGNORE INTO metrics ("key", value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)',
      metric.key,
      value,
      metric.timestamp,
      runId,
      metric.step,
      isNan,
    );
    const best = latest.get(metric.key);
    if (best === undefined || isLater(metric, best)) latest.set(metric.key, metric);
  }
  for (const metric of latest.values()) {
    const { value, isNan } = toSqlMetricValue(metric.value);
    db.run(
      'INSERT INTO latest_metrics ("key", value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?) ' +
        'ON CONFLICT ("key", run_uuid) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp, ' +
        "step = excluded.step, is_nan = excluded.is_nan WHERE (excluded.step, excluded.timestamp, excluded.value) > " +
        "(latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)",
      metric.key,
      value,
      metric.timestamp,
      metric.step,
      isNan,
      runId,
    );
  }
}

/** Adds params; one that is there with another value throws, one with the same value is skipped. */
export function insertParams(db: Database, runId: string, params: readonly Param[]): void {
  for (const { key, value } of params) {
    const { changes } = db.run(
      'INSERT OR IGNORE INTO params ("key", value, run_uuid) VALUES (?, ?, ?)',
      key,
      value,
      runId,
    );
    if (changes === 1) continue;
    const old = db.first('SELECT value FROM params WHERE "key" = ? AND run_uuid = ?', key, runId)?.["value"];
    if (old !== value) {
      throw invalid(
        `param "${key}": a value cannot change once it is logged, got "${preview(value)}" after ` +
          `"${preview(String(old))}". Start another run, or log it under another name.`,
      );
    }
  }
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
