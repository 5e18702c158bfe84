// Searches in MongoDB. The server narrows down by what a query can say (`toQuery`) and sends of what is left only the
// fields that the filter and the order look at; these decide and sort here, and the page is read whole.
import type { Document, Filter } from "mongodb";
import { contextOf, distinctDatasets, toDatasetUse } from "../../dataset-uses.ts";
import { type PagedList, pagedList } from "../../paged-list.ts";
import {
  type Comparison,
  type Searchable,
  experimentSchema,
  find,
  fitsPoints,
  isPrompt,
  loggedModelSchema,
  modelVersionSchema,
  parseFilter,
  parseOrderBy,
  readModelOrders,
  readPage,
  registeredModelSchema,
  runSchema,
  searchableExperiment,
  searchableLoggedModel,
  searchableModelVersion,
  searchableRegisteredModel,
  splitPromptSearch,
  stagesOfView,
} from "../../search/index.ts";
import type {
  SearchExperimentsInput,
  SearchInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
} from "../../store.ts";
import type { DatasetUse, Experiment, LoggedModel, ModelVersion, RegisteredModel, Run } from "../../types.ts";
import { type Collections, type ModelDocument, type RunDocument, toRecord } from "./documents.ts";
import { toExperiment } from "./experiments.ts";
import { toLoggedModel } from "./logged-models.ts";
import { toQuery } from "./query.ts";
import { toModel, toVersion } from "./registry.ts";
import { toRun } from "./runs.ts";

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
    lifecycleStage: { $in: stagesOfView(viewType) },
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
    lifecycleStage: { $in: stagesOfView(viewType) },
    ...toQuery(comparisons, { attributes, schema: experimentSchema }),
  };
  const candidates = await experiments.find(query as object).toArray();
  return find(candidates.map(toExperiment), {
    toSearchable: searchableExperiment,
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
  const fits = fitsPoints(
    datasets,
    comparisons.filter(({ kind }) => kind === "metric"),
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
  const models = candidates.filter(({ points }) =>
    fits((key) => (key === undefined ? points : points.filter((point) => point.key === key))),
  );
  return find(models.map(toLoggedModel), {
    toSearchable: searchableLoggedModel,
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
    candidates.map(toModel).filter((entity) => asksForPrompts || !isPrompt(entity)),
    {
      toSearchable: searchableRegisteredModel,
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
    versions.filter((entity) => asksForPrompts || !isPrompt(entity)),
    {
      toSearchable: searchableModelVersion,
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
): Promise<DatasetUse[]> {
  const users = await runs
    .find(
      { experimentId: { $in: experimentIds.map(String) }, "datasetInputs.0": { $exists: true } },
      { projection: { experimentId: 1, datasetInputs: 1 } },
    )
    .toArray();
  return distinctDatasets(
    users.flatMap(({ experimentId, datasetInputs }) =>
      datasetInputs.map(({ dataset, tags }) => toDatasetUse(experimentId, { dataset, tags: toRecord(tags) })),
    ),
  );
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
