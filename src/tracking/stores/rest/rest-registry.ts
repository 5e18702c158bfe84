// The registry behind an MLflow server: each method is one request of the REST API.
import { z } from "zod";
import { pagedList } from "../../paged-list.ts";
import type { PagedList } from "../../paged-list.ts";
import { loggedModelOf } from "../../registry/source.ts";
import type {
  CreateModelVersionInput,
  CreateRegisteredModelInput,
  RegistryChange,
  RegistryStore,
  SearchInput,
  TransitionStageInput,
} from "../../store.ts";
import type { ModelVersion, RegisteredModel, RegistryEvent } from "../../types.ts";
import { present, toWireTags, wireModelVersion, wireRegisteredModel, wireRegistryEvent } from "../../wire.ts";
import { idempotent, nextPage, nothing, searchFields } from "./rest-api.ts";
import type { RestApi } from "./rest-api.ts";

const modelAnswer = z.object({ registered_model: wireRegisteredModel });
const versionAnswer = z.object({ model_version: wireModelVersion });

/** Is the half of `RestStore` that keeps registered models and their versions. */
export abstract class RestRegistry implements RegistryStore {
  protected readonly api: RestApi;

  protected constructor(api: RestApi) {
    this.api = api;
  }

  async createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel> {
    const fields = {
      name: input.name,
      ...present({ description: input.description }),
      tags: toWireTags(input.tags ?? {}),
    };
    return (await this.api.call("POST", "/mlflow/registered-models/create", modelAnswer, fields))
      .registered_model;
  }

  async getRegisteredModel(name: string): Promise<RegisteredModel> {
    return (await this.api.call("GET", "/mlflow/registered-models/get", modelAnswer, { name }))
      .registered_model;
  }

  async searchRegisteredModels(search: SearchInput = {}): Promise<PagedList<RegisteredModel>> {
    const shape = z.object({ registered_models: z.array(wireRegisteredModel).default([]), ...nextPage });
    const answer = await this.api.call(
      "GET",
      "/mlflow/registered-models/search",
      shape,
      searchFields(search, 100),
    );
    return pagedList(answer.registered_models, answer.next_page_token || undefined);
  }

  async renameRegisteredModel(name: string, newName: string): Promise<RegisteredModel> {
    const fields = { name, new_name: newName };
    return (await this.api.call("POST", "/mlflow/registered-models/rename", modelAnswer, fields))
      .registered_model;
  }

  async updateRegisteredModel(name: string, description: string): Promise<RegisteredModel> {
    const path = "/mlflow/registered-models/update";
    return (await this.api.call("PATCH", path, modelAnswer, { name, description }, idempotent))
      .registered_model;
  }

  async deleteRegisteredModel(name: string): Promise<void> {
    await this.api.call("DELETE", "/mlflow/registered-models/delete", nothing, { name });
  }

  async setRegisteredModelTags(name: string, tags: Record<string, string>): Promise<void> {
    for (const tag of toWireTags(tags)) {
      await this.api.write("/mlflow/registered-models/set-tag", { name, ...tag }, idempotent);
    }
  }

  async deleteRegisteredModelTag(name: string, key: string): Promise<void> {
    await this.api.call("DELETE", "/mlflow/registered-models/delete-tag", nothing, { name, key });
  }

  async createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion> {
    const fields = {
      name: input.name,
      source: input.source,
      ...present({
        run_id: input.runId,
        model_id: input.modelId ?? loggedModelOf(input.source),
        description: input.description,
      }),
      tags: toWireTags(input.tags ?? {}),
    };
    const { model_version } = await this.api.call(
      "POST",
      "/mlflow/model-versions/create",
      versionAnswer,
      fields,
    );
    return this.#withStorage(model_version);
  }

  async getModelVersion(name: string, version: number): Promise<ModelVersion> {
    const fields = { name, version: String(version) };
    const { model_version } = await this.api.call("GET", "/mlflow/model-versions/get", versionAnswer, fields);
    return this.#withStorage(model_version);
  }

  async searchModelVersions(search: SearchInput = {}): Promise<PagedList<ModelVersion>> {
    const shape = z.object({ model_versions: z.array(wireModelVersion).default([]), ...nextPage });
    const answer = await this.api.call("GET", "/mlflow/model-versions/search", shape, searchFields(search));
    return pagedList(answer.model_versions, answer.next_page_token || undefined);
  }

  async latestModelVersions(name: string, stages: readonly string[] = []): Promise<ModelVersion[]> {
    const shape = z.object({ model_versions: z.array(wireModelVersion).default([]) });
    const path = "/mlflow/registered-models/get-latest-versions";
    return (await this.api.call("POST", path, shape, { name, stages }, idempotent)).model_versions;
  }

  async updateModelVersion(name: string, version: number, description: string): Promise<ModelVersion> {
    const fields = { name, version: String(version), description };
    return (await this.api.call("PATCH", "/mlflow/model-versions/update", versionAnswer, fields, idempotent))
      .model_version;
  }

  async transitionStage(input: TransitionStageInput): Promise<ModelVersion> {
    const fields = {
      name: input.name,
      version: String(input.version),
      stage: input.stage,
      archive_existing_versions: input.archiveExisting ?? false,
      ...changeFields(input),
    };
    return (await this.api.call("POST", "/mlflow/model-versions/transition-stage", versionAnswer, fields))
      .model_version;
  }

  async deleteModelVersion(name: string, version: number): Promise<void> {
    await this.api.call("DELETE", "/mlflow/model-versions/delete", nothing, {
      name,
      version: String(version),
    });
  }

  async setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void> {
    for (const tag of toWireTags(tags)) {
      await this.api.write(
        "/mlflow/model-versions/set-tag",
        { name, version: String(version), ...tag },
        idempotent,
      );
    }
  }

  async deleteModelVersionTag(name: string, version: number, key: string): Promise<void> {
    await this.api.call("DELETE", "/mlflow/model-versions/delete-tag", nothing, {
      name,
      version: String(version),
      key,
    });
  }

  async setModelAlias(
    name: string,
    alias: string,
    version: number,
    change: RegistryChange = {},
  ): Promise<void> {
    const fields = { name, alias, version: String(version), ...changeFields(change) };
    await this.api.write("/mlflow/registered-models/alias", fields);
  }

  async deleteModelAlias(name: string, alias: string, change: RegistryChange = {}): Promise<void> {
    await this.api.call("DELETE", "/mlflow/registered-models/alias", nothing, {
      name,
      alias,
      ...changeFields(change),
    });
  }

  async getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion> {
    const path = "/mlflow/registered-models/alias";
    const { model_version } = await this.api.call("GET", path, versionAnswer, { name, alias });
    return this.#withStorage(model_version);
  }

  async registryHistory(name: string): Promise<RegistryEvent[]> {
    const shape = z.object({ events: z.array(wireRegistryEvent) });
    return (await this.api.own("GET", "/sconce/registry-history", shape, { name })).events;
  }

  /** Reads where the files of a version are; the other answers tell only where they came from. */
  async #withStorage(version: ModelVersion): Promise<ModelVersion> {
    const shape = z.object({ artifact_uri: z.string() });
    const fields = { name: version.name, version: String(version.version) };
    const { artifact_uri } = await this.api.call(
      "GET",
      "/mlflow/model-versions/get-download-uri",
      shape,
      fields,
    );
    return { ...version, storageLocation: artifact_uri };
  }
}

function changeFields({ userId, evidence }: RegistryChange) {
  return present({ sconce_user_id: userId, sconce_evidence: evidence });
}
