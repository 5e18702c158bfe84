// Searches in MongoDB. The server narrows down by what a query can say (`toQuery`) and sends of what is left only the
// fields that the filter and the order look at; these decide and sort here, and the page is read whole.
import type { Document, Filter } from "mongodb";
import { type PagedList, pagedList } from "../../paged-list.ts";
import {
  type Comparison,
  type Order,
  type Page,
  type SearchSchema,
  type Searchable,
  compareBy,
  experimentSchema,
  loggedModelSchema,
  matches,
  modelVersionSchema,
  parseFilter,
  parseOrderBy,
  promptTag,
  readModelOrders,
  readPage,
  registeredModelSchema,
  runSchema,
  splitPromptSearch,
  toPagedList,
} from "../../search/index.ts";
import type {
  SearchExperimentsInput,
  SearchInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
} from "../../store.ts";
import type {
  Dataset,
  Experiment,
  LoggedModel,
  ModelVersion,
  RegisteredModel,
  Run,
  ViewType,
} from "../../types.ts";
import { invalid } from "../../validation.ts";
import {
  type Collections,
  type LoggedModelDocument,
  type ModelDocument,
  type RunDocument,
  toRecord,
} from "./documents.ts";
import { toExperiment } from "./experiments.ts";
import { toLoggedModel } from "./logged-models.ts";
import { toQuery } from "./query.ts";
import { toModel, toVersion } from "./registry.ts";
import { contextOf, toRun } from "./runs.ts";

/** Are the fields of a run's attributes. */
const runFields: Readonly<Record<string, string>> = {
  run_id: "_id",
  run_name: "runName",
  user_id: "userId",
  status: "status",
  artifact_uri: "artifactUri",
  start_time: "startTime",
  end_time: "endTime",
};

/** Finds runs. */
export async function searchRuns({ runs }: Collections, input: SearchRunsInput): Promise<PagedList<Run>> {
  const { filter, orderBy, experimentIds, viewType } = input;
  const comparisons = parseFilter(filter, runSchema);
  const orders = parseOrderBy(orderBy, runSchema);
  const page = readPage(input, runSchema, [experimentIds, viewType]);
  const query = {
    lifecycleStage: ofLifecycle(viewType),
    ...(experimentIds !== undefined && { experimentId: { $in: experimentIds.map(String) } }),
    ...toQuery(comparisons, { attributes: runFields, schema: runSchema }),
  } as Filter<RunDocument>;
  const looksAt = (kind: Comparison["kind"]) =>
    [...comparisons, ...orders].some((each) => each.kind === kind);
  const projection: Document = Object.fromEntries(
    [
      ...Object.values(runFields),
      ...(looksAt("tag") ? ["tags"] : []),
      ...(looksAt("param") ? ["params"] : []),
      ...(looksAt("metric") ? ["metrics.key", "metrics.value"] : []),
      ...(looksAt("dataset") ? ["datasetInputs"] : []),
    ].map((field) => [field, 1]),
  );
  const candidates = await runs.find(query, { projection }).toArray();
  const found = find(candidates, {
    toSearchable: searchableRun,
    comparisons,
    orders,
    page,
    schema: runSchema,
  });
  const ids = found.map(({ _id }) => _id);
  const whole = await runs.find({ _id: { $in: ids } }, { projection: { journal: 0, buckets: 0 } }).toArray();
  const byId = new Map(whole.map((run) => [run._id, run]));
  const entities = ids.flatMap((id) => byId.get(id) ?? []).map(toRun);
  return pagedList(entities, found.token);
}

/** Finds experiments. */
export async function searchExperiments(
  { experiments }: Collections,
  input: SearchExperimentsInput,
): Promise<PagedList<Experiment>> {
  const { filter, orderBy, viewType } = input;
  const comparisons = parseFilter(filter, experimentSchema);
  const orders = parseOrderBy(orderBy, experimentSchema);
  const page = readPage(input, experimentSchema, viewType);
  const attributes = {
    experiment_id: "_id",
    name: "name",
    creation_time: "creationTime",
    last_update_time: "lastUpdateTime",
  };
  const query = {
    lifecycleStage: ofLifecycle(viewType),
    ...toQuery(comparisons, { attributes, schema: experimentSchema }),
  };
  const candidates = await experiments.find(query as object).toArray();
  return find(candidates.map(toExperiment), {
    toSearchable: ({ experimentId, name, creationTime, lastUpdateTime, tags }) => ({
      attributes: {
        experiment_id: experimentId,
        name,
        creation_time: creationTime,
        last_update_time: lastUpdateTime,
      },
      tags,
    }),
    comparisons,
    orders,
    page,
    schema: experimentSchema,
  });
}

