// Endpoints of logged models, MLflow 3's entities for models beside the runs that made them.
import { z } from "zod";
import {
  present,
  toWireLoggedModel,
  wireInteger,
  wireModelStatus,
  wireRecord,
  wireTags,
} from "../../wire.ts";
import { endpoint, listOf, nextPage, required } from "../endpoint.ts";
import type { ServerContext } from "../endpoint.ts";

const byId = z.object({ model_id: required });

export const loggedModelEndpoints = [
  endpoint(
    "POST",
    "/mlflow/logged-models",
    z.object({
      experiment_id: required,
      name: z.string().optional(),
      model_type: z.string().optional(),
      source_run_id: z.string().optional(),
      params: wireRecord,
      tags: wireRecord,
    }),
    async ({ experiment_id, name, model_type, source_run_id, params, tags }, { store, changes }) => {
      const model = await store.createLoggedModel({
        experimentId: experiment_id,
        ...present({
          name,
          modelType: model_type || undefined,
          sourceRunId: source_run_id || undefined,
        }),
        params,
        tags,
      });
      changes.publish({ kind: "logged_model", id: model.modelId });
      return { model: toWireLoggedModel(model) };
    },
  ),
  endpoint("GET", "/mlflow/logged-models/{model_id}", byId, answerWithModel),
  endpoint(
    "PATCH",
    "/mlflow/logged-models/{model_id}",
    byId.extend({ status: wireModelStatus }),
    async ({ model_id, status }, { store, changes }) => {
      const model = await store.finalizeLoggedModel(model_id, status);
      changes.publish({ kind: "logged_model", id: model_id });
      return { model: toWireLoggedModel(model) };
    },
  ),
  endpoint("DELETE", "/mlflow/logged-models/{model_id}", byId, async ({ model_id }, { store, changes }) => {
    await store.deleteLoggedModel(model_id);
    changes.publish({ kind: "logged_model", id: model_id });
  }),
  endpoint(
    "POST",
    "/mlflow/logged-models/search",
    z.object({
      experiment_ids: listOf(required),
      filter: z.string().optional(),
      datasets: z
        .array(z.object({ dataset_name: required, dataset_digest: z.string().optional() }))
        .default([]),
      max_results: wireInteger.optional(),
      order_by: z
        .array(
          z.object({
            field_name: required,
            ascending: z.boolean().optional(),
            dataset_name: z.string().optional(),
            dataset_digest: z.string().optional(),
          }),
        )
        .default([]),
      page_token: z.string().optional(),
    }),
    async (input, { store }) => {
      const page = await store.searchLoggedModels({
        experimentIds: input.experiment_ids,
        ...present({
          filter: input.filter || undefined,
          maxResults: input.max_results,
          pageToken: input.page_token || undefined,
        }),
        datasets: input.datasets.map(({ dataset_name, dataset_digest }) => ({
          name: dataset_name,
          ...present({ digest: dataset_digest }),
        })),
        orderBy: input.order_by.map(({ field_name, ascending, dataset_name, dataset_digest }) => ({
          fieldName: field_name,
          ...present({ ascending, datasetName: dataset_name, datasetDigest: dataset_digest }),
        })),
      });
      return { models: page.map(toWireLoggedModel), ...nextPage(page.token) };
    },
  ),
  endpoint(
    "PATCH",
    "/mlflow/logged-models/{model_id}/tags",
    byId.extend({ tags: wireRecord }),
    async ({ model_id, tags }, context) => {
      await context.store.setLoggedModelTags(model_id, tags);
      context.changes.publish({ kind: "logged_model", id: model_id });
      return answerWithModel({ model_id }, context);
    },
  ),
  endpoint(
    "DELETE",
    "/mlflow/logged-models/{model_id}/tags/{tag_key}",
    byId.extend({ tag_key: required }),
    async ({ model_id, tag_key }, { store, changes }) => {
      await store.deleteLoggedModelTag(model_id, tag_key);
      changes.publish({ kind: "logged_model", id: model_id });
    },
  ),
  endpoint(
    "POST",
    "/mlflow/logged-models/{model_id}/params",
    byId.extend({ params: wireTags }),
    async ({ model_id, params }, { store, changes }) => {
      await store.logLoggedModelParams(model_id, params);
      changes.publish({ kind: "logged_model", id: model_id });
    },
  ),
];

async function answerWithModel({ model_id }: z.output<typeof byId>, { store }: ServerContext) {
  return { model: toWireLoggedModel(await store.getLoggedModel(model_id)) };
}
