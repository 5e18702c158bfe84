// Which tracking store a command uses when it is not told.
import { join } from "node:path";
import { findProjectRoot } from "../config/index.ts";

/** Returns the URI of a flag, else `MLFLOW_TRACKING_URI`, else the store of the project around the current folder. */
export function storeUri(flag: string | undefined): string {
  const database = join(findProjectRoot(process.cwd()), "outputs", "mlflow", "mlflow.db");
  return flag ?? (process.env["MLFLOW_TRACKING_URI"] || `sqlite:///${database}`);
}
