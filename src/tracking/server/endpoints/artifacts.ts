// Endpoints that list artifacts.
import { z } from "zod";
import type { LocalArtifactRepository } from "../../artifacts/local.ts";
import { present } from "../../wire.ts";
import { endpoint, required, runIdFields, runIdOf } from "../endpoint.ts";
import { isPartial } from "../receive-file.ts";

/** Lists a folder of a repository as MLflow's API does. */
export function toWireFiles(repository: LocalArtifactRepository, path: string) {
  return repository
    .list(path)
    .filter(({ path: name }) => !isPartial(name))
    .map((entry) => ({ path: entry.path, is_dir: entry.isDirectory, ...present({ file_size: entry.size }) }));
}

export const artifactEndpoints = [
  endpoint(
    "GET",
    "/mlflow/artifacts/list",
    z.object({ ...runIdFields, path: z.string().default("") }),
    async ({ path, ...input }, { store, folders }) => {
      const { artifactUri } = (await store.getRun(runIdOf(input))).info;
      return { root_uri: artifactUri, files: toWireFiles(folders.repository(artifactUri), path) };
    },
  ),
  endpoint(
    "GET",
    "/mlflow/logged-models/{model_id}/artifacts/directories",
    z.object({ model_id: required, artifact_directory_path: z.string().default("") }),
    async ({ model_id, artifact_directory_path: path }, { store, folders }) => {
      const { artifactLocation } = await store.getLoggedModel(model_id);
      return { root_uri: artifactLocation, files: toWireFiles(folders.repository(artifactLocation), path) };
    },
  ),
];
