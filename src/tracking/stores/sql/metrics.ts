// Histories of metrics in SQL. Each function expects to run inside a transaction.
import { type PagedList, pagedList } from "../../paged-list.ts";
import { runsThatFit, sortPoints } from "../../metric-points.ts";
import type { MetricHistoriesInput } from "../../store.ts";
import type { Metric } from "../../types.ts";
import { invalid } from "../../validation.ts";
import { fromSqlMetricValue, groupRows, toMetric } from "./rows.ts";
import { selectRunInfo } from "./runs.ts";
import { type Sql, type SqlRow, type SqlValue, allIn } from "./sql.ts";

const point = '"key", value, timestamp, step, is_nan';
const curve = 'run_uuid, "key"';
const order = "step, timestamp, value, is_nan";

/** Reads the points of one metric by step, then time, then value. A page goes on after the last point, by its key. */
export async function selectMetricHistory(
  sql: Sql,
  runId: string,
  key: string,
  { maxResults, pageToken }: { maxResults?: number; pageToken?: string } = {},
): Promise<PagedList<Metric>> {
  if (maxResults !== undefined) checkCount("metricHistory", maxResults);
  await selectRunInfo(sql, runId);
  const values: SqlValue[] = [runId, key];
  let query = `SELECT ${point} FROM ${metricsOf(sql)} WHERE run_uuid = ? AND "key" = ?`;
  if (pageToken !== undefined) {
    const after = parseHistoryToken(pageToken);
    // the first condition says nothing new, but it is the one that an index can use
    query += ` AND step >= ? AND (${order}) > (?, ?, ?, ?)`;
    values.push(after[0], ...after);
  }
  query += ` ORDER BY ${order}`;
  if (maxResults !== undefined) {
    query += " LIMIT ?";
    values.push(maxResults + 1);
  }
  const rows = await sql.all(query, ...values);
  const hasMore = maxResults !== undefined && rows.length > maxResults;
  if (hasMore) rows.pop();
  return pagedList(rows.map(toMetric), hasMore ? historyToken(rows[rows.length - 1]!) : undefined);
}

/** Reads all points of the first of some runs, as many runs as fit. */
export async function selectPoints(sql: Sql, runIds: readonly string[]): Promise<Metric[][]> {
  const select = (columns: string, ids: readonly string[], end: string) =>
    allIn(sql, (keys) => `SELECT ${columns} FROM ${metricsOf(sql)} WHERE run_uuid IN (${keys}) ${end}`, ids);
  const curves = await select(
    'run_uuid, "key", COUNT(*) AS points',
    runIds,
    `GROUP BY ${curve} ORDER BY ${curve}`,
  );
  const curvesOf = groupRows(curves, "run_uuid");
  const counts = runIds.map((id) => curvesOf(id).reduce((sum, row) => sum + Number(row["points"]), 0));
  const ids = runIds.slice(0, runsThatFit(counts));
  const wanted = new Map(ids.map((runId): [SqlValue, Metric[]] => [runId, []]));
  // names of runs and metrics take longer to read than numbers, and the counts tell to which a row belongs
  const numbers = "step, timestamp, CASE is_nan WHEN true THEN NULL ELSE value END AS value";
  const rows = await select(numbers, ids, `ORDER BY ${curve}, step`);
  let at = 0;
  for (const { run_uuid: runId, key: name, points } of curves) {
    const ofRun = wanted.get(runId!);
    const key = String(name);
    for (let end = at + Number(points); ofRun !== undefined && at < end; at++) {
      const row = rows[at]!;
      const [timestamp, step] = [Number(row["timestamp"]), Number(row["step"])];
      ofRun.push({ key, value: fromSqlMetricValue(row), timestamp, step });
    }
  }
  return [...wanted.values()].map(sortPoints);
}

/** Reads points of one metric of several runs; of a long history one in each of `maxResults` equal parts, and the last. */
export async function selectMetricHistories(
  sql: Sql,
  { runIds, key, startStep, endStep, maxResults = 2500 }: MetricHistoriesInput,
): Promise<(Metric & { runId: string })[]> {
  checkCount("metricHistories", maxResults);
  const points: (Metric & { runId: string })[] = [];
  for (const runId of runIds) {
    await selectRunInfo(sql, runId);
    const values: SqlValue[] = [runId, key];
    let where = 'run_uuid = ? AND "key" = ?';
    for (const [comparison, step] of [
      [">=", startStep],
      ["<=", endStep],
    ] as const) {
      if (step === undefined) continue;
      where += ` AND step ${comparison} ?`;
      values.push(step);
    }
    const selected = { where, values };
    const rows = await selectThinned(sql, selected, maxResults);
    const backwards = order.replaceAll(",", " DESC,");
    const last = await sql.first(
      `SELECT ${point} FROM ${metricsOf(sql)} WHERE ${where} ORDER BY ${backwards} DESC LIMIT 1`,
      ...values,
    );
    if (last !== undefined && !isSamePoint(rows[rows.length - 1], last)) {
      if (rows.length === maxResults) rows.pop();
      rows.push(last);
    }
    for (const row of rows) points.push({ ...toMetric(row), runId });
  }
  return points;
}

