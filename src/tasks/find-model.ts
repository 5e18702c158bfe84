// From what a person calls a model to its files: a folder, or a URI of the tracking store.
import { existsSync } from "node:fs";
import { UsageError, isModelUri, sqlitePath } from "../base/index.ts";
import { defaultTrackingUri, findProjectRoot } from "../config/index.ts";
import { modelFolders, openStore, resolveModelUri } from "../tracking/index.ts";
import type { ModelFolders, Store } from "../tracking/index.ts";

/** Says where URIs of models are looked up. */
export interface FindModelOptions {
  /** @default `MLFLOW_TRACKING_URI`, else `outputs/mlflow/mlflow.db` of the project around the current folder */
  trackingUri?: string;
  /** An open store, instead of the URI of one. */
  store?: Store;
}

/** Finds a model: its folder, a folder that MLflow logged, or a URI such as `runs:/RUN_ID/model` and `models:/NAME@ALIAS`. */
export async function findModel(model: string, options: FindModelOptions = {}): Promise<ModelFolders> {
  return modelFolders(await findModelFolder(model, options));
}

/** Returns the folder of a model that is named as for `findModel`, of whatever flavour. */
export async function findModelFolder(model: string, options: FindModelOptions = {}): Promise<string> {
  if (!isModelUri(model)) return model;
  if (options.store !== undefined) return resolveModelUri(model, options.store);
  const uri = options.trackingUri ?? defaultTrackingUri(findProjectRoot(process.cwd()));
  const database = sqlitePath(uri);
  if (database !== undefined && !existsSync(database)) {
    throw new UsageError(
      `${model}: there must be a tracking database, but ${database} does not exist. Train in this project first, go to the project's folder, or set MLFLOW_TRACKING_URI.`,
    );
  }
  const store = await openStore(uri);
  try {
    return await resolveModelUri(model, store);
  } finally {
    await store.close();
  }
}
