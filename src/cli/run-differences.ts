// What differs between runs: params, the last and the best values of metrics, and configs by path.
import { text } from "node:stream/consumers";
import { parse as parseYaml } from "yaml";
import { metricMode } from "../config/index.ts";
import { artifactRepository, flattenParams } from "../tracking/index.ts";
import type { Run, Store } from "../tracking/index.ts";

/** One value for each run, undefined where it has none. */
type Row<T> = readonly (T | undefined)[];

/** The best point of a metric. */
interface BestPoint {
  value: number;
  step: number;
}

/** The best points of a metric, and which of the runs have the best of them. */
export interface BestRow {
  mode: "min" | "max";
  values: Row<BestPoint>;
  winners: readonly number[];
}

/** What differs, by name. */
export interface RunDifferences {
  /** Params that are no part of the configs. */
  params: ReadonlyMap<string, Row<string>>;
  /** Last values. */
  metrics: ReadonlyMap<string, Row<number>>;
  /** Of metrics of which it is known which way is better. */
  best: ReadonlyMap<string, BestRow>;
  /** By path, `optimizer.lr`; where all runs have recorded their config. */
  config: ReadonlyMap<string, Row<string>>;
}

/** Reads what differs between runs of a store; what is the same in all of them is left out. */
export async function differencesOf(store: Store, runs: readonly Run[]): Promise<RunDifferences> {
  const configs = await Promise.all(runs.map((run) => configOf(store, run)));
  const config = configs.every((values) => values !== undefined)
    ? differing(configs)
    : new Map<string, Row<string>>();
  const params = differing(runs.map(({ data }) => data.params));
  for (const name of config.keys()) params.delete(name);
  const metrics = differing(runs.map(({ data }) => data.metrics));
  const best = new Map<string, BestRow>();
  const names = [...new Set(runs.flatMap(({ data }) => Object.keys(data.metrics)))].sort();
  for (const name of names) {
    const mode = metricMode(name);
    if (mode === undefined) continue;
    const values = await Promise.all(runs.map((run) => bestOf(store, run, { name, mode })));
    if (!isDiffering(values.map((point) => point?.value))) continue;
    best.set(name, { mode, values, winners: winnersOf(values, mode) });
  }
  return { params, metrics, best, config };
}

/** Reads the config that a training records among its artifacts; undefined where there is none that can be read. */
async function configOf(store: Store, { info }: Run): Promise<Record<string, string> | undefined> {
  try {
    const file = await artifactRepository(info.artifactUri, store).open("use_case.yaml");
    const config: unknown = parseYaml(await text(file));
    return typeof config === "object" && config !== null
      ? flattenParams(config as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // another program's run, or artifacts that are elsewhere: its params still tell
  }
}

async function bestOf(
  store: Store,
  { info, data }: Run,
  { name, mode }: { name: string; mode: "min" | "max" },
): Promise<BestPoint | undefined> {
  if (!Object.hasOwn(data.metrics, name)) return undefined;
  let best: BestPoint | undefined;
  let pageToken: string | undefined;
  do {
    const page = await store.metricHistory(info.runId, name, pageToken === undefined ? {} : { pageToken });
    for (const { value, step } of page) {
      const isBetter = best === undefined || (mode === "min" ? value < best.value : value > best.value);
      if (!Number.isNaN(value) && isBetter) best = { value, step };
    }
    pageToken = page.token;
  } while (pageToken !== undefined);
  return best;
}

function winnersOf(values: Row<BestPoint>, mode: "min" | "max"): number[] {
  const known = values.flatMap((point) => (point === undefined ? [] : [point.value]));
  const target = mode === "min" ? Math.min(...known) : Math.max(...known);
  return values.flatMap((point, index) => (point?.value === target ? [index] : []));
}

/** Returns the values of each key that are not the same in all. */
function differing<T>(records: readonly Readonly<Record<string, T>>[]): Map<string, Row<T>> {
  const isSystem = (key: string) => Number(key.startsWith("system/")); // what the machine did comes last
  const keys = [...new Set(records.flatMap((record) => Object.keys(record)))]
    .sort()
    .sort((a, b) => isSystem(a) - isSystem(b));
  const rows = keys.map(
    (key) => [key, records.map((record) => (Object.hasOwn(record, key) ? record[key] : undefined))] as const,
  );
  return new Map(rows.filter(([, values]) => isDiffering(values)));
}

function isDiffering(values: readonly unknown[]): boolean {
  return values.some((value) => !Object.is(value, values[0]));
}
