// The searches of the file store: each reads what its filter and order look at, and whole what stands on the page.
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
  LifecycleStage,
  LoggedModel,
  ModelVersion,
  RegisteredModel,
  Run,
  ViewType,
} from "../../types.ts";
import { invalid } from "../../validation.ts";
import { readExperiments } from "./experiments.ts";
import { contextOf } from "./inputs.ts";
import type { Layout, Place } from "./layout.ts";
import { readLoggedModels, readPointsOfModel } from "./logged-models.ts";
import type { LatestPoints } from "./metric-files.ts";
import { readModelVersions, readRegisteredModels } from "./registered-models.ts";
import { type RunFiles, readRuns } from "./runs.ts";

/** Finds runs. */
export function searchRuns(layout: Layout, input: SearchRunsInput, latest: LatestPoints): PagedList<Run> {
  const { filter, orderBy, experimentIds, viewType } = input;
  const isWanted = ofLifecycle(viewType);
  const comparisons = parseFilter(filter, runSchema).map(
    // as MLflow has it: the attribute is empty for runs of its early releases
    (comparison): Comparison =>
      comparison.kind === "attribute" && comparison.key === "run_name"
        ? { ...comparison, kind: "tag", key: "mlflow.runName" }
        : comparison,
  );
  const orders = parseOrderBy(orderBy, runSchema);
  const page = readPage(input, runSchema, [experimentIds, viewType]);
  const runs = chosenExperiments(layout, experimentIds)
    .flatMap((experiment) => readRuns(layout, experiment, latest))
    .filter(({ info }) => isWanted(info.lifecycleStage));
  const found = find(runs, { toSearchable: searchableRun, comparisons, orders, page, schema: runSchema });
  return pagedList(
    found.map((run) => run.toRun()),
    found.token,
  );
}

/** Finds experiments. */
export function searchExperiments(layout: Layout, input: SearchExperimentsInput): PagedList<Experiment> {
  const { filter, orderBy, viewType } = input;
  const isWanted = ofLifecycle(viewType);
  return find(() => readExperiments(layout).filter(({ lifecycleStage }) => isWanted(lifecycleStage)), {
    toSearchable: ({ experimentId, name, creationTime, lastUpdateTime, tags }) => ({
      attributes: {
        experiment_id: experimentId,
        name,
        creation_time: creationTime,
        last_update_time: lastUpdateTime,
      },
      tags,
    }),
    comparisons: parseFilter(filter, experimentSchema),
    orders: parseOrderBy(orderBy, experimentSchema),
    page: readPage(input, experimentSchema, viewType),
    schema: experimentSchema,
  });
}

/** Finds logged models; a comparison of a metric holds where it holds for any point, as in MLflow's databases. */
export function searchLoggedModels(layout: Layout, input: SearchLoggedModelsInput): PagedList<LoggedModel> {
  const { experimentIds, filter, datasets = [], orderBy } = input;
  const comparisons = parseFilter(filter, loggedModelSchema);
  const ofMetrics = comparisons.filter(({ kind }) => kind === "metric");
  const isOnDataset = ({ datasetName, datasetDigest }: LoggedModel["metrics"][number]) =>
    datasets.length === 0 ||
    datasets.some(
      ({ name, digest }) => name === datasetName && (digest === undefined || digest === datasetDigest),
    );
  const fits = ({ modelId, metrics }: LoggedModel) =>
    (datasets.length === 0 || metrics.some(isOnDataset)) &&
    ofMetrics.every((comparison) =>
      readPointsOfModel(layout, modelId, comparison.key).some(
        (point) =>
          isOnDataset(point) &&
          matches({ attributes: {}, metric: () => point.value }, [comparison], loggedModelSchema),
      ),
    );
  return find(
    () =>
      chosenExperiments(layout, experimentIds)
        .flatMap((experiment) => readLoggedModels(layout, experiment))
        .filter(fits),
    {
      toSearchable: searchableModel,
      comparisons: comparisons.filter(({ kind }) => kind !== "metric"),
      orders: readModelOrders(orderBy, loggedModelSchema),
      page: readPage(input, loggedModelSchema, [experimentIds, datasets]),
      schema: loggedModelSchema,
    },
  );
}

/** Finds registered models; prompts only when the filter asks for them. */
export function searchRegisteredModels(layout: Layout, input: SearchInput): PagedList<RegisteredModel> {
  return findInRegistry(
    () => readRegisteredModels(layout),
    input,
    registeredModelSchema,
    ({ name, creationTimestamp, lastUpdatedTimestamp, tags }) => ({
      attributes: {
        name,
        creation_timestamp: creationTimestamp,
        last_updated_timestamp: lastUpdatedTimestamp,
      },
      tags,
    }),
  );
}

