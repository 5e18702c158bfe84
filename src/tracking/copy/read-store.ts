// Reads a whole store, entity by entity, so that nothing larger than a page is in memory.
import { TrackingError } from "../../base/index.ts";
import type { Store } from "../open-store.ts";
import { eachPage } from "../paged-list.ts";
import { promptTag, quoted } from "../search/index.ts";
import {
  type LoggedModelRecord,
  type RegisteredModelRecord,
  type RunRecord,
  type StoreExporter,
  isExporter,
  pointsRead,
} from "../transfer.ts";
import type { Experiment, Metric } from "../types.ts";
import { type Webhook, keepsWebhooks } from "../webhooks/webhook.ts";

const runsAtOnce = 500;

/** Is one thing that a store holds. Experiments come before runs, runs before what was measured on logged models. */
export type StoreEntity =
  | { kind: "experiment"; id: string; record: Experiment }
  | { kind: "run"; id: string; record: RunRecord }
  | { kind: "logged model"; id: string; record: LoggedModelRecord }
  | { kind: "registered model"; id: string; record: RegisteredModelRecord }
  | { kind: "webhook"; id: string; record: Webhook };

type RunEntity = Extract<StoreEntity, { kind: "run" }>;

/** Says what of a store is read. */
export interface ReadOptions {
  /** Whether webhooks are. */
  withWebhooks: boolean;
}

/** Walks through all that a store holds, what is in the trash too. */
export async function* readStore(store: Store, { withWebhooks }: ReadOptions): AsyncGenerator<StoreEntity> {
  const exporter = isExporter(store) ? store : exporterOf(store);
  const ids: string[] = [];
  for await (const record of eachPage((pageToken) =>
    store.searchExperiments({ viewType: "ALL", orderBy: ["creation_time ASC"], ...token(pageToken) }),
  )) {
    ids.push(record.experimentId);
    yield { kind: "experiment", id: record.experimentId, record };
  }
  const runIds = new Set<string>();
  for (const experimentId of ids) {
    for await (const record of readRuns(store, exporter, experimentId)) {
      const { runId } = record.run.info;
      runIds.add(runId);
      yield { kind: "run", id: runId, record };
    }
  }
  for (const experimentId of ids) {
    for (let after: string | undefined; ;) {
      const records = await exporter.exportLoggedModels(experimentId, after);
      after = records.at(-1)?.model.modelId;
      if (after === undefined) break;
      for (const record of records) {
        // some stores forget the points of a run that is removed for ever, some do not
        const points = record.points.filter(({ runId }) => runIds.has(runId));
        yield { kind: "logged model", id: record.model.modelId, record: { ...record, points } };
      }
    }
  }
  for (const name of await registeredModelNames(store)) {
    yield { kind: "registered model", id: name, record: await exporter.exportRegisteredModel(name) };
  }
  if (!withWebhooks) return;
  for await (const record of readWebhooks(store)) yield { kind: "webhook", id: record.webhookId, record };
}

/** Reads the webhooks of a store that tells their secrets too, as they are encrypted; a server does not. */
export async function* readWebhooks(store: Store): AsyncGenerator<Webhook> {
  if (!keepsWebhooks(store) || !isExporter(store)) return;
  yield* eachPage((pageToken) => store.webhooks.listWebhooks({ maxResults: 1000, ...token(pageToken) }));
}

/** Is an entity, and of a run a part of its points: runs with many come in several parts. */
export interface StorePart {
  entity: StoreEntity;
  points: Metric[];
  isFirst: boolean;
  isLast: boolean;
}

/** Reads the points of runs among entities of a store, those of many runs at once; they are in a fixed order. */
export async function* withPoints(
  store: Store,
  entities: AsyncIterable<StoreEntity>,
): AsyncGenerator<StorePart> {
  let runs: RunEntity[] = [];
  for await (const entity of entities) {
    if (entity.kind === "run") runs.push(entity);
    if (entity.kind !== "run" || runs.length === runsAtOnce) {
      yield* pointsOfRuns(store, runs);
      runs = [];
    }
    if (entity.kind !== "run") yield { entity, points: [], isFirst: true, isLast: true };
  }
  yield* pointsOfRuns(store, runs);
}

