// Which tracking store a command uses when it is not told.
import { defaultTrackingUri, findProjectRoot } from "../config/index.ts";

/** Returns the URI of a flag, else `MLFLOW_TRACKING_URI`, else the store of the project around the current folder. */
export function storeUri(flag: string | undefined): string {
  return flag ?? defaultTrackingUri(findProjectRoot(process.cwd()));
}