/** Finds versions of registered models; those of prompts only when the filter asks for them. */
export function searchModelVersions(layout: Layout, input: SearchInput): PagedList<ModelVersion> {
  return findInRegistry(
    () => layout.registeredModels().flatMap((name) => readModelVersions(layout, name)),
    input,
    modelVersionSchema,
    (version) => ({
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
  );
}

/** Returns the experiments of a search, those that exist; all of them where none are named. */
function chosenExperiments(layout: Layout, experimentIds: readonly string[] | undefined): Place[] {
  if (experimentIds === undefined) return layout.experiments();
  return [...new Set(experimentIds)].flatMap((experimentId) => {
    const folder = layout.findExperiment(experimentId);
    return folder === undefined ? [] : [{ experimentId, folder }];
  });
}

/** Finds the data sets that runs of some experiments used, at most 1000, with the context of each use. */
export function searchDatasets(
  layout: Layout,
  experimentIds: readonly string[],
  latest: LatestPoints,
): (Pick<Dataset, "name" | "digest"> & { experimentId: string; context?: string })[] {
  const used = new Map<
    string,
    Pick<Dataset, "name" | "digest"> & { experimentId: string; context?: string }
  >();
  for (const experiment of chosenExperiments(layout, experimentIds)) {
    for (const input of readRuns(layout, experiment, latest).flatMap((run) => run.inputs.datasetInputs)) {
      const { name, digest } = input.dataset;
      const context = contextOf(input);
      const { experimentId } = experiment;
      used.set([experimentId, name, digest, context ?? ""].join("\0"), {
        experimentId,
        name,
        digest,
        ...(context !== undefined && { context }),
      });
    }
  }
  const sorted = [...used].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.slice(0, maxDatasets).map(([, dataset]) => dataset);
}

const maxDatasets = 1000;

interface Search<T> {
  toSearchable(entity: T): Searchable;
  comparisons: readonly Comparison[];
  orders: readonly Order[];
  page: Page;
  schema: SearchSchema;
}

/** Returns a page of what matches. Entities are read last, so that a search which is refused reads nothing. */
function find<T>(
  entities: readonly T[] | (() => readonly T[]),
  { toSearchable, comparisons, orders, page, schema }: Search<T>,
): PagedList<T> {
  const compare = compareBy(orders);
  const found = (typeof entities === "function" ? entities() : entities)
    .map((entity) => ({ entity, searchable: toSearchable(entity) }))
    .filter(({ searchable }) => matches(searchable, comparisons, schema))
    .sort((a, b) => compare(a.searchable, b.searchable))
    .slice(page.offset, page.offset + page.size + 1);
  return toPagedList(
    found.map(({ entity }) => entity),
    page,
  );
}

function findInRegistry<T extends { tags: Record<string, string> }>(
  read: () => readonly T[],
  input: SearchInput,
  schema: SearchSchema,
  toSearchable: (entity: T) => Searchable,
): PagedList<T> {
  const { asksForPrompts, comparisons } = splitPromptSearch(parseFilter(input.filter, schema));
  const orders = parseOrderBy(input.orderBy, schema);
  const page = readPage(input, schema);
  const isWanted = ({ tags }: T) => asksForPrompts || tags[promptTag] !== "true";
  return find(() => read().filter(isWanted), { toSearchable, comparisons, orders, page, schema });
}

function ofLifecycle(viewType: ViewType = "ACTIVE_ONLY"): (stage: LifecycleStage) => boolean {
  const stages: Record<ViewType, LifecycleStage[]> = {
    ACTIVE_ONLY: ["active"],
    DELETED_ONLY: ["deleted"],
    ALL: ["active", "deleted"],
  };
  if (!Object.hasOwn(stages, viewType)) {
    throw invalid(
      `viewType: it must be one of ${Object.keys(stages).join(", ")}, got "${String(viewType)}".`,
    );
  }
  return (stage) => stages[viewType].includes(stage);
}

/** Shows a run to a search; its files are read when they are looked at. */
function searchableRun(run: RunFiles): Searchable {
  const { info } = run;
  return {
    attributes: {
      run_id: info.runId,
      run_name: info.runName,
      user_id: info.userId,
      status: info.status,
      artifact_uri: info.artifactUri,
      start_time: info.startTime,
      end_time: info.endTime,
    },
    get tags() {
      return run.tags;
    },
    get params() {
      return run.params;
    },
    metric: (key) => run.latestPoint(key)?.value,
    get datasets() {
      return run.inputs.datasetInputs.map((input) => ({
        name: input.dataset.name,
        digest: input.dataset.digest,
        context: contextOf(input),
      }));
    },
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
