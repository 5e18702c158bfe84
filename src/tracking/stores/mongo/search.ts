// Searches in MongoDB. The server filters, orders and cuts out the page, and sends only that; nothing is sorted out here.
import type { Collection, Document, Filter } from "mongodb";
import { distinctDatasets, toDatasetUse } from "../../dataset-uses.ts";
import { type PagedList, pagedList } from "../../paged-list.ts";
import { runNameTag } from "../../run-name.ts";
import {
  type Comparison,
  type Page,
  experimentSchema,
  loggedModelSchema,
  modelVersionSchema,
  parseFilter,
  parseOrderBy,
  promptTag,
  readModelOrders,
  readPage,
  registeredModelSchema,
  runSchema,
  splitPromptSearch,
  stagesOfView,
  toPagedList,
} from "../../search/index.ts";
import type {
  SearchExperimentsInput,
  SearchInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
} from "../../store.ts";
import type { DatasetUse, Experiment, LoggedModel, ModelVersion, RegisteredModel, Run } from "../../types.ts";
import { type Collections, type ModelDocument, type VersionRecord, toRecord } from "./documents.ts";
import { toExperiment } from "./experiments.ts";
import { toLoggedModel } from "./logged-models.ts";
import { type Sort, isComputed, latestValue, sortStages, toSort, valueInList } from "./order.ts";
import { type Clause, allOf, toClause, toOperand } from "./query.ts";
import { toModel, toVersion } from "./registry.ts";
import { toRun } from "./runs.ts";

const runFields = {
  attributes: {
    run_id: "_id",
    run_name: "runName",
    user_id: "userId",
    status: "status",
    artifact_uri: "artifactUri",
    start_time: "startTime",
    end_time: "endTime",
  },
};

const experimentFields = {
  attributes: {
    experiment_id: "_id",
    name: "name",
    creation_time: "creationTime",
    last_update_time: "lastUpdateTime",
  },
};

const loggedModelFields = {
  attributes: {
    name: "name",
    model_id: "_id",
    model_type: "modelType",
    status: "status",
    source_run_id: "sourceRunId",
    creation_timestamp: "creationTimestamp",
    last_updated_timestamp: "lastUpdatedTimestamp",
  },
};

const modelFields = {
  attributes: {
    name: "name",
    creation_timestamp: "creationTimestamp",
    last_updated_timestamp: "lastUpdatedTimestamp",
  },
};

const versionFields = {
  attributes: { version_number: "version", run_id: "runId", source_path: "source" },
};

const versionOrders = {
  name: "name",
  version_number: "versions.version",
  run_id: "versions.runId",
  source_path: "versions.source",
  creation_timestamp: "versions.creationTimestamp",
  last_updated_timestamp: "versions.lastUpdatedTimestamp",
};

const isPrompt: Clause = { tags: { $elemMatch: { k: promptTag, v: "true" } } };

/** Finds runs. */
export async function searchRuns({ runs }: Collections, input: SearchRunsInput): Promise<PagedList<Run>> {
  const { filter, orderBy, experimentIds, viewType } = input;
  const match: Clause[] = [{ lifecycleStage: { $in: stagesOfView(viewType) } }];
  if (experimentIds !== undefined) match.push({ experimentId: { $in: experimentIds.map(String) } });
  for (const comparison of parseFilter(filter, runSchema)) {
    const isName = comparison.kind === "attribute" && comparison.key === "run_name";
    // as MLflow has it: the tag is the name
    match.push(toClause(isName ? { ...comparison, kind: "tag", key: runNameTag } : comparison, runFields));
  }
  const page = readPage(input, runSchema, [experimentIds, viewType]);
  const sort = toSort(parseOrderBy(orderBy, runSchema), {
    ...runFields,
    optional: ["end_time"],
    metric: ({ key }) => valueInList("metrics", { key }, "value"),
  });
  const without = ["journal", "buckets", "modelPoints"];
  return mapPage(await findPage(runs, { match, sort, page, without }), toRun);
}

/** Finds experiments. */
export async function searchExperiments(
  { experiments }: Collections,
  input: SearchExperimentsInput,
): Promise<PagedList<Experiment>> {
  const { filter, orderBy, viewType } = input;
  const comparisons = parseFilter(filter, experimentSchema);
  const match = [
    { lifecycleStage: { $in: stagesOfView(viewType) } },
    ...comparisons.map((comparison) => toClause(comparison, experimentFields)),
  ];
  const page = readPage(input, experimentSchema, viewType);
  const sort = toSort(parseOrderBy(orderBy, experimentSchema), {
    ...experimentFields,
    numerals: ["experiment_id"],
  });
  return mapPage(await findPage(experiments, { match, sort, page }), toExperiment);
}

/**
 * Finds logged models; a comparison of a metric holds where it holds for any point, as in MLflow's databases, and an
 * order by a metric takes the latest point.
 */
export async function searchLoggedModels(
  { loggedModels }: Collections,
  input: SearchLoggedModelsInput,
): Promise<PagedList<LoggedModel>> {
  const { experimentIds, filter, datasets = [], orderBy } = input;
  const comparisons = parseFilter(filter, loggedModelSchema);
  const match = [
    { lifecycleStage: "active" },
    { experimentId: { $in: experimentIds.map(String) } },
    ...pointClauses(comparisons, datasets),
    ...comparisons
      .filter(({ kind }) => kind !== "metric")
      .map((comparison) => toClause(comparison, loggedModelFields)),
  ];
  const page = readPage(input, loggedModelSchema, [experimentIds, datasets]);
  const sort = toSort(readModelOrders(orderBy, loggedModelSchema), {
    ...loggedModelFields,
    optional: ["model_type", "source_run_id"],
    metric: ({ key, datasetName, datasetDigest }) =>
      latestValue("points", {
        key,
        ...(datasetName !== undefined && { datasetName }),
        ...(datasetDigest !== undefined && { datasetDigest }),
      }),
  });
  return mapPage(await findPage(loggedModels, { match, sort, page }), toLoggedModel);
}

