// Logged models of MLflow 3 in SQL. Each function expects to run inside a transaction.
import { randomUUID } from "node:crypto";
import { TrackingError } from "../../../base/index.ts";
import { childUri, localUri } from "../../artifacts/uri.ts";
import type { CreateLoggedModelInput } from "../../store.ts";
import type { LoggedModel, LoggedModelStatus } from "../../types.ts";
import { checkExperimentIsActive, invalid } from "../../validation.ts";
import type { Database } from "./database.ts";
import { experimentKey, selectExperiment } from "./experiments.ts";
import { keyValues, optionalText } from "./rows.ts";

// the numbers of MLflow's LoggedModelStatus
const statusNumbers: Record<LoggedModelStatus, number> = { PENDING: 1, READY: 2, FAILED: 3 };

/** Inserts a model whose files are still to be written, and returns its id. */
export function insertLoggedModel(db: Database, input: CreateLoggedModelInput): string {
  const { experimentId, name, sourceRunId, artifactLocation, modelType, tags = {}, params = {} } = input;
  if (name === "" || /[/:.%"']/.test(name)) {
    throw invalid(`logged model: the name must not be empty nor hold any of / : . % " ', got "${name}".`);
  }
  const experiment = selectExperiment(db, experimentId);
  checkExperimentIsActive(experiment);
  const modelId = `m-${randomUUID().replaceAll("-", "")}`;
  const now = Date.now();
  db.run(
    "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, " +
      "last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id) " +
      "VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?, ?)",
    modelId,
    experimentKey(experimentId),
    name,
    artifactLocation === undefined
      ? childUri(experiment.artifactLocation, "models", modelId, "artifacts")
      : localUri(artifactLocation),
    now,
    now,
    statusNumbers.PENDING,
    modelType ?? null,
    sourceRunId ?? null,
  );
  for (const [table, prefix, entries] of [
    ["logged_model_tags", "tag", tags],
    ["logged_model_params", "param", params],
  ] as const) {
    for (const [key, value] of Object.entries(entries)) {
      db.run(
        `INSERT INTO ${table} (model_id, experiment_id, ${prefix}_key, ${prefix}_value) VALUES (?, ?, ?, ?)`,
        modelId,
        experimentKey(experimentId),
        key,
        value,
      );
    }
  }
  return modelId;
}

/** Says whether the files of a model are whole. */
export function changeLoggedModelStatus(db: Database, modelId: string, status: LoggedModelStatus): void {
  db.run(
    "UPDATE logged_models SET status = ?, last_updated_timestamp_ms = ? WHERE model_id = ?",
    statusNumbers[status],
    Date.now(),
    modelId,
  );
}

/** Reads a model; one that does not exist or is deleted throws. */
export function selectLoggedModel(db: Database, modelId: string): LoggedModel {
  const row = db.first(
    "SELECT * FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'",
    modelId,
  );
  if (row === undefined) {
    throw new TrackingError(`logged model ${modelId}: it must exist, and no such id is in the store.`, {
      code: "RESOURCE_DOES_NOT_EXIST",
    });
  }
  const tags = db.all(
    'SELECT tag_key AS "key", tag_value AS value FROM logged_model_tags WHERE model_id = ?',
    modelId,
  );
  const params = db.all(
    'SELECT param_key AS "key", param_value AS value FROM logged_model_params WHERE model_id = ?',
    modelId,
  );
  const statuses = Object.keys(statusNumbers) as LoggedModelStatus[];
  return {
    modelId,
    experimentId: String(row["experiment_id"]),
    name: String(row["name"]),
    artifactLocation: String(row["artifact_location"]),
    creationTimestamp: Number(row["creation_timestamp_ms"]),
    lastUpdatedTimestamp: Number(row["last_updated_timestamp_ms"]),
    status: statuses.find((status) => statusNumbers[status] === Number(row["status"])) ?? "FAILED",
    ...optionalText("modelType", row["model_type"]),
    ...optionalText("sourceRunId", row["source_run_id"]),
    tags: keyValues(tags),
    params: keyValues(params),
  };
}

/** Records models as what came out of a run. */
export function insertModelOutputs(
  db: Database,
  runId: string,
  models: readonly { modelId: string; step: number }[],
): void {
  for (const { modelId, step } of models) {
    selectLoggedModel(db, modelId);
    db.run(
      "INSERT OR IGNORE INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step) " +
        "VALUES (?, 'RUN_OUTPUT', ?, 'MODEL_OUTPUT', ?, ?)",
      randomUUID().replaceAll("-", ""),
      runId,
      modelId,
      step,
    );
  }
}

/** Reads the models that came out of a run. */
export function selectModelOutputs(db: Database, runId: string): { modelId: string; step: number }[] {
  return db
    .all(
      "SELECT destination_id, step FROM inputs WHERE source_type = 'RUN_OUTPUT' AND source_id = ? AND " +
        "destination_type = 'MODEL_OUTPUT' ORDER BY rowid",
      runId,
    )
    .map((row) => ({ modelId: String(row["destination_id"]), step: Number(row["step"]) }));
}
