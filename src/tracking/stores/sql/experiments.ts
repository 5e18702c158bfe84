// Experiments in SQL. Each function expects to run inside a transaction.
import { randomInt } from "node:crypto";
import { TrackingError } from "../../../base/index.ts";
import { childUri, localUri } from "../../artifacts/uri.ts";
import type { CreateExperimentInput } from "../../store.ts";
import type { Experiment, LifecycleStage } from "../../types.ts";
import { checkExperimentName, checkExperimentTags, invalid, limits } from "../../validation.ts";
import { type Database, type SqlRow, isUniqueViolation } from "./database.ts";
import { keyValues } from "./rows.ts";

/** Inserts an experiment and returns its id. */
export function insertExperiment(
  db: Database,
  { name, artifactLocation, tags = {} }: CreateExperimentInput,
  artifactRoot: string,
): string {
  checkExperimentName(name);
  checkExperimentTags(tags);
  if (artifactLocation !== undefined) checkArtifactLocation(artifactLocation);
  const now = Date.now();
  let id: number;
  try {
    id = db.run(
      "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, last_update_time) " +
        "VALUES (?, ?, 'active', ?, ?)",
      name,
      artifactLocation === undefined ? null : localUri(artifactLocation),
      now,
      now,
    ).lastInsertRowid;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new TrackingError(
      `createExperiment: an experiment "${name}" exists already. Choose another name.`,
      {
        code: "RESOURCE_ALREADY_EXISTS",
        cause: error,
      },
    );
  }
  if (artifactLocation === undefined) {
    const location = childUri(artifactRoot, String(id));
    db.run("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", location, id);
  }
  for (const [key, value] of Object.entries(tags)) {
    db.run('INSERT INTO experiment_tags ("key", value, experiment_id) VALUES (?, ?, ?)', key, value, id);
  }
  return String(id);
}

/** Makes experiment 0, which MLflow's clients expect, in a database without experiments. */
export function insertDefaultExperiment(db: Database, artifactRoot: string): void {
  if (db.first("SELECT 1 FROM experiments LIMIT 1") !== undefined) return;
  const now = Date.now();
  db.run(
    "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, " +
      "last_update_time) VALUES (0, 'Default', ?, 'active', ?, ?)",
    childUri(artifactRoot, "0"),
    now,
    now,
  );
}

/** Reads an experiment; one that does not exist throws. */
export function selectExperiment(db: Database, experimentId: string): Experiment {
  const row = db.first(`${experimentQuery} WHERE experiment_id = ?`, experimentKey(experimentId));
  if (row === undefined) {
    throw new TrackingError(`experiment ${experimentId}: it must exist, and no such id is in the store.`, {
      code: "RESOURCE_DOES_NOT_EXIST",
    });
  }
  return toExperiment(db, row);
}

/** Reads an experiment by its name, deleted or not. */
export function selectExperimentByName(db: Database, name: string): Experiment | undefined {
  const row = db.first(`${experimentQuery} WHERE workspace = 'default' AND name = ?`, name);
  return row === undefined ? undefined : toExperiment(db, row);
}

/** Turns the id that the interface uses into the table's key. */
export function experimentKey(experimentId: string): number {
  if (!/^\d{1,15}$/.test(experimentId)) {
    throw invalid(
      `experiment id: it must be a whole number, got ${JSON.stringify(experimentId)}. Look it up by name.`,
    );
  }
  return Number(experimentId);
}

/** Draws a name like `gentle-otter-217` for a run that has none. */
export function randomRunName(): string {
  const pick = (words: readonly string[]) => words[randomInt(words.length)];
  return `${pick(adjectives)}-${pick(animals)}-${randomInt(1000)}`;
}

const experimentQuery =
  "SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time FROM experiments";

function toExperiment(db: Database, row: SqlRow): Experiment {
  const tags = db.all(
    'SELECT "key", value FROM experiment_tags WHERE experiment_id = ?',
    row["experiment_id"] ?? null,
  );
  return {
    experimentId: String(row["experiment_id"]),
    name: String(row["name"]),
    artifactLocation: String(row["artifact_location"] ?? ""),
    lifecycleStage: row["lifecycle_stage"] as LifecycleStage,
    creationTime: Number(row["creation_time"]),
    lastUpdateTime: Number(row["last_update_time"]),
    tags: keyValues(tags),
  };
}

function checkArtifactLocation(location: string): void {
  if (location.startsWith("runs:")) {
    throw invalid(`createExperiment: artifactLocation must be a folder or a storage URI, got "${location}".`);
  }
  if (location.length > limits.artifactLocation) {
    throw invalid(
      `createExperiment: artifactLocation may have ${limits.artifactLocation} characters, got ${location.length}.`,
    );
  }
}

const adjectives =
  "able bold brave calm clear deft eager fair fine gentle glad keen kind lively merry neat".split(" ");
const animals =
  "badger crane finch fox hare heron lark lynx marten otter owl robin seal swift tern wren".split(" ");
