// The store behind any MLflow server, or a Databricks workspace: each method is one request of the REST API.
import { z } from "zod";
import { TrackingError } from "../../../base/index.ts";
import { pagedList } from "../../paged-list.ts";
import type { PagedList } from "../../paged-list.ts";
import { HttpArtifactRepository } from "../../artifacts/http.ts";
import type {
  ArtifactServer,
  CreateExperimentInput,
  CreateLoggedModelInput,
  CreateModelVersionInput,
  CreateRegisteredModelInput,
  CreateRunInput,
  LogBatchInput,
  MetricHistoriesInput,
  RegistryChange,
  RegistryStore,
  SearchExperimentsInput,
  SearchInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
  TrackingStore,
  TransitionStageInput,
  UpdateRunInput,
} from "../../store.ts";
import type {
  DatasetInput,
  Experiment,
  LoggedModel,
  LoggedModelStatus,
  Metric,
  ModelInput,
  ModelOutput,
  ModelVersion,
  Param,
  RegisteredModel,
  RegistryEvent,
  Run,
  RunInfo,
} from "../../types.ts";
import {
  present,
  toWireDatasetInput,
  toWireMetric,
  toWireModelStatus,
  toWireTags,
  wireExperiment,
  wireInteger,
  wireLoggedModel,
  wireMetric,
  wireModelVersion,
  wireNumber,
  wireRegisteredModel,
  wireRegistryEvent,
  wireRun,
  wireRunInfo,
} from "../../wire.ts";
import { serverAddress } from "./credentials.ts";
import { RestClient } from "./rest-client.ts";
import type { CallOptions, RestClientOptions } from "./rest-client.ts";

const token = { next_page_token: z.string().optional() };
const nothing = z.object({});
const experimentAnswer = z.object({ experiment: wireExperiment });
const runAnswer = z.object({ run: wireRun });
const modelAnswer = z.object({ model: wireLoggedModel });
const registeredAnswer = z.object({ registered_model: wireRegisteredModel });
const versionAnswer = z.object({ model_version: wireModelVersion });

const idempotent = { isIdempotent: true } as const;

/**
 * Works on an MLflow server (MLflow's own or ours) or a Databricks workspace as on any other store.
 *
 * What MLflow's API has no words for (the registry's history, emptying the trash) only our own server answers; another
 * one throws `NOT_IMPLEMENTED`.
 *
 * @example
 * const store = RestStore.open("http://127.0.0.1:5000");
 * await store.getExperimentByName("spam");
 */
export class RestStore implements TrackingStore, RegistryStore, ArtifactServer {
  readonly uri: string;
  readonly #client: RestClient;

  private constructor(uri: string, client: RestClient) {
    this.uri = uri;
    this.#client = client;
  }

  /** Takes `http(s)://host:port`, `databricks` or `databricks://PROFILE`; sends nothing yet. */
  static open(uri: string, options: RestClientOptions = {}): RestStore {
    return new RestStore(uri, new RestClient(serverAddress(uri), options));
  }

