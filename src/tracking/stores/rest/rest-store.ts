// The store behind any MLflow server, or a Databricks workspace: each method is one request of the REST API.
import { z } from "zod";
import { HttpArtifactRepository } from "../../artifacts/http.ts";
import { found } from "../../found.ts";
import { eachPage, pagedList } from "../../paged-list.ts";
import type { PagedList } from "../../paged-list.ts";
import type {
  ArtifactServer,
  CreateExperimentInput,
  CreateLoggedModelInput,
  CreateRunInput,
  LogBatchInput,
  MetricHistoriesInput,
  SearchExperimentsInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
  TrackingStore,
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
  Param,
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
  wireNumber,
  wireRun,
  wireRunInfo,
} from "../../wire.ts";
import { serverAddress } from "./credentials.ts";
import { RestApi, idempotent, nextPage, notImplemented, nothing, searchFields } from "./rest-api.ts";
import { RestClient } from "./rest-client.ts";
import type { RestClientOptions } from "./rest-client.ts";
import { RestRegistry } from "./rest-registry.ts";
import { RestWebhooks } from "./webhooks.ts";

const experimentAnswer = z.object({ experiment: wireExperiment });
const runAnswer = z.object({ run: wireRun });
const modelAnswer = z.object({ model: wireLoggedModel });

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
export class RestStore extends RestRegistry implements TrackingStore, ArtifactServer {
  readonly uri: string;
  readonly webhooks: RestWebhooks;

  private constructor(uri: string, client: RestClient) {
    super(new RestApi(uri, client));
    this.uri = uri;
    this.webhooks = new RestWebhooks(this.api);
  }

  /** Takes `http(s)://host:port`, `databricks` or `databricks://PROFILE`; sends nothing yet. */
  static open(uri: string, options: RestClientOptions = {}): RestStore {
    return new RestStore(uri, new RestClient(serverAddress(uri), options));
  }

  async createExperiment({ name, artifactLocation, tags = {} }: CreateExperimentInput): Promise<string> {
    const answer = await this.api.call(
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
      await this.api.call("GET", "/mlflow/experiments/get", experimentAnswer, { experiment_id: experimentId })
    ).experiment;
  }

  async getExperimentByName(name: string): Promise<Experiment | undefined> {
    const path = "/mlflow/experiments/get-by-name";
    return (await found(this.api.call("GET", path, experimentAnswer, { experiment_name: name })))?.experiment;
  }

  async searchExperiments({ viewType, ...search }: SearchExperimentsInput = {}): Promise<
    PagedList<Experiment>
  > {
    const shape = z.object({ experiments: z.array(wireExperiment).default([]), ...nextPage });
    const fields = { ...searchFields(search), ...present({ view_type: viewType }) };
    const answer = await this.api.call("POST", "/mlflow/experiments/search", shape, fields, idempotent);
    return pagedList(answer.experiments, answer.next_page_token || undefined);
  }

  async renameExperiment(experimentId: string, name: string): Promise<void> {
    await this.api.write("/mlflow/experiments/update", { experiment_id: experimentId, new_name: name });
  }

  async deleteExperiment(experimentId: string): Promise<void> {
    await this.api.write("/mlflow/experiments/delete", { experiment_id: experimentId });
  }

  async restoreExperiment(experimentId: string): Promise<void> {
    await this.api.write("/mlflow/experiments/restore", { experiment_id: experimentId });
  }

  async setExperimentTags(experimentId: string, tags: Record<string, string>): Promise<void> {
    for (const tag of toWireTags(tags)) {
      const fields = { experiment_id: experimentId, ...tag };
      await this.api.write("/mlflow/experiments/set-experiment-tag", fields, idempotent);
    }
  }

  async deleteExperimentTag(experimentId: string, key: string): Promise<void> {
    await this.api.write("/mlflow/experiments/delete-experiment-tag", { experiment_id: experimentId, key });
  }

  async createRun(input: CreateRunInput): Promise<Run> {
    const { experimentId, runName, userId, startTime = Date.now(), tags = {} } = input;
    const fields = {
      experiment_id: experimentId,
      start_time: startTime,
      ...present({ run_name: runName, user_id: userId }),
      tags: toWireTags(tags),
    };
    return (await this.api.call("POST", "/mlflow/runs/create", runAnswer, fields)).run;
  }

  async updateRun({ runId, status, endTime, runName }: UpdateRunInput): Promise<RunInfo> {
    const fields = { run_id: runId, ...present({ status, end_time: endTime, run_name: runName }) };
    const shape = z.object({ run_info: wireRunInfo });
    return (await this.api.call("POST", "/mlflow/runs/update", shape, fields, idempotent)).run_info;
  }

  async getRun(runId: string): Promise<Run> {
    return (await this.api.call("GET", "/mlflow/runs/get", runAnswer, { run_id: runId })).run;
  }

