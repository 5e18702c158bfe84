// Where in MLflow's tables stands what the search grammar names.
import { modelMetricsWithNan } from "./logged-models.ts";
import type { Fragment, Searched } from "./search-sql.ts";
import type { SqlValue } from "./sql.ts";

const keyValue = { key: '"key"', value: "value" };
const named = (table: string): Fragment => ({ text: table, values: [] });

/** Is what a search for runs looks at. */
export const runs: Searched = {
  table: "runs",
  attributes: {
    run_id: { column: "runs.run_uuid", holds: "text" },
    run_name: { column: "runs.name", holds: "text" },
    experiment_id: { column: "runs.experiment_id", holds: "number" },
    user_id: { column: "runs.user_id", holds: "text" },
    status: { column: "runs.status", holds: "text" },
    start_time: { column: "runs.start_time", holds: "number" },
    end_time: { column: "runs.end_time", holds: "number" },
    artifact_uri: { column: "runs.artifact_uri", holds: "text" },
    lifecycle_stage: { column: "runs.lifecycle_stage", holds: "text" },
  },
  entries: {
    metric: {
      from: named("latest_metrics"),
      on: "entry.run_uuid = runs.run_uuid",
      ...keyValue,
      isNan: "is_nan",
    },
    param: { from: named("params"), on: "entry.run_uuid = runs.run_uuid", ...keyValue },
    tag: { from: named("tags"), on: "entry.run_uuid = runs.run_uuid", ...keyValue },
  },
};

/** Is what a search for experiments looks at. */
export const experiments: Searched = {
  table: "experiments",
  attributes: {
    experiment_id: { column: "experiments.experiment_id", holds: "number" },
    name: { column: "experiments.name", holds: "text" },
    creation_time: { column: "experiments.creation_time", holds: "number" },
    last_update_time: { column: "experiments.last_update_time", holds: "number" },
  },
  entries: {
    tag: {
      from: named("experiment_tags"),
      on: "entry.experiment_id = experiments.experiment_id",
      ...keyValue,
    },
  },
};

/** Is what a search for registered models looks at. */
export const registeredModels: Searched = {
  table: "registered_models",
  attributes: {
    name: { column: "registered_models.name", holds: "text" },
    creation_timestamp: { column: "registered_models.creation_time", holds: "number" },
    last_updated_timestamp: { column: "registered_models.last_updated_time", holds: "number" },
  },
  entries: {
    tag: {
      from: named("registered_model_tags"),
      on: "entry.workspace = registered_models.workspace AND entry.name = registered_models.name",
      ...keyValue,
    },
  },
};

/** Is what a search for versions looks at. */
export const modelVersions: Searched = {
  table: "model_versions",
  attributes: {
    name: { column: "model_versions.name", holds: "text" },
    version_number: { column: "model_versions.version", holds: "number" },
    run_id: { column: "model_versions.run_id", holds: "text" },
    source_path: { column: "model_versions.source", holds: "text" },
    creation_timestamp: { column: "model_versions.creation_time", holds: "number" },
    last_updated_timestamp: { column: "model_versions.last_updated_time", holds: "number" },
  },
  entries: {
    tag: {
      from: named("model_version_tags"),
      on:
        "entry.workspace = model_versions.workspace AND entry.name = model_versions.name AND " +
        "entry.version = model_versions.version",
      ...keyValue,
    },
  },
};

/** Is what a search for logged models looks at; of their metrics those that `metrics` selects. */
export function loggedModels(metrics: Fragment): Searched {
  const on = "entry.model_id = logged_models.model_id";
  return {
    table: "logged_models",
    attributes: {
      model_id: { column: "logged_models.model_id", holds: "text" },
      name: { column: "logged_models.name", holds: "text" },
      model_type: { column: "logged_models.model_type", holds: "text" },
      source_run_id: { column: "logged_models.source_run_id", holds: "text" },
      status: {
        column: "CASE logged_models.status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'READY' ELSE 'FAILED' END",
        holds: "text",
      },
      creation_timestamp: { column: "logged_models.creation_timestamp_ms", holds: "number" },
      last_updated_timestamp: { column: "logged_models.last_updated_timestamp_ms", holds: "number" },
    },
    entries: {
      metric: { from: metrics, on, key: "metric_name", value: "metric_value", isNan: "is_nan = 1" },
      param: { from: named("logged_model_params"), on, key: "param_key", value: "param_value" },
      tag: { from: named("logged_model_tags"), on, key: "tag_key", value: "tag_value" },
    },
  };
}

/** Selects the metrics of logged models, or those that were computed on one of some data sets. */
export function metricsOfModels(datasets: readonly { name: string; digest?: string }[]): Fragment {
  const clauses = datasets.map(
    ({ digest }) => `(l.dataset_name = ?${digest === undefined ? "" : " AND l.dataset_digest = ?"})`,
  );
  return {
    text: `(${modelMetricsWithNan}${clauses.length === 0 ? "" : ` WHERE ${clauses.join(" OR ")}`})`,
    values: datasets.flatMap(({ name, digest }) => (digest === undefined ? [name] : [name, digest])),
  };
}

/** Selects of each logged model the latest point of a metric, of those on one data set if asked. */
export function latestMetricOfModels(
  key: string,
  { datasetName, datasetDigest }: { datasetName?: string; datasetDigest?: string },
): Fragment {
  const only = Object.entries({
    metric_name: key,
    ...(datasetName !== undefined && { dataset_name: datasetName }),
    ...(datasetDigest !== undefined && { dataset_digest: datasetDigest }),
  });
  const where = only.map(([column]) => `l.${column} = ?`).join(" AND ");
  return {
    text:
      "(SELECT * FROM (SELECT points.*, row_number() OVER (PARTITION BY model_id ORDER BY metric_timestamp_ms DESC, " +
      `metric_step DESC, run_id) AS place FROM (${modelMetricsWithNan} WHERE ${where}) AS points) AS placed ` +
      "WHERE place = 1)",
    values: only.map(([, value]): SqlValue => value),
  };
}
