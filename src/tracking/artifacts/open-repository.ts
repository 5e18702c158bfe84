// Finds the repository behind the place of a run's or model's artifacts.
import { TrackingError } from "../../base/index.ts";
import { servesArtifacts } from "../store.ts";
import type { TrackingStore } from "../store.ts";
import { LocalArtifactRepository } from "./local.ts";
import type { ArtifactRepository } from "./repository.ts";
import { S3ArtifactRepository } from "./s3.ts";
import { isLocalPlace, schemeOf } from "./uri.ts";

/**
 * Returns what keeps the artifacts of a place: a path or `file:///path`, `s3://bucket/prefix`, or
 * `mlflow-artifacts:/path`, which is behind the tracking server that `store` is.
 *
 * @throws TrackingError for a place of another kind
 */
export function artifactRepository(uri: string, store?: Pick<TrackingStore, "uri">): ArtifactRepository {
  if (isLocalPlace(uri)) return new LocalArtifactRepository(uri);
  const scheme = schemeOf(uri);
  if (scheme === "s3") return new S3ArtifactRepository(uri);
  if (scheme === "mlflow-artifacts" && store !== undefined && servesArtifacts(store)) {
    return store.artifacts(uri);
  }
  const needs =
    scheme === "mlflow-artifacts"
      ? `is behind a tracking server, and ${store?.uri ?? "no store"} is none. Open the server itself (MLFLOW_TRACKING_URI=http://host:port)`
      : "is of a kind that Sconce does not read. Use a folder, s3://bucket/prefix or mlflow-artifacts:/path";
  throw new TrackingError(`artifacts: "${uri}" ${needs}.`, { code: "NOT_IMPLEMENTED" });
}
