// What the stores share that filter and sort here and not in a database: what a search sees of each entity, and the search.
import type { PagedList } from "../paged-list.ts";
import type { SearchLoggedModelsInput } from "../store.ts";
import type { Experiment, LoggedModel, ModelVersion, RegisteredModel } from "../types.ts";
import type { Comparison, Order } from "./ast.ts";
import { type Searchable, compareBy, matches } from "./evaluate.ts";
import { type Page, toPagedList } from "./page.ts";
import { type SearchSchema, loggedModelSchema } from "./schemas.ts";

/** Says what a search looks for, and how it shows its entities. */
export interface Search<T> {
  toSearchable(entity: T): Searchable;
  comparisons: readonly Comparison[];
  orders: readonly Order[];
  page: Page;
  schema: SearchSchema;
}

/** Returns the page of a search. */
export function find<T>(
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

/** Shows an experiment to a search. */
export function searchableExperiment(experiment: Experiment): Searchable {
  return {
    attributes: {
      experiment_id: experiment.experimentId,
      name: experiment.name,
      creation_time: experiment.creationTime,
      last_update_time: experiment.lastUpdateTime,
    },
    tags: experiment.tags,
  };
}

/** Shows a logged model to a search; an order by a metric takes its latest point, of one data set if asked. */
export function searchableLoggedModel(model: LoggedModel): Searchable {
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

/** Shows a registered model to a search. */
export function searchableRegisteredModel(model: RegisteredModel): Searchable {
  return {
    attributes: {
      name: model.name,
      creation_timestamp: model.creationTimestamp,
      last_updated_timestamp: model.lastUpdatedTimestamp,
    },
    tags: model.tags,
  };
}

/** Shows a version of a registered model to a search. */
export function searchableModelVersion(version: ModelVersion): Searchable {
  return {
    attributes: {
      name: version.name,
      version_number: version.version,
      run_id: version.runId,
      source_path: version.source,
      creation_timestamp: version.creationTimestamp,
      last_updated_timestamp: version.lastUpdatedTimestamp,
    },
    tags: version.tags,
  };
}

type ModelPoint = LoggedModel["metrics"][number];

/**
 * Returns the test of a logged model's points: one must be on one of the data sets, if there are any, and for each
 * comparison one of its metric must be too and hold.
 */
export function fitsPoints(
  datasets: NonNullable<SearchLoggedModelsInput["datasets"]>,
  comparisons: readonly Comparison[],
): (pointsOf: (key?: string) => readonly ModelPoint[]) => boolean {
  const isOnDataset = ({ datasetName, datasetDigest }: ModelPoint) =>
    datasets.length === 0 ||
    datasets.some(
      ({ name, digest }) => name === datasetName && (digest === undefined || digest === datasetDigest),
    );
  return (pointsOf) =>
    (datasets.length === 0 || pointsOf().some(isOnDataset)) &&
    comparisons.every((comparison) =>
      pointsOf(comparison.key).some(
        (point) =>
          isOnDataset(point) &&
          matches({ attributes: {}, metric: () => point.value }, [comparison], loggedModelSchema),
      ),
    );
}
