// Data sets and models that went into runs, and models that came out, in SQL. MLflow keeps all of them as edges in the
// table `inputs`. Each function expects to run inside a transaction.
import { randomUUID } from "node:crypto";
import { datasetContextTag, datasetUseKey } from "../../dataset-uses.ts";
import type {
  Dataset,
  DatasetInput,
  DatasetUse,
  ModelInput,
  ModelOutput,
  RunInputs,
  RunOutputs,
} from "../../types.ts";
import { checkDatasetInput } from "../../validation.ts";
import { experimentKey } from "./experiments.ts";
import { selectLoggedModel } from "./logged-models.ts";
import { groupKeyValues, groupRows, optionalText } from "./rows.ts";
import { type Sql, type SqlRow, type SqlValue, allIn, insertRows } from "./sql.ts";

/** Records data sets as inputs of a run; one that is recorded already is skipped. */
export async function insertDatasetInputs(
  sql: Sql,
  runId: string,
  experimentId: string,
  inputs: readonly DatasetInput[],
): Promise<void> {
  for (const input of inputs) {
    checkDatasetInput(input);
    const datasetId = await datasetKey(sql, experimentKey(experimentId), input);
    const inputId = newId();
    const changes = await sql.run(
      "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id) " +
        "VALUES (?, 'DATASET', ?, 'RUN', ?) ON CONFLICT DO NOTHING",
      inputId,
      datasetId,
      runId,
    );
    if (changes === 0) continue;
    const tags = Object.entries(input.tags).map(([name, value]) => [inputId, name, value]);
    await insertRows(sql, "input_tags", ["input_uuid", "name", "value"], tags);
  }
}

/** Records logged models as inputs of a run; one that is recorded already is skipped. */
export async function insertModelInputs(
  sql: Sql,
  runId: string,
  models: readonly ModelInput[],
): Promise<void> {
  for (const { modelId } of models) {
    await selectLoggedModel(sql, modelId);
    await insertModelEdge(sql, ["RUN_INPUT", runId, "MODEL_INPUT", modelId, 0]);
  }
}

/** Records models as what came out of a run. */
export async function insertModelOutputs(
  sql: Sql,
  runId: string,
  models: readonly ModelOutput[],
): Promise<void> {
  for (const { modelId, step } of models) {
    await selectLoggedModel(sql, modelId);
    await insertModelEdge(sql, ["RUN_OUTPUT", runId, "MODEL_OUTPUT", modelId, step]);
  }
}

/** Reads what went into each of some runs. */
export async function selectRunInputs(
  sql: Sql,
  runIds: readonly SqlValue[],
): Promise<(runId: string) => RunInputs> {
  const datasets = await allIn(
    sql,
    (keys) =>
      "SELECT i.destination_id, i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, " +
      "d.dataset_schema, d.dataset_profile FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id " +
      `WHERE i.destination_type = 'RUN' AND i.destination_id IN (${keys}) AND i.source_type = 'DATASET'`,
    runIds,
  );
  const tags = groupKeyValues(
    await allIn(
      sql,
      (keys) =>
        `SELECT input_uuid AS owner, name AS "key", value FROM input_tags WHERE input_uuid IN (${keys})`,
      datasets.map((row) => row["input_uuid"] ?? null),
    ),
  );
  const models = await modelEdges(sql, "RUN_INPUT", runIds);
  const datasetsOf = groupRows(datasets, "destination_id");
  return (runId) => ({
    datasetInputs: datasetsOf(runId)
      .map((row) => ({ dataset: toDataset(row), tags: tags(row["input_uuid"]) }))
      .sort((a, b) => (datasetUseKey(a) < datasetUseKey(b) ? -1 : 1)),
    modelInputs: models(runId).map((row) => ({ modelId: String(row["destination_id"]) })),
  });
}

/** Reads the models that came out of each of some runs, in the order in which they were made. */
export async function selectRunOutputs(
  sql: Sql,
  runIds: readonly SqlValue[],
): Promise<(runId: string) => RunOutputs> {
  const models = await modelEdges(sql, "RUN_OUTPUT", runIds);
  return (runId) => ({
    modelOutputs: models(runId).map((row) => ({
      modelId: String(row["destination_id"]),
      step: Number(row["step"]),
    })),
  });
}

/** Reads the data sets that runs of some experiments used, at most 1000, with the context of each use. */
export async function selectDatasets(sql: Sql, experimentIds: readonly string[]): Promise<DatasetUse[]> {
  const rows = await allIn(
    sql,
    (keys) =>
      "SELECT DISTINCT CAST(d.experiment_id AS TEXT) AS experiment_id, d.name, d.digest, t.value AS context FROM datasets d " +
      "JOIN inputs i ON i.source_type = 'DATASET' AND i.source_id = d.dataset_uuid " +
      `LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = '${datasetContextTag}' ` +
      `WHERE d.experiment_id IN (${keys}) ORDER BY 1, 2, 3, 4 LIMIT 1000`,
    experimentIds.map(experimentKey),
  );
  return rows.slice(0, 1000).map((row) => ({
    experimentId: String(row["experiment_id"]),
    name: String(row["name"]),
    digest: String(row["digest"]),
    ...optionalText("context", row["context"]),
  }));
}

/** Records models of a run as another store had them; models that are gone since are recorded too. */
export async function insertModelEdges(
  sql: Sql,
  runId: string,
  inputs: readonly ModelInput[],
  outputs: readonly ModelOutput[],
): Promise<void> {
  for (const { modelId } of inputs) {
    await insertModelEdge(sql, ["RUN_INPUT", runId, "MODEL_INPUT", modelId, 0]);
  }
  for (const { modelId, step } of outputs) {
    await insertModelEdge(sql, ["RUN_OUTPUT", runId, "MODEL_OUTPUT", modelId, step]);
  }
}

async function insertModelEdge(sql: Sql, edge: SqlValue[]): Promise<void> {
  await sql.run(
    "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step) " +
      "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    newId(),
    ...edge,
  );
}

async function modelEdges(sql: Sql, kind: "RUN_INPUT" | "RUN_OUTPUT", runIds: readonly SqlValue[]) {
  const rows = await allIn(
    sql,
    (keys) =>
      "SELECT i.source_id, i.destination_id, i.step FROM inputs i " +
      "LEFT JOIN logged_models m ON m.model_id = i.destination_id " +
      `WHERE i.source_type = '${kind}' AND i.source_id IN (${keys}) ` +
      "ORDER BY i.step, m.creation_timestamp_ms, i.destination_id",
    runIds,
  );
  return groupRows(rows, "source_id");
}

async function datasetKey(
  sql: Sql,
  experimentId: number | string,
  { dataset }: DatasetInput,
): Promise<string> {
  const { name, digest, sourceType, source, schema, profile } = dataset;
  await sql.run(
    "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, " +
      "dataset_source, dataset_schema, dataset_profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    newId(),
    experimentId,
    name,
    digest,
    sourceType,
    source,
    schema ?? null,
    profile ?? null,
  );
  const row = await sql.first(
    "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?",
    experimentId,
    name,
    digest,
  );
  return String(row?.["dataset_uuid"]);
}

function toDataset(row: SqlRow): Dataset {
  return {
    name: String(row["name"]),
    digest: String(row["digest"]),
    sourceType: String(row["dataset_source_type"]),
    source: String(row["dataset_source"]),
    ...optionalText("schema", row["dataset_schema"]),
    ...optionalText("profile", row["dataset_profile"]),
  };
}

function newId(): string {
  return randomUUID().replaceAll("-", "");
}
