// Moves versions of a model between stages: the best run of an experiment to Production in one call, and back again.
import { TrackingError, logger } from "../../base/index.ts";
import type { Notification } from "../../base/index.ts";
import { getOrCreateRegisteredModel } from "../client/register.ts";
import { getTrackingUri } from "../client/fluent.ts";
import { registerModelUri } from "../models/register-model-uri.ts";
import { openNotifyingStore } from "../notifications/open-notifying.ts";
import type { Store } from "../open-store.ts";
import { quoted } from "../search/index.ts";
import type { ModelVersion, RegistryEvent, Run } from "../types.ts";
import { present } from "../wire.ts";
import { previousHolder } from "./history.ts";
import { ModelSelector } from "./model-selector.ts";
import type { MetricMode } from "./model-selector.ts";

/** Names the registered model, and where it is kept. */
export interface ModelTransitionOptions {
  modelName: string;
  /** @default `databricks` where its credentials are set, else `MLFLOW_REGISTRY_URI`, else the tracking URI */
  registryUri?: string;
  /** @default the tracking URI */
  trackingUri?: string;
  /** Who is told of what changes in the registry; a server tells itself. @default nobody */
  notifications?: readonly Notification[];
}

/** Says which version moves where: the named one, or that of the best run of an experiment. */
export interface TransitionModelOptions {
  /** In any case: `Development` (or `dev`), `Staging`, `Production`, `Archived`. */
  stage: string;
  version?: number;
  experimentName?: string;
  metric?: string;
  /** @default by the metric's name */
  mode?: MetricMode;
  /** Moves the versions that are in the stage to `Archived`. @default false */
  archiveExisting?: boolean;
  /** Who asks for it. @default "" */
  userId?: string;
}

/**
 * Promotes versions of one registered model, and takes them back.
 *
 * @example
 * const transition = await ModelTransition.open({ modelName: "spam" });
 * await transition.transitionModel({ stage: "Production", experimentName: "spam/first", metric: "f1" });
 * await transition.rollback({ stage: "Production" });
 * await transition.close();
 */
export class ModelTransition {
  readonly modelName: string;
  readonly #registry: Store;
  readonly #tracking: Store;

  private constructor(modelName: string, registry: Store, tracking: Store) {
    this.modelName = modelName;
    this.#registry = registry;
    this.#tracking = tracking;
  }

  /** Opens the registry and the runs, which may be in one store or in two. */
  static async open({
    modelName,
    notifications = [],
    ...uris
  }: ModelTransitionOptions): Promise<ModelTransition> {
    const trackingUri = uris.trackingUri ?? getTrackingUri();
    const { uri, why } = chooseRegistry(uris.registryUri, trackingUri);
    logger.info(`model "${modelName}": the registry is ${uri} (${why}).`);
    const tracking = await openNotifyingStore(trackingUri, uri === trackingUri ? notifications : []);
    const registry = uri === trackingUri ? tracking : await openNotifyingStore(uri, notifications);
    return new ModelTransition(modelName, registry, tracking);
  }

  /**
   * Registers a logged model (`runs:/RUN_ID/model`, `models:/m-ID`) as the next version, and returns it.
   *
   * @throws UsageError for a URI that leads to no model, with what there is
   */
  registerModel(uri: string): Promise<ModelVersion> {
    return registerModelUri(this.#registry, { uri, name: this.modelName, tracking: this.#tracking });
  }

  /**
   * Moves a version to a stage and returns it. Without `version` the best run of the experiment is found and its model
   * registered, unless a version of it is there already.
   *
   * @throws TrackingError when neither a version nor an experiment and a metric are named
   */
  async transitionModel(options: TransitionModelOptions): Promise<ModelVersion> {
    const { stage, version, archiveExisting = false, userId } = options;
    const { number, evidence } =
      version === undefined
        ? await this.#versionOfBestRun(options)
        : { number: version, evidence: undefined };
    return this.#registry.transitionStage({
      name: this.modelName,
      version: number,
      stage,
      archiveExisting,
      ...present({ userId, evidence }),
    });
  }

  /** Moves the version that held a stage before the present one back to it, and archives the present one. */
  async rollback({ stage, userId }: { stage: string; userId?: string }): Promise<ModelVersion> {
    const [holder] = await this.#registry.latestModelVersions(this.modelName, [stage]);
    const name = holder?.currentStage ?? stage;
    const version = previousHolder(await this.history(), name);
    if (version === undefined) {
      throw new TrackingError(
        `model "${this.modelName}": no other version was in ${name} before. See its history.`,
        { code: "INVALID_STATE" },
      );
    }
    const evidence = { rollback_from: holder?.version ?? "none" };
    return this.#registry.transitionStage({
      name: this.modelName,
      version,
      stage: name,
      archiveExisting: true,
      evidence,
      ...present({ userId }),
    });
  }

  /** Returns every change of stages and aliases, the oldest first. */
  history(): Promise<RegistryEvent[]> {
    return this.#registry.registryHistory(this.modelName);
  }

  async close(): Promise<void> {
    await this.#tracking.close();
    if (this.#registry !== this.#tracking) await this.#registry.close();
  }

  async #versionOfBestRun({ experimentName, metric, mode }: TransitionModelOptions) {
    if (experimentName === undefined || metric === undefined) {
      throw new TrackingError(
        "transitionModel: name a version, or an experimentName and a metric by which the best run is found.",
        { code: "INVALID_PARAMETER_VALUE" },
      );
    }
    const selector = new ModelSelector({
      store: this.#tracking,
      experimentName,
      metric,
      ...present({ mode }),
    });
    const run = await selector.getBestModel();
    const evidence = {
      experiment: experimentName,
      run_id: run.info.runId,
      metric,
      value: run.data.metrics[metric] as number,
      ...present({ data: run.inputs.datasetInputs[0]?.dataset.digest }),
    };
    return { number: (await this.#register(run)).version, evidence };
  }

  /** Returns the version that a run's model has in the registry, and makes it where there is none. */
  async #register(run: Run): Promise<ModelVersion> {
    await getOrCreateRegisteredModel(this.#registry, { name: this.modelName });
    const { runId } = run.info;
    const versions = await this.#registry.searchModelVersions({
      filter: `name = ${quoted(this.modelName)} AND run_id = ${quoted(runId)}`,
    });
    const [existing] = versions;
    if (existing !== undefined) return existing;
    const modelId = run.outputs.modelOutputs.at(-1)?.modelId;
    if (modelId === undefined) {
      throw new TrackingError(
        `run ${runId}: it is the best, but it logged no model that could be registered.`,
        {
          code: "RESOURCE_DOES_NOT_EXIST",
        },
      );
    }
    return this.#registry.createModelVersion({
      name: this.modelName,
      source: `models:/${modelId}`,
      runId,
      modelId,
    });
  }
}

function chooseRegistry(registryUri: string | undefined, trackingUri: string): { uri: string; why: string } {
  const { DATABRICKS_HOST, DATABRICKS_TOKEN, MLFLOW_REGISTRY_URI } = process.env;
  if (registryUri !== undefined) return { uri: registryUri, why: "named by registryUri" };
  if (DATABRICKS_HOST && DATABRICKS_TOKEN)
    return { uri: "databricks", why: "Databricks credentials are set" };
  if (MLFLOW_REGISTRY_URI) return { uri: MLFLOW_REGISTRY_URI, why: "named by MLFLOW_REGISTRY_URI" };
  return { uri: trackingUri, why: "the tracking store's own" };
}
