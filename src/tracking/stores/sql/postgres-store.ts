// The store of teams: a PostgreSQL database with MLflow's schema, which a stock MLflow server may use beside us.
import { TrackingError } from "../../../base/index.ts";
import { localUri } from "../../artifacts/uri.ts";
import { checkCustomStages } from "../../stages.ts";
import { insertDefaultExperiment } from "./experiments.ts";
import { PostgresDatabase, type PostgresOptions } from "./postgres-database.ts";
import type { Sql } from "./sql.ts";
import { SqlStore, type SqlStoreOptions } from "./sql-store.ts";

/** Says where the database is. */
export interface PostgresStoreOptions extends PostgresOptions, SqlStoreOptions {
  /** As SQLAlchemy writes it: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, `postgresql+psycopg2://...`. */
  uri: string;
  /**
   * Where experiments that name no place keep their artifacts. A new database needs it.
   * @default where the experiment `Default` of the database keeps its own
   */
  artifactRoot?: string;
}

/**
 * Keeps runs and the registry in a PostgreSQL database, for many processes and machines at once. An empty database
 * gets MLflow's schema.
 *
 * @example
 * const store = await PostgresStore.open({ uri: "postgresql://ann@db/tracking", artifactRoot: "s3://bucket/runs" });
 */
export class PostgresStore extends SqlStore {
  private constructor(db: PostgresDatabase, artifactRoot: string, stages: readonly string[]) {
    super(db, { uri: db.name, artifactRoot, stages });
  }

  /** Connects to the database; one of another MLflow release is refused with the way out. */
  static async open({
    uri,
    artifactRoot,
    stages = [],
    ...options
  }: PostgresStoreOptions): Promise<PostgresStore> {
    checkCustomStages(stages);
    const db = await PostgresDatabase.open(uri, options);
    try {
      const root =
        artifactRoot === undefined ? await db.read((sql) => knownRoot(sql, db.name)) : localUri(artifactRoot);
      await db.write((sql) => insertDefaultExperiment(sql, root));
      return new PostgresStore(db, root, stages);
    } catch (error) {
      await db.close();
      throw error;
    }
  }
}

async function knownRoot(sql: Sql, name: string): Promise<string> {
  const row = await sql.first("SELECT artifact_location FROM experiments WHERE experiment_id = 0");
  const location = String(row?.["artifact_location"] ?? "");
  if (location.endsWith("/0")) return location.slice(0, -2);
  throw new TrackingError(
    `${name}: artifactRoot must say where artifacts go, for the database does not. Name a folder or a storage URI.`,
    { code: "INVALID_PARAMETER_VALUE" },
  );
}