  async createExperiment({ name, artifactLocation, tags = {} }: CreateExperimentInput): Promise<string> {
    const answer = await this.#call(
      "POST",
      "/mlflow/experiments/create",
      z.object({ experiment_id: z.string() }),
      {
        name,
        ...present({ artifact_location: artifactLocation }),
        tags: toWireTags(tags),
      },
    );
    return answer.experiment_id;
  }

  async getExperiment(experimentId: string): Promise<Experiment> {
    return (
      await this.#call("GET", "/mlflow/experiments/get", experimentAnswer, { experiment_id: experimentId })
    ).experiment;
  }

  async getExperimentByName(name: string): Promise<Experiment | undefined> {
    try {
      const path = "/mlflow/experiments/get-by-name";
      return (await this.#call("GET", path, experimentAnswer, { experiment_name: name })).experiment;
    } catch (error) {
      if (error instanceof TrackingError && error.code === "RESOURCE_DOES_NOT_EXIST") return undefined;
      throw error;
    }
  }

  async searchExperiments({ viewType, ...search }: SearchExperimentsInput = {}): Promise<
    PagedList<Experiment>
  > {
    const shape = z.object({ experiments: z.array(wireExperiment).default([]), ...token });
    const fields = { ...searchFields(search), ...present({ view_type: viewType }) };
    const answer = await this.#call("POST", "/mlflow/experiments/search", shape, fields, idempotent);
    return pagedList(answer.experiments, answer.next_page_token || undefined);
  }

  async renameExperiment(experimentId: string, name: string): Promise<void> {
    await this.#write("/mlflow/experiments/update", { experiment_id: experimentId, new_name: name });
  }

  async deleteExperiment(experimentId: string): Promise<void> {
    await this.#write("/mlflow/experiments/delete", { experiment_id: experimentId });
  }

  async restoreExperiment(experimentId: string): Promise<void> {
    await this.#write("/mlflow/experiments/restore", { experiment_id: experimentId });
  }

  async setExperimentTags(experimentId: string, tags: Record<string, string>): Promise<void> {
    for (const tag of toWireTags(tags)) {
      const fields = { experiment_id: experimentId, ...tag };
      await this.#write("/mlflow/experiments/set-experiment-tag", fields, idempotent);
    }
  }

  async deleteExperimentTag(experimentId: string, key: string): Promise<void> {
    await this.#write("/mlflow/experiments/delete-experiment-tag", { experiment_id: experimentId, key });
  }

  async createRun(input: CreateRunInput): Promise<Run> {
    const { experimentId, runName, userId, startTime = Date.now(), tags = {} } = input;
    const fields = {
      experiment_id: experimentId,
      start_time: startTime,
      ...present({ run_name: runName, user_id: userId }),
      tags: toWireTags(tags),
    };
    return (await this.#call("POST", "/mlflow/runs/create", runAnswer, fields)).run;
  }

  async updateRun({ runId, status, endTime, runName }: UpdateRunInput): Promise<RunInfo> {
    const fields = { run_id: runId, ...present({ status, end_time: endTime, run_name: runName }) };
    const shape = z.object({ run_info: wireRunInfo });
    return (await this.#call("POST", "/mlflow/runs/update", shape, fields, idempotent)).run_info;
  }

  async getRun(runId: string): Promise<Run> {
    return (await this.#call("GET", "/mlflow/runs/get", runAnswer, { run_id: runId })).run;
  }

  async searchRuns({ experimentIds, viewType, ...search }: SearchRunsInput = {}): Promise<PagedList<Run>> {
    const shape = z.object({ runs: z.array(wireRun).default([]), ...token });
    const fields = {
      ...searchFields(search),
      experiment_ids: experimentIds ?? (await this.#allExperimentIds()),
      ...present({ run_view_type: viewType }),
    };
    const answer = await this.#call("POST", "/mlflow/runs/search", shape, fields, idempotent);
    return pagedList(answer.runs, answer.next_page_token || undefined);
  }

  async deleteRun(runId: string): Promise<void> {
    await this.#write("/mlflow/runs/delete", { run_id: runId });
  }

  async restoreRun(runId: string): Promise<void> {
    await this.#write("/mlflow/runs/restore", { run_id: runId });
  }

  async logBatch({ runId, metrics = [], params = [], tags = [] }: LogBatchInput): Promise<void> {
    const fields = { run_id: runId, metrics: metrics.map(toWireMetric), params, tags };
    await this.#write("/mlflow/runs/log-batch", fields, idempotent); // a point that is there already stays one
  }

  async setTags(runId: string, tags: Record<string, string>): Promise<void> {
    await this.logBatch({ runId, tags: toWireTags(tags) });
  }

  async deleteTag(runId: string, key: string): Promise<void> {
    await this.#write("/mlflow/runs/delete-tag", { run_id: runId, key });
  }

  async metricHistory(
    runId: string,
    key: string,
    { maxResults, pageToken }: { maxResults?: number; pageToken?: string } = {},
  ): Promise<PagedList<Metric>> {
    const shape = z.object({ metrics: z.array(wireMetric).default([]), ...token });
    const fields = {
      run_id: runId,
      metric_key: key,
      ...present({ max_results: maxResults, page_token: pageToken }),
    };
    const answer = await this.#call("GET", "/mlflow/metrics/get-history", shape, fields);
    return pagedList(answer.metrics, answer.next_page_token || undefined);
  }

  async metricHistories(input: MetricHistoriesInput): Promise<(Metric & { runId: string })[]> {
    const point = z.object({
      key: z.string(),
      value: wireNumber,
      timestamp: wireInteger,
      step: wireInteger.default(0),
      run_id: z.string(),
    });
    const fields = {
      run_ids: input.runIds,
      metric_key: input.key,
      ...present({
        start_step: input.startStep,
        end_step: input.endStep,
        max_results: input.maxResults ?? 2500,
      }),
    };
    const shape = z.object({ metrics: z.array(point).default([]) });
    const answer = await this.#call("GET", "/mlflow/metrics/get-history-bulk-interval", shape, fields);
    return answer.metrics.map(({ run_id, ...metric }) => ({ ...metric, runId: run_id }));
  }

  async logInputs(
    runId: string,
    datasets: readonly DatasetInput[],
    models: readonly ModelInput[] = [],
  ): Promise<void> {
    const fields = {
      run_id: runId,
      datasets: datasets.map(toWireDatasetInput),
      models: models.map(({ modelId }) => ({ model_id: modelId })),
    };
    await this.#write("/mlflow/runs/log-inputs", fields, idempotent);
  }

  async logOutputs(runId: string, models: readonly ModelOutput[]): Promise<void> {
    const fields = {
      run_id: runId,
      models: models.map(({ modelId, step }) => ({ model_id: modelId, step })),
    };
    await this.#write("/mlflow/runs/outputs", fields, idempotent);
  }

  async searchDatasets(experimentIds: readonly string[]) {
    const summary = z.object({
      experiment_id: z.string(),
      name: z.string(),
      digest: z.string(),
      context: z.string().optional(),
    });
    const shape = z.object({ dataset_summaries: z.array(summary).default([]) });
    const fields = { experiment_ids: experimentIds };
    const path = "/ajax-api/2.0/mlflow/experiments/search-datasets"; // MLflow serves it to its pages alone
    const answer = await this.#call("POST", path, shape, fields, idempotent);
    return answer.dataset_summaries.map(({ experiment_id, name, digest, context }) => ({
      experimentId: experiment_id,
      name,
      digest,
      ...present({ context: context || undefined }),
    }));
  }

  async createLoggedModel(input: CreateLoggedModelInput): Promise<LoggedModel> {
    if (input.artifactLocation !== undefined) {
      throw notImplemented("createLoggedModel: a server chooses the artifactLocation itself. Leave it out");
    }
    const fields = {
      experiment_id: input.experimentId,
      ...present({ name: input.name, model_type: input.modelType, source_run_id: input.sourceRunId }),
      params: toWireTags(input.params ?? {}),
      tags: toWireTags(input.tags ?? {}),
    };
    return (await this.#call("POST", "/mlflow/logged-models", modelAnswer, fields)).model;
  }

  async finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel> {
    const fields = { model_id: modelId, status: toWireModelStatus(status) };
    return (await this.#call("PATCH", modelPath(modelId), modelAnswer, fields, idempotent)).model;
  }

  async getLoggedModel(modelId: string): Promise<LoggedModel> {
    return (await this.#call("GET", modelPath(modelId), modelAnswer)).model;
  }

  async searchLoggedModels(input: SearchLoggedModelsInput): Promise<PagedList<LoggedModel>> {
    const shape = z.object({ models: z.array(wireLoggedModel).default([]), ...token });
    const fields = {
      experiment_ids: input.experimentIds,
      ...present({ filter: input.filter, max_results: input.maxResults, page_token: input.pageToken }),
      datasets: (input.datasets ?? []).map(({ name, digest }) => ({
        dataset_name: name,
        ...present({ dataset_digest: digest }),
      })),
      order_by: (input.orderBy ?? []).map(({ fieldName, ascending, datasetName, datasetDigest }) => ({
        field_name: fieldName,
        ...present({ ascending, dataset_name: datasetName, dataset_digest: datasetDigest }),
      })),
    };
    const answer = await this.#call("POST", "/mlflow/logged-models/search", shape, fields, idempotent);
    return pagedList(answer.models, answer.next_page_token || undefined);
  }

  async deleteLoggedModel(modelId: string): Promise<void> {
    await this.#call("DELETE", modelPath(modelId), nothing);
  }

  async setLoggedModelTags(modelId: string, tags: Record<string, string>): Promise<void> {
    const fields = { model_id: modelId, tags: toWireTags(tags) };
    await this.#call("PATCH", `${modelPath(modelId)}/tags`, nothing, fields, idempotent);
  }

  async deleteLoggedModelTag(modelId: string, key: string): Promise<void> {
    await this.#call("DELETE", `${modelPath(modelId)}/tags/${encodeURIComponent(key)}`, nothing);
  }

  async logLoggedModelParams(modelId: string, params: readonly Param[]): Promise<void> {
    await this.#write(`${modelPath(modelId)}/params`, { model_id: modelId, params }, idempotent);
  }

  async deletedRunIds(before?: number): Promise<string[]> {
    const shape = z.object({ run_ids: z.array(z.string()) });
    return (await this.#own("GET", "/sconce/deleted-runs", shape, present({ before }))).run_ids;
  }

  async purgeRun(runId: string): Promise<void> {
    await this.#own("POST", "/sconce/purge-run", nothing, { run_id: runId });
  }

  async deletedLoggedModels(before?: number): Promise<LoggedModel[]> {
    const shape = z.object({ models: z.array(wireLoggedModel) });
    return (await this.#own("GET", "/sconce/deleted-logged-models", shape, present({ before }))).models;
  }

  async purgeLoggedModel(modelId: string): Promise<void> {
    await this.#own("POST", "/sconce/purge-logged-model", nothing, { model_id: modelId });
  }

  async purgeExperiment(experimentId: string): Promise<void> {
    await this.#own("POST", "/sconce/purge-experiment", nothing, { experiment_id: experimentId });
  }

  async createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel> {
    const fields = {
      name: input.name,
      ...present({ description: input.description }),
      tags: toWireTags(input.tags ?? {}),
    };
    return (await this.#call("POST", "/mlflow/registered-models/create", registeredAnswer, fields))
      .registered_model;
  }

  async getRegisteredModel(name: string): Promise<RegisteredModel> {
    return (await this.#call("GET", "/mlflow/registered-models/get", registeredAnswer, { name }))
      .registered_model;
  }

  async searchRegisteredModels(search: SearchInput = {}): Promise<PagedList<RegisteredModel>> {
    const shape = z.object({ registered_models: z.array(wireRegisteredModel).default([]), ...token });
    const answer = await this.#call(
      "GET",
      "/mlflow/registered-models/search",
      shape,
      searchFields(search, 100),
    );
    return pagedList(answer.registered_models, answer.next_page_token || undefined);
  }

  async renameRegisteredModel(name: string, newName: string): Promise<RegisteredModel> {
    const fields = { name, new_name: newName };
    return (await this.#call("POST", "/mlflow/registered-models/rename", registeredAnswer, fields))
      .registered_model;
  }

  async updateRegisteredModel(name: string, description: string): Promise<RegisteredModel> {
    const path = "/mlflow/registered-models/update";
    return (await this.#call("PATCH", path, registeredAnswer, { name, description }, idempotent))
      .registered_model;
  }

  async deleteRegisteredModel(name: string): Promise<void> {
    await this.#call("DELETE", "/mlflow/registered-models/delete", nothing, { name });
  }

  async setRegisteredModelTags(name: string, tags: Record<string, string>): Promise<void> {
    for (const tag of toWireTags(tags)) {
      await this.#write("/mlflow/registered-models/set-tag", { name, ...tag }, idempotent);
    }
  }

  async deleteRegisteredModelTag(name: string, key: string): Promise<void> {
    await this.#call("DELETE", "/mlflow/registered-models/delete-tag", nothing, { name, key });
  }

  async createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion> {
    const fields = {
      name: input.name,
      source: input.source,
      ...present({
        run_id: input.runId,
        model_id: input.modelId ?? /^models:\/(m-[0-9a-f]{32})$/.exec(input.source)?.[1],
        description: input.description,
      }),
      tags: toWireTags(input.tags ?? {}),
    };
    const { model_version } = await this.#call(
      "POST",
      "/mlflow/model-versions/create",
      versionAnswer,
      fields,
    );
    return this.#withStorage(model_version);
  }

  async getModelVersion(name: string, version: number): Promise<ModelVersion> {
    const fields = { name, version: String(version) };
    const { model_version } = await this.#call("GET", "/mlflow/model-versions/get", versionAnswer, fields);
    return this.#withStorage(model_version);
  }

  async searchModelVersions(search: SearchInput = {}): Promise<PagedList<ModelVersion>> {
    const shape = z.object({ model_versions: z.array(wireModelVersion).default([]), ...token });
    const answer = await this.#call("GET", "/mlflow/model-versions/search", shape, searchFields(search));
    return pagedList(answer.model_versions, answer.next_page_token || undefined);
  }

  async latestModelVersions(name: string, stages: readonly string[] = []): Promise<ModelVersion[]> {
    const shape = z.object({ model_versions: z.array(wireModelVersion).default([]) });
    const path = "/mlflow/registered-models/get-latest-versions";
    return (await this.#call("POST", path, shape, { name, stages }, idempotent)).model_versions;
  }

  async updateModelVersion(name: string, version: number, description: string): Promise<ModelVersion> {
    const fields = { name, version: String(version), description };
    return (await this.#call("PATCH", "/mlflow/model-versions/update", versionAnswer, fields, idempotent))
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
    return (await this.#call("POST", "/mlflow/model-versions/transition-stage", versionAnswer, fields))
      .model_version;
  }

  async deleteModelVersion(name: string, version: number): Promise<void> {
    await this.#call("DELETE", "/mlflow/model-versions/delete", nothing, { name, version: String(version) });
  }

  async setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void> {
    for (const tag of toWireTags(tags)) {
      await this.#write(
        "/mlflow/model-versions/set-tag",
        { name, version: String(version), ...tag },
        idempotent,
      );
    }
  }

  async deleteModelVersionTag(name: string, version: number, key: string): Promise<void> {
    await this.#call("DELETE", "/mlflow/model-versions/delete-tag", nothing, {
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
    await this.#write("/mlflow/registered-models/alias", fields);
  }

  async deleteModelAlias(name: string, alias: string, change: RegistryChange = {}): Promise<void> {
    await this.#call("DELETE", "/mlflow/registered-models/alias", nothing, {
      name,
      alias,
      ...changeFields(change),
    });
  }

  async getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion> {
    const path = "/mlflow/registered-models/alias";
    const { model_version } = await this.#call("GET", path, versionAnswer, { name, alias });
    return this.#withStorage(model_version);
  }

  async registryHistory(name: string): Promise<RegistryEvent[]> {
    const shape = z.object({ events: z.array(wireRegistryEvent) });
    return (await this.#own("GET", "/sconce/registry-history", shape, { name })).events;
  }

  artifacts(artifactUri: string): HttpArtifactRepository {
    return new HttpArtifactRepository(artifactUri, this.#client);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  /** Reads where the files of a version are; the other answers tell only where they came from. */
  async #withStorage(version: ModelVersion): Promise<ModelVersion> {
    const shape = z.object({ artifact_uri: z.string() });
    const fields = { name: version.name, version: String(version.version) };
    const { artifact_uri } = await this.#call(
      "GET",
      "/mlflow/model-versions/get-download-uri",
      shape,
      fields,
    );
    return { ...version, storageLocation: artifact_uri };
  }

  async #allExperimentIds(): Promise<string[]> {
    const ids: string[] = [];
    let pageToken: string | undefined;
    do {
      const page = await this.searchExperiments({ viewType: "ALL", ...present({ pageToken }) });
      ids.push(...page.map(({ experimentId }) => experimentId));
      pageToken = page.token;
    } while (pageToken !== undefined);
    return ids;
  }

  async #call<S extends z.ZodType>(
    method: string,
    path: string,
    shape: S,
    fields: Record<string, unknown> = {},
    options: CallOptions = {},
  ): Promise<z.output<S>> {
    const answer = shape.safeParse(await this.#client.call(method, path, fields, options));
    if (answer.success) return answer.data;
    const [issue] = answer.error.issues;
    throw new TrackingError(
      `${method} ${path}: the server's answer does not have the form of MLflow's API ` +
        `(${issue?.path.join(".")}: ${issue?.message}).`,
      { code: "INVALID_STATE" },
    );
  }

  async #write(path: string, fields: Record<string, unknown>, options: CallOptions = {}): Promise<void> {
    await this.#call("POST", path, nothing, fields, options);
  }

  /** Calls an endpoint that only our own server has. */
  async #own<S extends z.ZodType>(
    method: string,
    path: string,
    shape: S,
    fields: Record<string, unknown>,
  ): Promise<z.output<S>> {
    try {
      return await this.#call(method, path, shape, fields);
    } catch (error) {
      if (!(error instanceof TrackingError) || error.code !== "ENDPOINT_NOT_FOUND") throw error;
      throw notImplemented(`${path}: ${this.uri} is not a sconce server, and MLflow has no such call`);
    }
  }
}

function modelPath(modelId: string): string {
  return `/mlflow/logged-models/${encodeURIComponent(modelId)}`;
}

function searchFields({ filter, orderBy, maxResults, pageToken }: SearchInput, defaultResults = 1000) {
  return {
    max_results: maxResults ?? defaultResults,
    ...present({ filter, page_token: pageToken }),
    order_by: orderBy ?? [],
  };
}

function changeFields({ userId, evidence }: RegistryChange) {
  return present({ sconce_user_id: userId, sconce_evidence: evidence });
}

function notImplemented(message: string): TrackingError {
  return new TrackingError(`${message}.`, { code: "NOT_IMPLEMENTED" });
}