/** Says which points are meant: a condition and the values that it binds. */
interface Selected {
  where: string;
  values: readonly SqlValue[];
}

/** Is how points are divided as NTILE divides them: the first `longParts` parts have `length + 1` points, others `length`. */
interface Division {
  parts: number;
  length: number;
  longParts: number;
}

/** Reads the first point of each of `parts` parts, whose lengths differ by at most one; all points where there are fewer. */
async function selectThinned(sql: Sql, selected: Selected, parts: number): Promise<SqlRow[]> {
  const { where, values } = selected;
  const from = `FROM ${metricsOf(sql)} WHERE ${where}`;
  const count = async (what: string) =>
    Number((await sql.first(`SELECT COUNT(${what}) AS n ${from}`, ...values))?.["n"]);
  const points = await count("*");
  if (points <= parts) return sql.all(`SELECT ${point} ${from} ORDER BY ${order}`, ...values);
  const division = { parts, length: Math.floor(points / parts), longParts: points % parts };
  const hasOnePointAStep = (await count("DISTINCT step")) === points;
  return (hasOnePointAStep ? selectByJumps : selectByPlace)(sql, selected, division);
}

/** Jumps from each part to the next in the index alone, which has the steps in order: nothing is sorted. */
async function selectByJumps(
  sql: Sql,
  { where, values }: Selected,
  { parts, length, longParts }: Division,
): Promise<SqlRow[]> {
  const from = `FROM ${metricsOf(sql)} WHERE ${where}`;
  const rows = await sql.all(`SELECT ${point} ${from} ORDER BY step LIMIT 1`, ...values);
  const stretches = [
    { jump: length + 1, jumps: longParts },
    { jump: length, jumps: parts - longParts - 1 },
  ];
  for (const { jump, jumps } of stretches) {
    const found = await sql.all(
      "WITH RECURSIVE kept (first_step, jumps_left) AS (SELECT CAST(? AS BIGINT), CAST(? AS BIGINT) UNION ALL " +
        `SELECT (SELECT step ${from} AND step >= kept.first_step ORDER BY step LIMIT 1 OFFSET ?), jumps_left - 1 ` +
        "FROM kept WHERE jumps_left > 0) " +
        `SELECT ${point} FROM kept CROSS JOIN ${metricsOf(sql)} WHERE ${where} AND step = first_step ` +
        "ORDER BY jumps_left DESC",
      rows.pop()!["step"]!,
      jumps,
      ...values,
      jump,
      ...values,
    );
    for (const row of found) rows.push(row);
  }
  return rows;
}

/** Numbers all points in order, and keeps those at the beginning of a part. */
function selectByPlace(
  sql: Sql,
  { where, values }: Selected,
  { length, longParts }: Division,
): Promise<SqlRow[]> {
  const inLongParts = longParts * (length + 1);
  return sql.all(
    `SELECT ${point} FROM (SELECT ${point}, row_number() OVER (ORDER BY ${order}) - 1 AS place ` +
      `FROM ${metricsOf(sql)} WHERE ${where}) AS placed ` +
      "WHERE CASE WHEN place < ? THEN place % ? ELSE (place - ?) % ? END = 0 ORDER BY place",
    ...values,
    inLongParts,
    length + 1,
    inLongParts,
    length,
  );
}

/** Names the table with the index that has a run's points of one key together. */
function metricsOf(sql: Sql): string {
  return `metrics${sql.dialect.indexedBy("index_metrics_run_uuid_key_step")}`;
}

function isSamePoint(a: SqlRow | undefined, b: SqlRow): boolean {
  return order.split(", ").every((column) => a?.[column] === b[column]);
}

function historyToken(row: SqlRow): string {
  return Buffer.from(JSON.stringify(order.split(", ").map((column) => row[column]))).toString("base64url");
}

function parseHistoryToken(token: string): [number, number, number, number] {
  try {
    const after: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(after) && after.length === 4 && after.every(Number.isFinite)) {
      return after as [number, number, number, number];
    }
  } catch {
    // no JSON: the message below says so
  }
  throw invalid(`metricHistory: pageToken must be the token of the page before, got "${token}".`);
}

function checkCount(where: string, maxResults: number): void {
  if (!Number.isSafeInteger(maxResults) || maxResults < 1) {
    throw invalid(`${where}: maxResults must be a whole number above 0, got ${maxResults}.`);
  }
}
