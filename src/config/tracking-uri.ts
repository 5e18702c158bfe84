// Which tracking store is meant: by a config, a flag, a variable, or the project.
import { join } from "node:path";
import { absoluteStoreUri } from "../base/index.ts";

/** Returns the URI of `MLFLOW_TRACKING_URI`, else of the project's own `outputs/mlflow/mlflow.db`; paths are absolute. */
export function defaultTrackingUri(projectRoot: string): string {
  const named = process.env["MLFLOW_TRACKING_URI"];
  if (named) return absoluteStoreUri(named, process.cwd());
  return absoluteStoreUri(`sqlite:///${join("outputs", "mlflow", "mlflow.db")}`, projectRoot);
}
