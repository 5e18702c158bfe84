// The searches of the file store: each reads what its filter and order look at, and whole what stands on the page.
import { contextOf, distinctDatasets, toDatasetUse } from "../../dataset-uses.ts";
import { type PagedList, pagedList } from "../../paged-list.ts";
import { runNameTag } from "../../run-name.ts";
import {
  type Comparison,
  type SearchSchema,
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
import { readExperiments } from "./experiments.ts";
import type { Layout, Place } from "./layout.ts";
import { readLoggedModels, readPointsOfModel } from "./logged-models.ts";
import type { LatestPoints } from "./metric-files.ts";
import { readModelVersions, readRegisteredModels } from "./registered-models.ts";
import { type RunFiles, readRuns } from "./runs.ts";

/** Finds runs. */
export function searchRuns(layout: Layout, input: SearchRunsInput, latest: LatestPoints): PagedList<Run> {
  const { filter, orderBy, experimentIds, viewType } = input;
  const stages = stagesOfView(viewType);
  const comparisons = parseFilter(filter, runSchema).map(
    // as MLflow has it: the attribute is empty for runs of its early releases
    (comparison): Comparison =>
      comparison.kind === "attribute" && comparison.key === "run_name"
        ? { ...comparison, kind: "tag", key: runNameTag }
        : comparison,
  );
  const orders = parseOrderBy(orderBy, runSchema);
  const page = readPage(input, runSchema, [experimentIds, viewType]);
  const runs = chosenExperiments(layout, experimentIds)
    .flatMap((experiment) => readRuns(layout, experiment, latest))
    .filter(({ info }) => stages.includes(info.lifecycleStage));
  const found = find(runs, { toSearchable: searchableRun, comparisons, orders, page, schema: runSchema });
  return pagedList(
    found.map((run) => run.toRun()),
    found.token,
  );
}

/** Finds experiments. */
export function searchExperiments(layout: Layout, input: SearchExperimentsInput): PagedList<Experiment> {
  const { filter, orderBy, viewType } = input;
  const stages = stagesOfView(viewType);
  const search = {
    toSearchable: searchableExperiment,
    comparisons: parseFilter(filter, experimentSchema),
    orders: parseOrderBy(orderBy, experimentSchema),
    page: readPage(input, experimentSchema, viewType),
    schema: experimentSchema,
  };
  const experiments = readExperiments(layout).filter(({ lifecycleStage }) => stages.includes(lifecycleStage));
  return find(experiments, search);
}

/** Finds logged models; a comparison of a metric holds where it holds for any point, as in MLflow's databases. */
export function searchLoggedModels(layout: Layout, input: SearchLoggedModelsInput): PagedList<LoggedModel> {
  const { experimentIds, filter, datasets = [], orderBy } = input;
  const comparisons = parseFilter(filter, loggedModelSchema);
  const fits = fitsPoints(
    datasets,
    comparisons.filter(({ kind }) => kind === "metric"),
  );
  const search = {
    toSearchable: searchableLoggedModel,
    comparisons: comparisons.filter(({ kind }) => kind !== "metric"),
    orders: readModelOrders(orderBy, loggedModelSchema),
    page: readPage(input, loggedModelSchema, [experimentIds, datasets]),
    schema: loggedModelSchema,
  };
  const models = chosenExperiments(layout, experimentIds)
    .flatMap((experiment) => readLoggedModels(layout, experiment))
    .filter(({ modelId, metrics }) =>
      fits((key) => (key === undefined ? metrics : readPointsOfModel(layout, modelId, key))),
    );
  return find(models, search);
}

/** Finds registered models; prompts only when the filter asks for them. */
export function searchRegisteredModels(layout: Layout, input: SearchInput): PagedList<RegisteredModel> {
  return findInRegistry(
    () => readRegisteredModels(layout),
    input,
    registeredModelSchema,
    searchableRegisteredModel,
  );
}

/** Finds versions of registered models; those of prompts only when the filter asks for them. */
export function searchModelVersions(layout: Layout, input: SearchInput): PagedList<ModelVersion> {
  return findInRegistry(
    () => layout.registeredModels().flatMap((name) => readModelVersions(layout, name)),
    input,
    modelVersionSchema,
    searchableModelVersion,
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
): DatasetUse[] {
  const uses = chosenExperiments(layout, experimentIds).flatMap((experiment) =>
    readRuns(layout, experiment, latest).flatMap((run) =>
      run.inputs.datasetInputs.map((input) => toDatasetUse(experiment.experimentId, input)),
    ),
  );
  return distinctDatasets(uses);
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
  const entities = read().filter((entity) => asksForPrompts || !isPrompt(entity));
  return find(entities, { toSearchable, comparisons, orders, page, schema });
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
