// What runs log in MongoDB. A batch is one replacement of the run's document: params, tags, latest points, and the points
// themselves in a journal within the document. A full journal moves to buckets, which count once the run lists them: the
// bucket's id names the revision of the run whose journal it holds, so that writers who move the same journal at once
// write the same bucket, and what a crash leaves behind is in no list.
import { comparePoints, thinPoints, sortPoints } from "../../metric-points.ts";
import type { LogBatchInput, MetricHistoriesInput } from "../../store.ts";
import type { Metric } from "../../types.ts";
import { checkBatch, checkKey, checkMetric } from "../../validation.ts";
import {
  type Collections,
  type Pair,
  type RunDocument,
  change,
  groupPoints,
  withParams,
} from "./documents.ts";
import { addModelPoints, findLoggedModel } from "./logged-models.ts";
import { changeActiveRun, findRun, setRunTags } from "./runs.ts";

const journalLimit = 500;

/** Writes a batch: all of it or nothing. */
export async function writeBatch(
  collections: Collections,
  { runId, metrics = [], params = [], tags = [] }: LogBatchInput,
): Promise<void> {
  const checked = checkBatch(metrics, params, tags);
  const points = metrics.map(toPoint);
  const ofModels = points.filter(({ modelId }) => modelId !== undefined);
  await changeActiveRun(collections, runId, async (run) => {
    for (const modelId of new Set(ofModels.map((point) => point.modelId!))) {
      await findLoggedModel(collections, modelId);
    }
    run.params = withParams(`run ${runId}`, run.params, checked.params.map(toPair));
    setRunTags(run, checked.tags.map(toPair));
    run.metrics = latestPoints([...run.metrics, ...points]);
    if (run.journal.length + points.length > journalLimit) await moveJournal(collections, run);
    run.journal = distinctPoints([...run.journal, ...points]);
    run.modelPoints = [...run.modelPoints, ...ofModels];
  });
  if (ofModels.length > 0) await finishModelPoints(collections, runId);
}

/** Adds points to a run, whatever its state; those that are there are skipped. */
export async function importPoints(
  collections: Collections,
  runId: string,
  points: readonly Metric[],
): Promise<void> {
  for (const point of points) checkMetric(point);
  for (const [key, ofKey] of groupPoints(points, (point) => point.key)) {
    const there = await readPoints(collections, runId, key);
    const added = distinctPoints([...there, ...ofKey]).slice(there.length);
    await change(
      collections.runs,
      () => findRun(collections, runId),
      (run) => addPoints(collections, run, added),
    );
  }
}

/** Adds any number of points to a run that was read; its journal stays short. */
export async function addPoints(
  collections: Collections,
  run: RunDocument,
  metrics: readonly Metric[],
): Promise<void> {
  const points = metrics.map(toPoint);
  run.metrics = latestPoints([...run.metrics, ...points]);
  run.journal = distinctPoints([...run.journal, ...points]);
  if (run.journal.length > journalLimit) await moveJournal(collections, run);
}

/** Reads all points of a metric by step, then time, then value. */
export async function readPoints(collections: Collections, runId: string, key: string): Promise<Metric[]> {
  checkKey("metric", key);
  return readAllPoints(collections, runId, key);
}

/** Reads all points of a run, by key first, or those of one metric. */
export async function readAllPoints(
  collections: Collections,
  runId: string,
  key?: string,
): Promise<Metric[]> {
  // buckets first would miss those that fill meanwhile: the run's list says which count
  const run = await findRun(collections, runId);
  const listed = new Set(run.buckets);
  const found = await collections.buckets
    .find({ runId: String(runId), ...(key !== undefined && { key }) })
    .toArray();
  const inBuckets = found.filter(({ rev }) => listed.has(rev)).flatMap(({ points }) => points);
  const inJournal = run.journal.filter((point) => key === undefined || point.key === key);
  return sortPoints(distinctPoints([...inBuckets, ...inJournal]));
}

/** Reads points of a metric of several runs between two steps, of each run at most `maxResults`. */
export async function readHistories(
  collections: Collections,
  { runIds, key, startStep = -Infinity, endStep = Infinity, maxResults }: MetricHistoriesInput,
): Promise<(Metric & { runId: string })[]> {
  const histories: (Metric & { runId: string })[][] = [];
  for (const runId of runIds) {
    const all = await readPoints(collections, runId, key);
    const points = all.filter(({ step }) => step >= startStep && step <= endStep);
    histories.push(thinPoints(points, maxResults).map((point) => ({ ...point, runId })));
  }
  return histories.flat();
}

/** Hands logged models the points that a run holds for them. */
export async function finishModelPoints(collections: Collections, runId: string): Promise<void> {
  const run = await findRun(collections, runId);
  await addModelPoints(collections, runId, run.modelPoints);
  const done = new Set(run.modelPoints.map((point) => JSON.stringify(pointKey(point))));
  await change(
    collections.runs,
    () => findRun(collections, runId),
    (current) => {
      current.modelPoints = current.modelPoints.filter((point) => !done.has(JSON.stringify(pointKey(point))));
    },
  );
}

async function moveJournal({ buckets }: Collections, run: RunDocument): Promise<void> {
  const { _id: runId, rev, journal } = run;
  if (journal.length === 0) return;
  const groups = groupPoints(journal, ({ key }) => key);
  for (const [index, [key, points]] of [...groups].entries()) {
    const document = { runId, rev, key, points };
    // the same journal has the same buckets, whoever moves it
    await buckets.replaceOne({ _id: `${runId}:${rev}:${index}` }, document, { upsert: true });
  }
  run.buckets.push(rev);
  run.journal = [];
}

function latestPoints(points: readonly Metric[]): Metric[] {
  const latest = new Map<string, Metric>();
  for (const point of points) {
    const known = latest.get(point.key);
    if (known === undefined || comparePoints(point, known) >= 0) latest.set(point.key, point);
  }
  return [...latest.values()];
}

/** Returns points without those that are there already, as the primary key of MLflow's table has it. */
function distinctPoints(points: readonly Metric[]): Metric[] {
  const distinct = new Map<string, Metric>();
  for (const point of points) {
    const key = JSON.stringify([point.key, point.step, point.timestamp, String(point.value)]);
    if (!distinct.has(key)) distinct.set(key, point);
  }
  return [...distinct.values()];
}

function pointKey({ key, step, timestamp, value, modelId, datasetName, datasetDigest }: Metric): unknown[] {
  return [key, step, timestamp, String(value), modelId, datasetName, datasetDigest];
}

function toPoint({ key, value, timestamp, step, modelId, datasetName, datasetDigest }: Metric): Metric {
  return {
    key,
    value: value + 0, // -0 and 0 are one point
    timestamp,
    step,
    ...(modelId !== undefined && { modelId }),
    ...(datasetName !== undefined && { datasetName }),
    ...(datasetDigest !== undefined && { datasetDigest }),
  };
}

function toPair({ key, value }: { key: string; value: string }): Pair {
  return { k: key, v: value };
}
