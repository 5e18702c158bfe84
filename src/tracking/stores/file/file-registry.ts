// The registry in a folder of MLflow's file store: registered models with their versions, stages, aliases and history.
import type { PagedList } from "../../paged-list.ts";
import { canonicalStage, newestOfStages } from "../../stages.ts";
import type {
  CreateModelVersionInput,
  CreateRegisteredModelInput,
  RegistryChange,
  RegistryStore,
  SearchInput,
  TransitionStageInput,
} from "../../store.ts";
import type { ModelVersion, RegisteredModel, RegistryEvent } from "../../types.ts";
import type { FolderLocks } from "./folder-locks.ts";
import type { Layout } from "./layout.ts";
import * as models from "./registered-models.ts";
import { readHistory } from "./registry-history.ts";
import * as search from "./search.ts";
import * as registry from "./stages-and-aliases.ts";
import type { Transaction } from "./transaction.ts";

const registryLock = "registry";

/** Is the half of `FileStore` that keeps registered models and their versions. */
export abstract class FileRegistry implements RegistryStore {
  readonly stages: readonly string[];
  readonly #layout: Layout;
  readonly #locks: FolderLocks;

  protected constructor(layout: Layout, locks: FolderLocks, stages: readonly string[]) {
    this.#layout = layout;
    this.#locks = locks;
    this.stages = stages;
  }

  async createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel> {
    await this.changeRegistry((transaction) =>
      models.insertRegisteredModel(this.#layout, transaction, input),
    );
    return this.getRegisteredModel(input.name);
  }

  async getRegisteredModel(name: string): Promise<RegisteredModel> {
    return models.readRegisteredModel(this.#layout, name);
  }

  async searchRegisteredModels(input: SearchInput = {}): Promise<PagedList<RegisteredModel>> {
    return search.searchRegisteredModels(this.#layout, input);
  }

  async renameRegisteredModel(name: string, newName: string): Promise<RegisteredModel> {
    await this.changeRegistry((transaction) =>
      models.renameRegisteredModel(this.#layout, transaction, name, newName),
    );
    return this.getRegisteredModel(newName);
  }

  async updateRegisteredModel(name: string, description: string): Promise<RegisteredModel> {
    await this.changeRegistry((transaction) =>
      models.describeRegisteredModel(this.#layout, transaction, name, description),
    );
    return this.getRegisteredModel(name);
  }

  async deleteRegisteredModel(name: string): Promise<void> {
    await this.changeRegistry((transaction) => models.removeRegisteredModel(this.#layout, transaction, name));
  }

  async setRegisteredModelTags(name: string, tags: Record<string, string>): Promise<void> {
    await this.changeRegistry((transaction) =>
      models.setRegisteredModelTags(this.#layout, transaction, name, tags),
    );
  }

  async deleteRegisteredModelTag(name: string, key: string): Promise<void> {
    await this.changeRegistry((transaction) =>
      models.removeRegisteredModelTag(this.#layout, transaction, name, key),
    );
  }

  async createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion> {
    const version = await this.changeRegistry((transaction) =>
      models.insertModelVersion(this.#layout, transaction, input),
    );
    return this.getModelVersion(input.name, version);
  }

  async getModelVersion(name: string, version: number): Promise<ModelVersion> {
    return models.readModelVersion(this.#layout, name, version);
  }

  async searchModelVersions(input: SearchInput = {}): Promise<PagedList<ModelVersion>> {
    return search.searchModelVersions(this.#layout, input);
  }

  async latestModelVersions(name: string, stages?: readonly string[]): Promise<ModelVersion[]> {
    const wanted = stages?.map((stage) => canonicalStage(stage, this.stages));
    return newestOfStages(models.readModelVersions(this.#layout, name), wanted);
  }

  async updateModelVersion(name: string, version: number, description: string): Promise<ModelVersion> {
    await this.changeRegistry((transaction) =>
      models.describeModelVersion(this.#layout, transaction, { name, version }, description),
    );
    return this.getModelVersion(name, version);
  }

  async transitionStage(input: TransitionStageInput): Promise<ModelVersion> {
    const stage = canonicalStage(input.stage, this.stages);
    await this.changeRegistry((transaction) =>
      registry.moveToStage(this.#layout, transaction, { ...input, stage }),
    );
    return this.getModelVersion(input.name, input.version);
  }

  async deleteModelVersion(name: string, version: number): Promise<void> {
    await this.changeRegistry((transaction) =>
      models.removeModelVersion(this.#layout, transaction, name, version),
    );
  }

  async setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void> {
    await this.changeRegistry((transaction) =>
      models.setModelVersionTags(this.#layout, transaction, { name, version }, tags),
    );
  }

  async deleteModelVersionTag(name: string, version: number, key: string): Promise<void> {
    await this.changeRegistry((transaction) =>
      models.removeModelVersionTag(this.#layout, transaction, { name, version }, key),
    );
  }

  async setModelAlias(
    name: string,
    alias: string,
    version: number,
    change: RegistryChange = {},
  ): Promise<void> {
    await this.changeRegistry((transaction) =>
      registry.writeAlias(this.#layout, transaction, { ...change, name, alias, version }),
    );
  }

  async deleteModelAlias(name: string, alias: string, change: RegistryChange = {}): Promise<void> {
    await this.changeRegistry((transaction) =>
      registry.removeAlias(this.#layout, transaction, { ...change, name, alias }),
    );
  }

  async getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion> {
    return registry.readModelVersionByAlias(this.#layout, name, alias);
  }

  async registryHistory(name: string): Promise<RegistryEvent[]> {
    return readHistory(models.findRegisteredModel(this.#layout, name));
  }

  /** Makes a change of the registry, one at a time among all processes. */
  protected changeRegistry<T>(body: (transaction: Transaction) => T): Promise<T> {
    return this.#locks.change([registryLock], body);
  }
}
