// The half of the store in MongoDB that keeps the registry.
import { canonicalStage, newestOfStages } from "../../stages.ts";
import type { PagedList } from "../../paged-list.ts";
import type {
  CreateModelVersionInput,
  CreateRegisteredModelInput,
  RegistryChange,
  RegistryStore,
  SearchInput,
  TransitionStageInput,
} from "../../store.ts";
import type { ModelVersion, RegisteredModel, RegistryEvent } from "../../types.ts";
import { checkRegistryTags } from "../../validation.ts";
import type { MongoConnection } from "./connection.ts";
import type { Collections } from "./documents.ts";
import * as registry from "./registry.ts";
import * as search from "./search.ts";

/** Keeps the registry in a MongoDB database; `MongoStore` is the whole store. */
export abstract class MongoRegistry implements RegistryStore {
  readonly stages: readonly string[];
  protected readonly connection: MongoConnection;

  protected constructor(connection: MongoConnection, stages: readonly string[]) {
    this.connection = connection;
    this.stages = stages;
  }

  async createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel> {
    return this.connection.do(async (db) => {
      await registry.insertRegisteredModel(db, input);
      return registry.toModel(await registry.findModel(db, input.name));
    });
  }

  async getRegisteredModel(name: string): Promise<RegisteredModel> {
    return this.connection.do((db) => registry.findModel(db, name).then(registry.toModel));
  }

  async searchRegisteredModels(input: SearchInput = {}): Promise<PagedList<RegisteredModel>> {
    return this.connection.do((db) => search.searchModels(db, input));
  }

  async renameRegisteredModel(name: string, newName: string): Promise<RegisteredModel> {
    return this.connection.do(async (db) => {
      await registry.renameModel(db, name, newName);
      return registry.toModel(await registry.findModel(db, newName));
    });
  }

  async updateRegisteredModel(name: string, description: string): Promise<RegisteredModel> {
    return this.connection.do((db) =>
      registry.changeModel(db, name, (model) => {
        model.description = description;
        model.lastUpdatedTimestamp = Date.now();
        return registry.toModel(model);
      }),
    );
  }

  async deleteRegisteredModel(name: string): Promise<void> {
    return this.connection.do((db) => registry.removeModel(db, name));
  }

  async setRegisteredModelTags(name: string, tags: Record<string, string>): Promise<void> {
    checkRegistryTags(tags);
    return this.connection.do((db) =>
      registry.changeModel(db, name, (model) => registry.setRegistryTags(model, tags)),
    );
  }

  async deleteRegisteredModelTag(name: string, key: string): Promise<void> {
    return this.connection.do((db) =>
      registry.changeModel(db, name, (model) => registry.removeRegistryTag(model, key)),
    );
  }

  async createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion> {
    return this.connection.do(async (db) => {
      const version = await registry.insertVersion(db, input);
      return readVersion(db, input.name, version);
    });
  }

  async getModelVersion(name: string, version: number): Promise<ModelVersion> {
    return this.connection.do((db) => readVersion(db, name, version));
  }

  async searchModelVersions(input: SearchInput = {}): Promise<PagedList<ModelVersion>> {
    return this.connection.do((db) => search.searchVersions(db, input));
  }

  async latestModelVersions(name: string, stages?: readonly string[]): Promise<ModelVersion[]> {
    const wanted = stages?.map((stage) => canonicalStage(stage, this.stages));
    return this.connection.do(async (db) => {
      const model = await registry.findModel(db, name);
      return newestOfStages(model.versions, wanted).map((version) => registry.toVersion(model, version));
    });
  }

  async updateModelVersion(name: string, version: number, description: string): Promise<ModelVersion> {
    return this.connection.do((db) =>
      registry.changeModel(db, name, (model) => {
        const found = registry.versionOf(model, version);
        found.description = description;
        found.lastUpdatedTimestamp = Date.now();
        return registry.toVersion(model, found);
      }),
    );
  }

  async transitionStage(input: TransitionStageInput): Promise<ModelVersion> {
    const stage = canonicalStage(input.stage, this.stages);
    return this.connection.do(async (db) => {
      await registry.moveToStage(db, { ...input, stage });
      return readVersion(db, input.name, input.version);
    });
  }

  async deleteModelVersion(name: string, version: number): Promise<void> {
    return this.connection.do((db) => registry.removeVersion(db, name, version));
  }

  async setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void> {
    checkRegistryTags(tags);
    return this.connection.do((db) =>
      registry.changeModel(db, name, (model) =>
        registry.setRegistryTags(registry.versionOf(model, version), tags),
      ),
    );
  }

  async deleteModelVersionTag(name: string, version: number, key: string): Promise<void> {
    return this.connection.do((db) =>
      registry.changeModel(db, name, (model) =>
        registry.removeRegistryTag(registry.versionOf(model, version), key),
      ),
    );
  }

  async setModelAlias(
    name: string,
    alias: string,
    version: number,
    reason: RegistryChange = {},
  ): Promise<void> {
    return this.connection.do((db) => registry.writeAlias(db, { ...reason, name, alias, version }));
  }

  async deleteModelAlias(name: string, alias: string, reason: RegistryChange = {}): Promise<void> {
    return this.connection.do((db) => registry.removeAlias(db, { ...reason, name, alias }));
  }

  async getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion> {
    return this.connection.do((db) => registry.readVersionByAlias(db, name, alias));
  }

  async registryHistory(name: string): Promise<RegistryEvent[]> {
    return this.connection.do((db) =>
      registry.findModel(db, name).then(({ history }) => history.map(registry.toEvent)),
    );
  }
}

async function readVersion(db: Collections, name: string, version: number): Promise<ModelVersion> {
  const model = await registry.findModel(db, name);
  return registry.toVersion(model, registry.versionOf(model, version));
}
