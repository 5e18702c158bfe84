// Endpoints of the model registry.
import { z } from "zod";
import { isPrompt } from "../../search/prompts.ts";
import type { RegistryChange } from "../../store.ts";
import type { RegisteredModel } from "../../types.ts";
import { present, toWireModelVersion, toWireRegisteredModel, wireRecord, wireVersion } from "../../wire.ts";
import { endpoint, listOf, nextPage, required } from "../endpoint.ts";
import type { ServerContext } from "../endpoint.ts";
import { checkPromptSource, checkVersionSource } from "../version-source.ts";
import { searchFields, searchInput } from "./experiments.ts";

const byName = z.object({ name: required });
const byVersion = byName.extend({ version: wireVersion });
/** What our own clients add to a change, and stock MLflow's leave out. */
const changeFields = {
  sconce_user_id: z.string().optional(),
  sconce_evidence: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
};
const boolean = z.union([z.boolean(), z.enum(["true", "false"]).transform((word) => word === "true")]);

export const registryEndpoints = [
  endpoint(
    "POST",
    "/mlflow/registered-models/create",
    byName.extend({ description: z.string().optional(), tags: wireRecord }),
    async ({ name, description, tags }, context) => {
      const model = await context.store.createRegisteredModel({
        name,
        ...present({ description: description || undefined }),
        tags,
      });
      return changedModel(model, context);
    },
  ),
  endpoint("GET", "/mlflow/registered-models/get", byName, async ({ name }, context) =>
    answerWithModel(await context.store.getRegisteredModel(name), context),
  ),
  endpoint(
    ["GET", "POST"],
    "/mlflow/registered-models/search",
    z.object(searchFields),
    async (input, { store }) => {
      const page = await store.searchRegisteredModels(searchInput(input));
      const models = page.map(async (model) =>
        toWireRegisteredModel(model, await store.latestModelVersions(model.name)),
      );
      return { registered_models: await Promise.all(models), ...nextPage(page.token) };
    },
  ),
  endpoint(
    "POST",
    "/mlflow/registered-models/rename",
    byName.extend({ new_name: required }),
    async ({ name, new_name }, context) =>
      changedModel(await context.store.renameRegisteredModel(name, new_name), context),
  ),
  endpoint(
    "PATCH",
    "/mlflow/registered-models/update",
    byName.extend({ description: z.string().default("") }),
    async ({ name, description }, context) =>
      changedModel(await context.store.updateRegisteredModel(name, description), context),
  ),
  endpoint("DELETE", "/mlflow/registered-models/delete", byName, ({ name }, context) =>
    change(name, context, () => context.store.deleteRegisteredModel(name)),
  ),
  endpoint(
    "POST",
    "/mlflow/registered-models/set-tag",
    byName.extend({ key: required, value: z.string() }),
    ({ name, key, value }, context) =>
      change(name, context, () => context.store.setRegisteredModelTags(name, { [key]: value })),
  ),
  endpoint(
    "DELETE",
    "/mlflow/registered-models/delete-tag",
    byName.extend({ key: required }),
    ({ name, key }, context) =>
      change(name, context, () => context.store.deleteRegisteredModelTag(name, key)),
  ),
  endpoint(
    ["GET", "POST"],
    "/mlflow/registered-models/get-latest-versions",
    byName.extend({ stages: listOf(z.string()) }),
    async ({ name, stages }, { store }) => {
      const versions = await store.latestModelVersions(name, stages.length === 0 ? undefined : stages);
      return { model_versions: versions.map(toWireModelVersion) };
    },
  ),
  endpoint(
    "POST",
    "/mlflow/registered-models/alias",
    byVersion.extend({ ...changeFields, alias: required }),
    ({ name, alias, version, ...input }, context) =>
      change(name, context, () => context.store.setModelAlias(name, alias, version, changeOf(input))),
  ),
  endpoint(
    "DELETE",
    "/mlflow/registered-models/alias",
    byName.extend({ ...changeFields, alias: required }),
    ({ name, alias, ...input }, context) =>
      change(name, context, () => context.store.deleteModelAlias(name, alias, changeOf(input))),
  ),
  endpoint(
    "GET",
    "/mlflow/registered-models/alias",
    byName.extend({ alias: required }),
    async ({ name, alias }, { store }) => ({
      model_version: toWireModelVersion(await store.getModelVersionByAlias(name, alias)),
    }),
  ),

  endpoint(
    "POST",
    "/mlflow/model-versions/create",
    byName.extend({
      source: required,
      run_id: z.string().optional(),
      model_id: z.string().optional(),
      description: z.string().optional(),
      tags: wireRecord,
    }),
    async ({ name, source, run_id, model_id, description, tags }, { store, changes }) => {
      const origin = present({ runId: run_id || undefined, modelId: model_id || undefined });
      if (isPrompt({ tags })) checkPromptSource(source);
      else await checkVersionSource(store, { source, ...origin });
      const version = await store.createModelVersion({
        name,
        source,
        ...origin,
        ...present({ description: description || undefined }),
        tags,
      });
      changes.publish({ kind: "registered_model", id: name });
      return { model_version: toWireModelVersion(version) };
    },
  ),
  endpoint("GET", "/mlflow/model-versions/get", byVersion, async ({ name, version }, { store }) => ({
    model_version: toWireModelVersion(await store.getModelVersion(name, version)),
  })),
  endpoint(
    ["GET", "POST"],
    "/mlflow/model-versions/search",
    z.object(searchFields),
    async (input, { store }) => {
      const page = await store.searchModelVersions(searchInput(input));
      return { model_versions: page.map(toWireModelVersion), ...nextPage(page.token) };
    },
  ),
  endpoint(
    "PATCH",
    "/mlflow/model-versions/update",
    byVersion.extend({ description: z.string().default("") }),
    async ({ name, version, description }, { store, changes }) => {
      const updated = await store.updateModelVersion(name, version, description);
      changes.publish({ kind: "registered_model", id: name });
      return { model_version: toWireModelVersion(updated) };
    },
  ),
  endpoint(
    "POST",
    "/mlflow/model-versions/transition-stage",
    byVersion.extend({
      ...changeFields,
      stage: required,
      archive_existing_versions: boolean.default(false),
    }),
    async ({ name, version, stage, archive_existing_versions, ...input }, { store, changes }) => {
      const moved = await store.transitionStage({
        name,
        version,
        stage,
        archiveExisting: archive_existing_versions,
        ...changeOf(input),
      });
      changes.publish({ kind: "registered_model", id: name });
      return { model_version: toWireModelVersion(moved) };
    },
  ),
  endpoint("DELETE", "/mlflow/model-versions/delete", byVersion, ({ name, version }, context) =>
    change(name, context, () => context.store.deleteModelVersion(name, version)),
  ),
  endpoint(
    "POST",
    "/mlflow/model-versions/set-tag",
    byVersion.extend({ key: required, value: z.string() }),
    ({ name, version, key, value }, context) =>
      change(name, context, () => context.store.setModelVersionTags(name, version, { [key]: value })),
  ),
  endpoint(
    "DELETE",
    "/mlflow/model-versions/delete-tag",
    byVersion.extend({ key: required }),
    ({ name, version, key }, context) =>
      change(name, context, () => context.store.deleteModelVersionTag(name, version, key)),
  ),
  endpoint(
    "GET",
    "/mlflow/model-versions/get-download-uri",
    byVersion,
    async ({ name, version }, { store }) => ({
      artifact_uri: (await store.getModelVersion(name, version)).storageLocation,
    }),
  ),
];

function changeOf(input: {
  sconce_user_id?: string | undefined;
  sconce_evidence?: Record<string, string | number> | undefined;
}): RegistryChange {
  return present({ userId: input.sconce_user_id, evidence: input.sconce_evidence });
}

async function answerWithModel(model: RegisteredModel, { store }: ServerContext) {
  return { registered_model: toWireRegisteredModel(model, await store.latestModelVersions(model.name)) };
}

function changedModel(model: RegisteredModel, context: ServerContext) {
  context.changes.publish({ kind: "registered_model", id: model.name });
  return answerWithModel(model, context);
}

async function change(
  name: string,
  { changes }: ServerContext,
  write: () => Promise<unknown>,
): Promise<void> {
  await write();
  changes.publish({ kind: "registered_model", id: name });
}