/** Finds logged models; a comparison of a metric holds where it holds for any point, as in MLflow's databases. */
export async function searchLoggedModels(
  { loggedModels }: Collections,
  input: SearchLoggedModelsInput,
): Promise<PagedList<LoggedModel>> {
  const { experimentIds, filter, datasets = [], orderBy } = input;
  const comparisons = parseFilter(filter, loggedModelSchema);
  const orders = readModelOrders(orderBy, loggedModelSchema);
  const page = readPage(input, loggedModelSchema, [experimentIds, datasets]);
  const ofMetrics = comparisons.filter(({ kind }) => kind === "metric");
  const isOnDataset = ({ datasetName, datasetDigest }: LoggedModel["metrics"][number]) =>
    datasets.length === 0 ||
    datasets.some(
      ({ name, digest }) => name === datasetName && (digest === undefined || digest === datasetDigest),
    );
  const fits = ({ points }: LoggedModelDocument) =>
    (datasets.length === 0 || points.some(isOnDataset)) &&
    ofMetrics.every((comparison) =>
      points.some(
        (point) =>
          point.key === comparison.key &&
          isOnDataset(point) &&
          matches({ attributes: {}, metric: () => point.value }, [comparison], loggedModelSchema),
      ),
    );
  const attributes = {
    name: "name",
    model_id: "_id",
    model_type: "modelType",
    status: "status",
    source_run_id: "sourceRunId",
    creation_timestamp: "creationTimestamp",
    last_updated_timestamp: "lastUpdatedTimestamp",
  };
  const others = comparisons.filter(({ kind }) => kind !== "metric");
  const query = {
    lifecycleStage: "active",
    experimentId: { $in: experimentIds.map(String) },
    ...toQuery(others, { attributes, schema: loggedModelSchema }),
  };
  const candidates = await loggedModels.find(query as object).toArray();
  return find(candidates.filter(fits).map(toLoggedModel), {
    toSearchable: searchableModel,
    comparisons: others,
    orders,
    page,
    schema: loggedModelSchema,
  });
}

/** Finds registered models; prompts only when the filter asks for them. */
export async function searchModels(
  { models }: Collections,
  input: SearchInput,
): Promise<PagedList<RegisteredModel>> {
  const { asksForPrompts, comparisons } = splitPromptSearch(parseFilter(input.filter, registeredModelSchema));
  const orders = parseOrderBy(input.orderBy, registeredModelSchema);
  const page = readPage(input, registeredModelSchema);
  const attributes = {
    name: "name",
    creation_timestamp: "creationTimestamp",
    last_updated_timestamp: "lastUpdatedTimestamp",
  };
  const query = toQuery(comparisons, { attributes, schema: registeredModelSchema });
  const candidates = await models
    .find(query as Filter<ModelDocument>, { projection: { versions: 0, history: 0 } })
    .toArray();
  return find(
    candidates.map(toModel).filter(({ tags }) => asksForPrompts || tags[promptTag] !== "true"),
    {
      toSearchable: ({ name, creationTimestamp, lastUpdatedTimestamp, tags }) => ({
        attributes: {
          name,
          creation_timestamp: creationTimestamp,
          last_updated_timestamp: lastUpdatedTimestamp,
        },
        tags,
      }),
      comparisons,
      orders,
      page,
      schema: registeredModelSchema,
    },
  );
}

/** Finds versions of registered models; those of prompts only when the filter asks for them. */
export async function searchVersions(
  { models }: Collections,
  input: SearchInput,
): Promise<PagedList<ModelVersion>> {
  const { asksForPrompts, comparisons } = splitPromptSearch(parseFilter(input.filter, modelVersionSchema));
  const orders = parseOrderBy(input.orderBy, modelVersionSchema);
  const page = readPage(input, modelVersionSchema);
  const attributes = {
    name: "name",
    version_number: "versions.version",
    run_id: "versions.runId",
    source_path: "versions.source",
  };
  const ofAttributes = comparisons.filter(({ kind }) => kind === "attribute");
  const query = toQuery(ofAttributes, { attributes, schema: modelVersionSchema });
  const candidates = await models
    .find(query as Filter<ModelDocument>, { projection: { name: 1, aliases: 1, versions: 1 } })
    .toArray();
  const versions = candidates.flatMap((model) => model.versions.map((version) => toVersion(model, version)));
  return find(
    versions.filter(({ tags }) => asksForPrompts || tags[promptTag] !== "true"),
    {
      toSearchable: (version) => ({
        attributes: {
          name: version.name,
          version_number: version.version,
          run_id: version.runId,
          source_path: version.source,
          creation_timestamp: version.creationTimestamp,
          last_updated_timestamp: version.lastUpdatedTimestamp,
        },
        tags: version.tags,
      }),
      comparisons,
      orders,
      page,
      schema: modelVersionSchema,
    },
  );
}