/** Finds registered models; prompts only when the filter asks for them. */
export async function searchModels(
  { models }: Collections,
  input: SearchInput,
): Promise<PagedList<RegisteredModel>> {
  const { asksForPrompts, comparisons } = splitPromptSearch(parseFilter(input.filter, registeredModelSchema));
  const match = comparisons.map((comparison) => toClause(comparison, modelFields));
  if (!asksForPrompts) match.push({ $nor: [isPrompt] });
  const page = readPage(input, registeredModelSchema);
  const sort = toSort(parseOrderBy(input.orderBy, registeredModelSchema), modelFields);
  const without = ["versions", "history"];
  return mapPage(await findPage(models, { match, sort, page, without }), toModel);
}

/** Finds versions of registered models; a model with a version that is a prompt only when the filter asks for prompts. */
export async function searchVersions(
  { models }: Collections,
  input: SearchInput,
): Promise<PagedList<ModelVersion>> {
  const { asksForPrompts, comparisons } = splitPromptSearch(parseFilter(input.filter, modelVersionSchema));
  const isOfModel = ({ kind, key }: Comparison) => kind === "attribute" && key === "name";
  const match = comparisons.filter(isOfModel).map((comparison) => toClause(comparison, modelFields));
  if (!asksForPrompts) match.push({ versions: { $not: { $elemMatch: isPrompt } } });
  const ofVersion = comparisons.filter((comparison) => !isOfModel(comparison));
  if (ofVersion.length > 0) {
    const clauses = ofVersion.map((comparison) => toClause(comparison, versionFields));
    match.push({ versions: { $elemMatch: allOf(clauses) } });
  }
  const inVersions = { ...versionFields, prefix: "versions." };
  const page = readPage(input, modelVersionSchema);
  const sort = toSort(parseOrderBy(input.orderBy, modelVersionSchema), {
    attributes: versionOrders,
    optional: ["run_id"],
  });
  const fields = ["name", "aliases", "versions"];
  const stages = [
    { $match: allOf(match) },
    { $project: Object.fromEntries(fields.map((field) => [field, 1])) },
    { $unwind: "$versions" },
    { $match: allOf(ofVersion.map((comparison) => toClause(comparison, inVersions))) },
    ...sortStages(sort, fields, page),
  ];
  const found = await read<ModelDocument & { versions: VersionRecord }>(models, stages, page);
  return mapPage(toPagedList(found, page), (model) => toVersion(model, model.versions));
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

/** Says of logged models that a point fits each comparison of a metric, and that it was computed on one of the data sets. */
function pointClauses(
  comparisons: readonly Comparison[],
  datasets: NonNullable<SearchLoggedModelsInput["datasets"]>,
): Clause[] {
  const ofDatasets = datasets.map(({ name, digest }) => ({
    datasetName: { $eq: name },
    ...(digest !== undefined && { datasetDigest: { $eq: digest } }),
  }));
  const isOnOne = datasets.length === 0 ? {} : { $or: ofDatasets };
  const ofMetrics = comparisons.filter(({ kind }) => kind === "metric");
  if (datasets.length > 0 && ofMetrics.length === 0) return [{ points: { $elemMatch: isOnOne } }];
  return ofMetrics.map((comparison) => ({
    points: { $elemMatch: { key: { $eq: comparison.key }, value: toOperand(comparison), ...isOnOne } },
  }));
}

interface Query {
  match: readonly Clause[];
  sort: Sort;
  page: Page;
  /** Fields that the page does not need. @default [] */
  without?: readonly string[];
}

/** Reads the documents of a page. */
async function findPage<T extends { _id: string }>(
  collection: Collection<T>,
  { match, sort, page, without = [] }: Query,
): Promise<PagedList<T>> {
  const chosen = { $match: allOf(match) };
  const projection = Object.fromEntries(without.map((field) => [field, 0]));
  if (!isComputed(sort)) {
    const stages: Document[] = [chosen, ...sortStages(sort, [], page)];
    if (without.length > 0) stages.push({ $project: projection });
    return toPagedList(await read<T>(collection, stages, page), page);
  }
  // what no index has in order is sorted with nothing but its keys, and then the page is read
  const stored = Object.keys(sort.keys).filter((key) => !/^sort(Keys|Values)\./.test(key));
  const stages = [chosen, ...sortStages(sort, stored, page), { $project: { _id: 1 } }];
  const found = toPagedList(await read<{ _id: string }>(collection, stages, page), page);
  const ids = found.map(({ _id }) => _id);
  const filter = { _id: { $in: ids } } as Filter<T>;
  const documents = (await collection.find(filter, { projection }).toArray()) as unknown as T[];
  const byId = new Map(documents.map((document) => [document._id, document]));
  return pagedList(
    ids.flatMap((id) => byId.get(id) ?? []),
    found.token,
  );
}

function read<T extends Document>(
  collection: Pick<Collection, "aggregate">,
  stages: Document[],
  { size }: Page,
): Promise<T[]> {
  return collection.aggregate<T>(stages, { allowDiskUse: true, batchSize: size + 1 }).toArray();
}

function mapPage<T, R>(page: PagedList<T>, toEntity: (document: T) => R): PagedList<R> {
  return pagedList(page.map(toEntity), page.token);
}
