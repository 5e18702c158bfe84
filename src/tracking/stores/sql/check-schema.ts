// Whether a database is MLflow's, of the release that this code knows.
import { TrackingError } from "../../../base/index.ts";
import { defaultWorkspace, schemaMlflowVersion, schemaRevision } from "./schema.generated.ts";
import type { Sql } from "./sql.ts";

/** Says what stands in a database, and how to speak of it. */
export interface FoundSchema {
  /** Names the database in messages. */
  name: string;
  /** Names it for `mlflow db upgrade`. */
  uri: string;
  kind: "file" | "database";
  tables: ReadonlySet<string>;
  /** What the table `alembic_version` holds, if it is there. */
  revisions: readonly string[];
}

/**
 * Tells whether a database is MLflow's; false means that it is empty.
 *
 * @throws TrackingError (INVALID_STATE) for tables of another program, and for the schema of another MLflow release
 */
export function checkSchema({ name, uri, kind, tables, revisions }: FoundSchema): boolean {
  if (tables.size === 0) return false;
  const found = revisions.join(", ");
  if (found === schemaRevision) return true;
  if (found === "" || !tables.has("experiments")) {
    throw new TrackingError(
      `${name}: the ${kind} must be a tracking database or ${kind === "file" ? "not exist yet" : "empty"}, got a ` +
        `database with other tables (${[...tables].sort().slice(0, 3).join(", ")}). Name another ${kind}.`,
      { code: "INVALID_STATE" },
    );
  }
  throw new TrackingError(
    `${name}: the schema must be MLflow ${schemaMlflowVersion}'s (revision ${schemaRevision}), got revision ` +
      `${found}. If an older MLflow wrote it, back it up and run: pip install mlflow==${schemaMlflowVersion} && ` +
      `mlflow db upgrade ${uri}. If a newer one did, use another ${kind}.`,
    { code: "INVALID_STATE" },
  );
}

/** Inserts the rows that MLflow puts into a new database. */
export async function insertFirstRows(sql: Sql): Promise<void> {
  await sql.run("INSERT INTO alembic_version (version_num) VALUES (?)", schemaRevision);
  const { name, description } = defaultWorkspace;
  await sql.run("INSERT INTO workspaces (name, description) VALUES (?, ?)", name, description);
}
