// Which tracking store a command uses when it is not told.
import { dirname, join } from "node:path";
import { sqlitePath } from "../base/index.ts";
import { defaultTrackingUri, findProjectRoot } from "../config/index.ts";

/** Returns the URI of a flag, else `MLFLOW_TRACKING_URI`, else the store of the project around the current folder. */
export function storeUri(flag: string | undefined): string {
  return flag ?? defaultTrackingUri(findProjectRoot(process.cwd()));
}

/** Returns where something of this name stands beside a SQLite store; undefined for stores of other kinds. */
export function besideStore(uri: string, name: string): string | undefined {
  const database = sqlitePath(uri);
  return database === undefined ? undefined : join(dirname(database), name);
}