/** Finds the data sets that runs of some experiments used, at most 1000, with the context of each use. */
export async function searchDatasets(
  { runs }: Collections,
  experimentIds: readonly string[],
): Promise<(Pick<Dataset, "name" | "digest"> & { experimentId: string; context?: string })[]> {
  const users = await runs
    .find(
      { experimentId: { $in: experimentIds.map(String) }, "datasetInputs.0": { $exists: true } },
      { projection: { experimentId: 1, datasetInputs: 1 } },
    )
    .toArray();
  const used = new Map(
    users.flatMap(({ experimentId, datasetInputs }) =>
      datasetInputs.map(({ dataset: { name, digest }, tags }) => {
        const context = contextOf({ tags: toRecord(tags) });
        const use = { experimentId, name, digest, ...(context !== undefined && { context }) };
        return [[experimentId, name, digest, context ?? ""].join("\0"), use] as const;
      }),
    ),
  );
  const sorted = [...used].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.slice(0, 1000).map(([, dataset]) => dataset);
}

interface Search<T> {
  toSearchable(entity: T): Searchable;
  comparisons: readonly Comparison[];
  orders: readonly Order[];
  page: Page;
  schema: SearchSchema;
}

function find<T>(
  entities: readonly T[],
  { toSearchable, comparisons, orders, page, schema }: Search<T>,
): PagedList<T> {
  const compare = compareBy(orders);
  const found = entities
    .map((entity) => ({ entity, searchable: toSearchable(entity) }))
    .filter(({ searchable }) => matches(searchable, comparisons, schema))
    .sort((a, b) => compare(a.searchable, b.searchable))
    .slice(page.offset, page.offset + page.size + 1);
  return toPagedList(
    found.map(({ entity }) => entity),
    page,
  );
}

function ofLifecycle(viewType: ViewType = "ACTIVE_ONLY"): { $in: string[] } {
  const stages: Record<ViewType, string[]> = {
    ACTIVE_ONLY: ["active"],
    DELETED_ONLY: ["deleted"],
    ALL: ["active", "deleted"],
  };
  if (Object.hasOwn(stages, viewType)) return { $in: stages[viewType] };
  throw invalid(`viewType: it must be one of ${Object.keys(stages).join(", ")}, got "${String(viewType)}".`);
}

/** Shows a run, of which only some fields were read, to a search. */
function searchableRun(run: RunDocument): Searchable {
  const metrics = new Map((run.metrics ?? []).map(({ key, value }) => [key, value]));
  return {
    attributes: {
      run_id: run._id,
      run_name: run.runName,
      user_id: run.userId,
      status: run.status,
      artifact_uri: run.artifactUri,
      start_time: run.startTime,
      end_time: run.endTime,
    },
    tags: toRecord(run.tags ?? []),
    params: toRecord(run.params ?? []),
    metric: (key) => metrics.get(key),
    datasets: (run.datasetInputs ?? []).map(({ dataset: { name, digest }, tags }) => ({
      name,
      digest,
      context: contextOf({ tags: toRecord(tags) }),
    })),
  };
}

function searchableModel(model: LoggedModel): Searchable {
  return {
    attributes: {
      name: model.name,
      model_id: model.modelId,
      model_type: model.modelType,
      status: model.status,
      source_run_id: model.sourceRunId,
      creation_timestamp: model.creationTimestamp,
      last_updated_timestamp: model.lastUpdatedTimestamp,
    },
    tags: model.tags,
    params: model.params,
    metric: (key, { datasetName, datasetDigest }: Pick<Order, "datasetName" | "datasetDigest"> = {}) =>
      model.metrics
        .filter(
          (point) =>
            point.key === key &&
            (datasetName === undefined || point.datasetName === datasetName) &&
            (datasetDigest === undefined || point.datasetDigest === datasetDigest),
        )
        .sort((a, b) => b.timestamp - a.timestamp || b.step - a.step || (a.runId < b.runId ? -1 : 1))[0]
        ?.value,
  };
}
