// What MLflow's tables have no place for: stages with names of one's own, and the history of the registry. The foreign
// keys let rows follow a model that MLflow itself renames or deletes.
import type { SqlDialect } from "./sql.ts";

/** Returns the statements that make the tables where they are missing. */
export function sconceStatements({ name }: SqlDialect): string[] {
  const counter = name === "sqlite" ? "INTEGER PRIMARY KEY" : "BIGSERIAL PRIMARY KEY";
  return [
    `CREATE TABLE IF NOT EXISTS sconce_model_versions (
  workspace VARCHAR(63) DEFAULT 'default' NOT NULL,
  name VARCHAR(256) NOT NULL,
  version INTEGER NOT NULL,
  stage VARCHAR(100),
  model_id VARCHAR(36),
  PRIMARY KEY (workspace, name, version),
  FOREIGN KEY (workspace, name, version) REFERENCES model_versions (workspace, name, version)
    ON UPDATE CASCADE ON DELETE CASCADE
)`,
    `CREATE TABLE IF NOT EXISTS sconce_registry_history (
  id ${counter},
  workspace VARCHAR(63) DEFAULT 'default' NOT NULL,
  model_name VARCHAR(256) NOT NULL,
  timestamp BIGINT NOT NULL,
  kind VARCHAR(10) NOT NULL,
  name VARCHAR(256) NOT NULL,
  version INTEGER,
  previous VARCHAR(256),
  user_id VARCHAR(256) NOT NULL,
  evidence TEXT NOT NULL,
  FOREIGN KEY (workspace, model_name) REFERENCES registered_models (workspace, name)
    ON UPDATE CASCADE ON DELETE CASCADE
)`,
    "CREATE INDEX IF NOT EXISTS sconce_registry_history_model ON sconce_registry_history (workspace, model_name, id)",
  ];
}
