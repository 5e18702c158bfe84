// Endpoints that list artifacts.
import { z } from "zod";
import type { ArtifactRepository } from "../../artifacts/repository.ts";
import { present } from "../../wire.ts";
import { endpoint, required, runIdFields, runIdOf } from "../endpoint.ts";

/** Lists a folder of a repository as MLflow's API does. */
export async function toWireFiles(repository: ArtifactRepository, path: string) {
  const entries = await repository.list(path);
  return entries.map((entry) => ({
    path: entry.path,
    is_dir: entry.isDirectory,
    ...present({ file_size: entry.size }),
  }));
}

export const artifactEndpoints = [
  endpoint(
    "GET",
    "/mlflow/artifacts/list",
    z.object({ ...runIdFields, path: z.string().default("") }),
    async ({ path, ...input }, { store, folders }) => {
      const { artifactUri } = (await store.getRun(runIdOf(input))).info;
      return { root_uri: artifactUri, files: await toWireFiles(folders.repository(artifactUri), path) };
    },
  ),
  endpoint(
    "GET",
    "/mlflow/logged-models/{model_id}/artifacts/directories",
    z.object({ model_id: required, artifact_directory_path: z.string().default("") }),
    async ({ model_id, artifact_directory_path: path }, { store, folders }) => {
      const { artifactLocation } = await store.getLoggedModel(model_id);
      return {
        root_uri: artifactLocation,
        files: await toWireFiles(folders.repository(artifactLocation), path),
      };
    },
  ),
];