  async searchRuns({ experimentIds, viewType, ...search }: SearchRunsInput = {}): Promise<PagedList<Run>> {
    const shape = z.object({ runs: z.array(wireRun).default([]), ...nextPage });
    const fields = {
      ...searchFields(search),
      experiment_ids: experimentIds ?? (await this.#allExperimentIds()),
      ...present({ run_view_type: viewType }),
    };
    const answer = await this.api.call("POST", "/mlflow/runs/search", shape, fields, idempotent);
    return pagedList(answer.runs, answer.next_page_token || undefined);
  }

  async deleteRun(runId: string): Promise<void> {
    await this.api.write("/mlflow/runs/delete", { run_id: runId });
  }

  async restoreRun(runId: string): Promise<void> {
    await this.api.write("/mlflow/runs/restore", { run_id: runId });
  }

  async logBatch({ runId, metrics = [], params = [], tags = [] }: LogBatchInput): Promise<void> {
    const fields = { run_id: runId, metrics: metrics.map(toWireMetric), params, tags };
    await this.api.write("/mlflow/runs/log-batch", fields, idempotent); // a point that is there already stays one
  }

  async setTags(runId: string, tags: Record<string, string>): Promise<void> {
    await this.logBatch({ runId, tags: toWireTags(tags) });
  }

  async deleteTag(runId: string, key: string): Promise<void> {
    await this.api.write("/mlflow/runs/delete-tag", { run_id: runId, key });
  }

  async metricHistory(
    runId: string,
    key: string,
    { maxResults, pageToken }: { maxResults?: number; pageToken?: string } = {},
  ): Promise<PagedList<Metric>> {
    const shape = z.object({ metrics: z.array(wireMetric).default([]), ...nextPage });
    const fields = {
      run_id: runId,
      metric_key: key,
      ...present({ max_results: maxResults, page_token: pageToken }),
    };
    const answer = await this.api.call("GET", "/mlflow/metrics/get-history", shape, fields);
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
    const answer = await this.api.call("GET", "/mlflow/metrics/get-history-bulk-interval", shape, fields);
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
    await this.api.write("/mlflow/runs/log-inputs", fields, idempotent);
  }

  async logOutputs(runId: string, models: readonly ModelOutput[]): Promise<void> {
    const fields = {
      run_id: runId,
      models: models.map(({ modelId, step }) => ({ model_id: modelId, step })),
    };
    await this.api.write("/mlflow/runs/outputs", fields, idempotent);
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
    const answer = await this.api.call("POST", path, shape, fields, idempotent);
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
    return (await this.api.call("POST", "/mlflow/logged-models", modelAnswer, fields)).model;
  }

  async finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel> {
    const fields = { model_id: modelId, status: toWireModelStatus(status) };
    return (await this.api.call("PATCH", modelPath(modelId), modelAnswer, fields, idempotent)).model;
  }

  async getLoggedModel(modelId: string): Promise<LoggedModel> {
    return (await this.api.call("GET", modelPath(modelId), modelAnswer)).model;
  }

  async searchLoggedModels(input: SearchLoggedModelsInput): Promise<PagedList<LoggedModel>> {
    const shape = z.object({ models: z.array(wireLoggedModel).default([]), ...nextPage });
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
    const answer = await this.api.call("POST", "/mlflow/logged-models/search", shape, fields, idempotent);
    return pagedList(answer.models, answer.next_page_token || undefined);
  }

  async deleteLoggedModel(modelId: string): Promise<void> {
    await this.api.call("DELETE", modelPath(modelId), nothing);
  }

  async setLoggedModelTags(modelId: string, tags: Record<string, string>): Promise<void> {
    const fields = { model_id: modelId, tags: toWireTags(tags) };
    await this.api.call("PATCH", `${modelPath(modelId)}/tags`, nothing, fields, idempotent);
  }

  async deleteLoggedModelTag(modelId: string, key: string): Promise<void> {
    await this.api.call("DELETE", `${modelPath(modelId)}/tags/${encodeURIComponent(key)}`, nothing);
  }

  async logLoggedModelParams(modelId: string, params: readonly Param[]): Promise<void> {
    await this.api.write(`${modelPath(modelId)}/params`, { model_id: modelId, params }, idempotent);
  }

  async deletedRunIds(before?: number): Promise<string[]> {
    const shape = z.object({ run_ids: z.array(z.string()) });
    return (await this.api.own("GET", "/sconce/deleted-runs", shape, present({ before }))).run_ids;
  }

  async purgeRun(runId: string): Promise<void> {
    await this.api.own("POST", "/sconce/purge-run", nothing, { run_id: runId });
  }

  async deletedLoggedModels(before?: number): Promise<LoggedModel[]> {
    const shape = z.object({ models: z.array(wireLoggedModel) });
    return (await this.api.own("GET", "/sconce/deleted-logged-models", shape, present({ before }))).models;
  }

  async purgeLoggedModel(modelId: string): Promise<void> {
    await this.api.own("POST", "/sconce/purge-logged-model", nothing, { model_id: modelId });
  }

  async purgeExperiment(experimentId: string): Promise<void> {
    await this.api.own("POST", "/sconce/purge-experiment", nothing, { experiment_id: experimentId });
  }

  artifacts(artifactUri: string): HttpArtifactRepository {
    return new HttpArtifactRepository(artifactUri, this.api.client);
  }

  async close(): Promise<void> {
    this.api.client.close();
  }

  async #allExperimentIds(): Promise<string[]> {
    const ids: string[] = [];
    for await (const { experimentId } of eachPage((pageToken) =>
      this.searchExperiments({ viewType: "ALL", ...present({ pageToken }) }),
    )) {
      ids.push(experimentId);
    }
    return ids;
  }
}

function modelPath(modelId: string): string {
  return `/mlflow/logged-models/${encodeURIComponent(modelId)}`;
}
