// Data sets that went into runs, in SQL. Each function expects to run inside a transaction.
import { randomUUID } from "node:crypto";
import type { DatasetInput } from "../../types.ts";
import { checkDatasetInput } from "../../validation.ts";
import type { Database, SqlRow } from "./database.ts";
import { keyValues, optionalText } from "./rows.ts";

/** Records data sets as inputs of a run; one that is recorded already is skipped. */
export function insertDatasetInputs(
  db: Database,
  runId: string,
  experimentId: string,
  inputs: readonly DatasetInput[],
): void {
  for (const input of inputs) {
    checkDatasetInput(input);
    const datasetId = datasetKey(db, Number(experimentId), input);
    const inputId = newId();
    const { changes } = db.run(
      "INSERT OR IGNORE INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id) " +
        "VALUES (?, 'DATASET', ?, 'RUN', ?)",
      inputId,
      datasetId,
      runId,
    );
    if (changes === 0) continue;
    for (const [name, value] of Object.entries(input.tags)) {
      db.run("INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)", inputId, name, value);
    }
  }
}

/** Reads the data sets that went into a run. */
export function selectDatasetInputs(db: Database, runId: string): DatasetInput[] {
  const rows = db.all(
    "SELECT d.*, i.input_uuid FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id WHERE " +
      "i.destination_type = 'RUN' AND i.destination_id = ? AND i.source_type = 'DATASET' ORDER BY i.rowid",
    runId,
  );
  return rows.map((row) => toDatasetInput(db, row));
}

function datasetKey(db: Database, experimentId: number, { dataset }: DatasetInput): string {
  const { name, digest, sourceType, source, schema, profile } = dataset;
  db.run(
    "INSERT OR IGNORE INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, " +
      "dataset_source, dataset_schema, dataset_profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    newId(),
    experimentId,
    name,
    digest,
    sourceType,
    source,
    schema ?? null,
    profile ?? null,
  );
  const row = db.first(
    "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?",
    experimentId,
    name,
    digest,
  );
  return String(row?.["dataset_uuid"]);
}

function toDatasetInput(db: Database, row: SqlRow): DatasetInput {
  const tags = db.all(
    'SELECT name AS "key", value FROM input_tags WHERE input_uuid = ?',
    row["input_uuid"] ?? null,
  );
  return {
    dataset: {
      name: String(row["name"]),
      digest: String(row["digest"]),
      sourceType: String(row["dataset_source_type"]),
      source: String(row["dataset_source"]),
      ...optionalText("schema", row["dataset_schema"]),
      ...optionalText("profile", row["dataset_profile"]),
    },
    tags: keyValues(tags),
  };
}

function newId(): string {
  return randomUUID().replaceAll("-", "");
}
