// Endpoints of runs and of what they log.
import { z } from "zod";
import {
  present,
  toWireMetric,
  toWireNumber,
  toWireRun,
  toWireRunInfo,
  wireDatasetInput,
  wireInteger,
  wireMetric,
  wireModelInput,
  wireModelOutput,
  wireRecord,
  wireRunStatus,
  wireTags,
} from "../../wire.ts";
import type { Metric } from "../../types.ts";
import { invalid } from "../../validation.ts";
import { endpoint, listOf, nextPage, required, runIdFields, runIdOf } from "../endpoint.ts";
import type { ServerContext } from "../endpoint.ts";
import { searchFields, searchInput, viewType } from "./experiments.ts";

const byRun = z.object(runIdFields);

/** Tag under which MLflow before version 3 lists the models of a run. */
const modelHistoryTag = "mlflow.log-model.history";

export const runEndpoints = [
  endpoint(
    "POST",
    "/mlflow/runs/create",
    z.object({
      experiment_id: z.string().default("0"),
      user_id: z.string().default(""),
      run_name: z.string().optional(),
      start_time: wireInteger.optional(),
      tags: wireRecord,
    }),
    async ({ experiment_id, user_id, run_name, start_time, tags }, { store, changes }) => {
      const run = await store.createRun({
        experimentId: experiment_id,
        userId: user_id,
        ...present({ runName: run_name || undefined, startTime: start_time }),
        tags,
      });
      changes.publish({ kind: "run", id: run.info.runId });
      return { run: toWireRun(run) };
    },
  ),
  endpoint("GET", "/mlflow/runs/get", byRun, async (input, { store }) => ({
    run: toWireRun(await store.getRun(runIdOf(input))),
  })),
  endpoint(
    "POST",
    "/mlflow/runs/update",
    byRun.extend({
      status: wireRunStatus.optional(),
      end_time: wireInteger.optional(),
      run_name: z.string().optional(),
    }),
    async ({ status, end_time, run_name, ...input }, context) => {
      const runId = runIdOf(input);
      const info = await context.store.updateRun({
        runId,
        ...present({ status, endTime: end_time, runName: run_name || undefined }),
      });
      context.changes.publish({ kind: "run", id: runId });
      return { run_info: toWireRunInfo(info) };
    },
  ),
  endpoint("POST", "/mlflow/runs/delete", byRun, (input, context) =>
    change(input, context, (runId) => context.store.deleteRun(runId)),
  ),
  endpoint("POST", "/mlflow/runs/restore", byRun, (input, context) =>
    change(input, context, (runId) => context.store.restoreRun(runId)),
  ),
  endpoint(
    "POST",
    "/mlflow/runs/search",
    z.object({ ...searchFields, experiment_ids: listOf(z.string()), run_view_type: viewType }),
    async ({ experiment_ids, run_view_type, ...search }, { store }) => {
      const page = await store.searchRuns({
        ...searchInput(search),
        experimentIds: experiment_ids,
        viewType: run_view_type,
      });
      return { runs: page.map(toWireRun), ...nextPage(page.token) };
    },
  ),
  endpoint(
    "POST",
    "/mlflow/runs/log-metric",
    z.intersection(byRun, wireMetric),
    ({ run_id, run_uuid, ...metric }, context) =>
      change({ run_id, run_uuid }, context, (runId) => context.store.logBatch({ runId, metrics: [metric] }), [
        metric,
      ]),
  ),
  endpoint(
    "POST",
    "/mlflow/runs/log-parameter",
    byRun.extend({ key: required, value: z.string() }),
    ({ key, value, ...input }, context) =>
      change(input, context, (runId) => context.store.logBatch({ runId, params: [{ key, value }] })),
  ),
  endpoint(
    "POST",
    "/mlflow/runs/set-tag",
    byRun.extend({ key: required, value: z.string() }),
    ({ key, value, ...input }, context) =>
      change(input, context, (runId) => context.store.setTags(runId, { [key]: value })),
  ),
  endpoint("POST", "/mlflow/runs/delete-tag", byRun.extend({ key: required }), ({ key, ...input }, context) =>
    change(input, context, (runId) => context.store.deleteTag(runId, key)),
  ),
  endpoint(
    "POST",
    "/mlflow/runs/log-batch",
    byRun.extend({ metrics: z.array(wireMetric).default([]), params: wireTags, tags: wireTags }),
    ({ metrics, params, tags, ...input }, context) =>
      change(input, context, (runId) => context.store.logBatch({ runId, metrics, params, tags }), metrics),
  ),
  endpoint(
    "POST",
    "/mlflow/runs/log-model",
    byRun.extend({ model_json: required }),
    ({ model_json, ...input }, context) =>
      change(input, context, (runId) => recordModel(context, runId, model_json)),
  ),
  endpoint(
    "POST",
    "/mlflow/runs/log-inputs",
    byRun.extend({
      datasets: z.array(wireDatasetInput).default([]),
      models: z.array(wireModelInput).default([]),
    }),
    ({ datasets, models, ...input }, context) =>
      change(input, context, (runId) => context.store.logInputs(runId, datasets, models)),
  ),
  endpoint(
    "POST",
    "/mlflow/runs/outputs",
    byRun.extend({ models: z.array(wireModelOutput).default([]) }),
    ({ models, ...input }, context) =>
      change(input, context, (runId) => context.store.logOutputs(runId, models)),
  ),
  endpoint(
    "GET",
    "/mlflow/metrics/get-history",
    byRun.extend({
      metric_key: required,
      max_results: wireInteger.optional(),
      page_token: z.string().optional(),
    }),
    async ({ metric_key, max_results, page_token, ...input }, { store }) => {
      const page = await store.metricHistory(
        runIdOf(input),
        metric_key,
        present({ maxResults: max_results, pageToken: page_token || undefined }),
      );
      return { metrics: page.map(toWireMetric), ...nextPage(page.token) };
    },
  ),
  endpoint(
    "GET",
    "/mlflow/metrics/get-history-bulk-interval",
    z.object({
      run_ids: listOf(required),
      metric_key: required,
      start_step: wireInteger.optional(),
      end_step: wireInteger.optional(),
      max_results: wireInteger.optional(),
    }),
    async ({ run_ids, metric_key, start_step, end_step, max_results }, { store }) => {
      const points = await store.metricHistories({
        runIds: run_ids,
        key: metric_key,
        ...present({ startStep: start_step, endStep: end_step, maxResults: max_results }),
      });
      return {
        metrics: points.map(({ runId, key, value, timestamp, step }) => ({
          key,
          value: toWireNumber(value),
          timestamp,
          step,
          run_id: runId,
        })),
      };
    },
  ),
];

async function change(
  input: z.output<typeof byRun>,
  { changes }: ServerContext,
  write: (runId: string) => Promise<unknown>,
  metrics: readonly Metric[] = [],
): Promise<void> {
  const runId = runIdOf(input);
  await write(runId);
  changes.publish({ kind: "run", id: runId, ...(metrics.length > 0 && { metrics }) });
}

/** Adds a model to the list in the run's tag, as clients before MLflow 3 expect it. */
async function recordModel({ store }: ServerContext, runId: string, modelJson: string): Promise<void> {
  const model = parseJson(modelJson);
  if (typeof model !== "object" || model === null || !("artifact_path" in model)) {
    throw invalid("model_json: it must be the JSON of a model with artifact_path, flavors and run_id.");
  }
  const { tags } = (await store.getRun(runId)).data;
  const models = JSON.parse(tags[modelHistoryTag] ?? "[]") as unknown[];
  await store.setTags(runId, { [modelHistoryTag]: JSON.stringify([...models, model]) });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`model_json: it must be JSON (${(error as Error).message}).`);
  }
}
