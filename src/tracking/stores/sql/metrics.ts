// Histories of metrics in SQL. Each function expects to run inside a transaction.
import { type PagedList, pagedList } from "../../paged-list.ts";
import type { MetricHistoriesInput } from "../../store.ts";
import type { Metric } from "../../types.ts";
import { invalid } from "../../validation.ts";
import { toMetric } from "./rows.ts";
import { selectRunInfo } from "./runs.ts";
import type { Sql, SqlRow, SqlValue } from "./sql.ts";

const point = '"key", value, timestamp, step, is_nan';
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
  let query = `SELECT ${point} FROM metrics WHERE run_uuid = ? AND "key" = ?`;
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
    const rows = await sql.all(
      `SELECT ${point} FROM (SELECT ${point}, row_number() OVER (PARTITION BY bucket ORDER BY ${order}) AS place ` +
        `FROM (SELECT ${point}, ntile(?) OVER (ORDER BY ${order}) AS bucket FROM metrics WHERE ${where}) AS bucketed) ` +
        `AS placed WHERE place = 1 ORDER BY ${order}`,
      maxResults,
      ...values,
    );
    const backwards = order.replaceAll(",", " DESC,");
    const last = await sql.first(
      `SELECT ${point} FROM metrics WHERE ${where} ORDER BY ${backwards} DESC LIMIT 1`,
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