async function* pointsOfRuns(store: Store, runs: readonly RunEntity[]): AsyncGenerator<StorePart> {
  for (let start = 0; start < runs.length;) {
    const rest = runs.slice(start);
    const lists = isExporter(store) ? await store.exportPoints(rest.map(({ id }) => id)) : [];
    for (const [index, points] of lists.entries()) {
      yield { entity: rest[index]!, points, isFirst: true, isLast: true };
    }
    if (lists.length === 0) yield* pointsInParts(store, rest[0]!);
    start += Math.max(lists.length, 1);
  }
}

async function* pointsInParts(store: Store, entity: RunEntity): AsyncGenerator<StorePart> {
  let isFirst = true;
  for await (const points of readPoints(store, entity.record)) {
    yield { entity, points, isFirst, isLast: false };
    isFirst = false;
  }
  yield { entity, points: [], isFirst, isLast: true };
}

/** Reads the points of all metrics of a run, some thousand at a time. */
async function* readPoints(store: Store, { run }: RunRecord): AsyncGenerator<Metric[]> {
  const { runId } = run.info;
  let points: Metric[] = [];
  for (const key of run.data.latestMetrics.map((metric) => metric.key).sort()) {
    for (let pageToken: string | undefined; ;) {
      const page = await store.metricHistory(runId, key, { maxResults: pointsRead, ...token(pageToken) });
      for (const point of page) points.push(point);
      if (points.length >= pointsRead) {
        yield points;
        points = [];
      }
      pageToken = page.token;
      if (pageToken === undefined) break;
    }
  }
  if (points.length > 0) yield points;
}

async function* readRuns(
  store: Store,
  exporter: StoreExporter,
  experimentId: string,
): AsyncGenerator<RunRecord> {
  const deletionTimes = await exporter.deletionTimes(experimentId);
  for await (const run of eachPage((pageToken) =>
    store.searchRuns({
      experimentIds: [experimentId],
      viewType: "ALL",
      orderBy: ["attributes.start_time ASC"], // runs that begin meanwhile come last
      maxResults: runsAtOnce,
      ...token(pageToken),
    }),
  )) {
    const { runId } = run.info;
    const deletedTime = deletionTimes.get(runId);
    // MLflow's server leaves models that went into a run out of searches
    const whole = isExporter(store) ? run : await store.getRun(runId);
    yield { run: whole, ...(deletedTime !== undefined && { deletedTime }) };
  }
}

async function registeredModelNames(store: Store): Promise<string[]> {
  const names = new Set<string>();
  // MLflow keeps prompts among registered models, and shows them to those who ask
  for (const filter of [undefined, `tags.\`${promptTag}\` = 'true'`]) {
    for await (const { name } of eachPage((pageToken) =>
      store.searchRegisteredModels({ ...(filter !== undefined && { filter }), ...token(pageToken) }),
    )) {
      names.add(name);
    }
  }
  return [...names];
}

/** Reads what any store shows: logged models in use with their latest points, and no times of deletion. */
function exporterOf(store: Store): StoreExporter {
  return {
    deletionTimes: async () => new Map(),
    exportPoints: async () => [],
    exportLoggedModels: async (experimentId, after) => {
      if (after !== undefined) return [];
      const records: LoggedModelRecord[] = [];
      for await (const { metrics, ...model } of eachPage((pageToken) =>
        store.searchLoggedModels({ experimentIds: [experimentId], ...token(pageToken) }),
      )) {
        records.push({ model, lifecycleStage: "active", points: metrics });
      }
      return records;
    },
    exportRegisteredModel: async (name) => {
      const filter = `name = ${quoted(name)}`;
      const versions: RegisteredModelRecord["versions"] = [];
      for (const more of ["", ` AND tags.\`${promptTag}\` = 'true'`]) {
        for await (const version of eachPage((pageToken) =>
          store.searchModelVersions({ filter: filter + more, ...token(pageToken) }),
        )) {
          if (!versions.some((known) => known.version === version.version)) versions.push(version);
        }
      }
      versions.sort((a, b) => a.version - b.version);
      return {
        model: await store.getRegisteredModel(name),
        versions,
        lastVersion: versions.at(-1)?.version ?? 0,
        history: await historyOf(store, name),
      };
    },
  };
}

async function historyOf(store: Store, name: string): Promise<RegisteredModelRecord["history"]> {
  try {
    return await store.registryHistory(name);
  } catch (error) {
    if (error instanceof TrackingError && error.code === "NOT_IMPLEMENTED") return []; // MLflow keeps none
    throw error;
  }
}

function token(pageToken: string | undefined): { pageToken?: string } {
  return pageToken === undefined ? {} : { pageToken };
}
