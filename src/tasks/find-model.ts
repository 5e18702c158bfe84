// From what a person calls a model to its files: a folder, or a URI of the tracking store.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../base/index.ts";
import { findProjectRoot } from "../config/index.ts";
import { SqliteStore, isModelUri, modelFolders, resolveModelUri } from "../tracking/index.ts";
import type { ModelFolders } from "../tracking/index.ts";

export interface FindModelOptions {
  /**
   * The SQLite file that URIs are looked up in.
   * @default MLFLOW_TRACKING_URI, else `outputs/mlflow/mlflow.db` of the project around the current folder
   */
  trackingDatabase?: string;
}

/** Finds a model: its folder, a folder that MLflow logged, or a URI such as `runs:/RUN_ID/model` and `models:/NAME@ALIAS`. */
export async function findModel(
  model: string,
  { trackingDatabase }: FindModelOptions = {},
): Promise<ModelFolders> {
  if (!isModelUri(model)) return modelFolders(model);
  const path = trackingDatabase ?? currentDatabase();
  if (!existsSync(path)) {
    throw new UsageError(
      `${model}: there must be a tracking database, but ${path} does not exist. Train in this project first, go to the project's folder, or set MLFLOW_TRACKING_URI to sqlite:///PATH.`,
    );
  }
  const store = await SqliteStore.open({ path });
  try {
    return modelFolders(await resolveModelUri(model, store));
  } finally {
    await store.close();
  }
}

/** The database that MLflow's variable names, or the one of the project around the current folder. */
function currentDatabase(): string {
  const uri = process.env["MLFLOW_TRACKING_URI"];
  if (uri === undefined || uri === "")
    return join(findProjectRoot(process.cwd()), "outputs", "mlflow", "mlflow.db");
  const path = /^sqlite:\/\/\/(.+)$/s.exec(uri)?.[1];
  if (path !== undefined) return resolve(path);
  throw new UsageError(
    `MLFLOW_TRACKING_URI: it must be sqlite:///PATH for a model to be looked up there, got "${uri}". Unset it for the project's own database, or name the model's folder.`,
  );
}
