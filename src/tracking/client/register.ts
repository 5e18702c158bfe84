// What a training job does in the registry: a version for its model, and the alias of the best.
import { SconceError } from "../../base/index.ts";
import { eachPage } from "../paged-list.ts";
import { quoted } from "../search/index.ts";
import type { CreateRegisteredModelInput, RegistryStore } from "../store.ts";
import type { ModelVersion, RegisteredModel } from "../types.ts";

/** Says which model becomes a version of which name. */
export interface RegisterModelOptions {
  /** Name in the registry; the registered model is made when it is missing. */
  name: string;
  /** Where the model was logged: a path, `runs:/ID/model` or `models:/m-ID`. */
  source: string;
  runId?: string;
  /** The logged model that the version is. */
  modelId?: string;
  description?: string;
  tags?: Record<string, string>;
  /** Aliases to point at the new version, `["champion"]`. */
  aliases?: readonly string[];
}

/** Registers a logged model as the next version of a name, and points aliases at it. */
export async function registerModelVersion(
  registry: RegistryStore,
  { aliases = [], ...input }: RegisterModelOptions,
): Promise<ModelVersion> {
  await getOrCreateRegisteredModel(registry, { name: input.name });
  const { version } = await registry.createModelVersion(input);
  for (const alias of aliases) await registry.setModelAlias(input.name, alias, version);
  return registry.getModelVersion(input.name, version);
}

/** Returns the registered model of a name, made when it is missing; two processes may ask at once. */
export async function getOrCreateRegisteredModel(
  registry: RegistryStore,
  input: CreateRegisteredModelInput,
): Promise<RegisteredModel> {
  try {
    return await registry.createRegisteredModel(input);
  } catch (error) {
    if (!SconceError.is(error) || error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
    return registry.getRegisteredModel(input.name);
  }
}

/** Returns all versions of a registered model, the newest first. */
export async function modelVersionsOf(
  registry: Pick<RegistryStore, "searchModelVersions">,
  name: string,
): Promise<ModelVersion[]> {
  const search = { filter: `name = ${quoted(name)}`, orderBy: ["version_number DESC"] };
  const versions: ModelVersion[] = [];
  for await (const version of eachPage((pageToken) =>
    registry.searchModelVersions({ ...search, ...(pageToken !== undefined && { pageToken }) }),
  )) {
    versions.push(version);
  }
  return versions;
}
