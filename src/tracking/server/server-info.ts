// What MLflow's clients ask before they sign in: whether they can send files in parts, and read them from a bucket.
import type { ServerContext } from "./endpoint.ts";

const storeTypes: Readonly<Record<string, string>> = {
  sqlite: "SqlStore",
  postgresql: "SqlStore",
  file: "FileStore",
};

/** Answers `GET /api/3.0/mlflow/server-info`, with MLflow's names (mlflow/utils/server_info.py). */
export function serverInfo({ store, folders }: Pick<ServerContext, "store" | "folders">): object {
  return {
    store_type: storeTypes[store.uri.slice(0, store.uri.indexOf(":"))] ?? null,
    workspaces_enabled: false,
    trace_archival_enabled: false,
    multipart_uploads_enabled: folders.takesParts,
    multipart_downloads_enabled: folders.signsAddresses,
    presigned_upload_run_id_supported: true,
    presigned_upload_model_id_supported: true,
    features_enabled: { gateway: false },
  };
}
