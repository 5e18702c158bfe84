// Endpoints of experiments.
import { z } from "zod";
import { TrackingError } from "../../../base/index.ts";
import { toWireExperiment, wireInteger, wireRecord, present } from "../../wire.ts";
import { endpoint, listOf, nextPage, required } from "../endpoint.ts";
import { checkArtifactLocation } from "../locations.ts";

const byId = z.object({ experiment_id: required });
const byIdAndKey = byId.extend({ key: required });

/** Chooses by lifecycle stage. */
export const viewType = z.enum(["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]).default("ACTIVE_ONLY");

/** Fields that every search has. */
export const searchFields = {
  filter: z.string().optional(),
  order_by: listOf(z.string()),
  max_results: wireInteger.optional(),
  page_token: z.string().optional(),
};

/** Returns what a search asks for, in the words of the store. */
export function searchInput(input: {
  filter?: string | undefined;
  order_by: string[];
  max_results?: number | undefined;
  page_token?: string | undefined;
}) {
  return {
    ...present({
      filter: input.filter || undefined,
      maxResults: input.max_results,
      pageToken: input.page_token || undefined,
    }),
    orderBy: input.order_by,
  };
}

export const experimentEndpoints = [
  endpoint(
    "POST",
    "/mlflow/experiments/create",
    z.object({ name: required, artifact_location: z.string().optional(), tags: wireRecord }),
    async ({ name, artifact_location, tags }, { store, changes }) => {
      const location = artifact_location || undefined;
      if (location !== undefined) checkArtifactLocation(location);
      const id = await store.createExperiment({ name, ...present({ artifactLocation: location }), tags });
      changes.publish({ kind: "experiment", id });
      return { experiment_id: id };
    },
  ),
  endpoint("GET", "/mlflow/experiments/get", byId, async ({ experiment_id }, { store }) => ({
    experiment: toWireExperiment(await store.getExperiment(experiment_id)),
  })),
  endpoint(
    "GET",
    "/mlflow/experiments/get-by-name",
    z.object({ experiment_name: required }),
    async ({ experiment_name }, { store }) => {
      const experiment = await store.getExperimentByName(experiment_name);
      if (experiment === undefined) {
        throw new TrackingError(
          `experiment "${experiment_name}": it must exist, and no such name is in the store.`,
          {
            code: "RESOURCE_DOES_NOT_EXIST",
          },
        );
      }
      return { experiment: toWireExperiment(experiment) };
    },
  ),
  endpoint(
    ["GET", "POST"],
    "/mlflow/experiments/search",
    z.object({ ...searchFields, view_type: viewType }),
    async ({ view_type, ...search }, { store }) => {
      const page = await store.searchExperiments({ ...searchInput(search), viewType: view_type });
      return { experiments: page.map(toWireExperiment), ...nextPage(page.token) };
    },
  ),
  endpoint("POST", "/mlflow/experiments/delete", byId, async ({ experiment_id }, { store, changes }) => {
    await store.deleteExperiment(experiment_id);
    changes.publish({ kind: "experiment", id: experiment_id });
  }),
  endpoint("POST", "/mlflow/experiments/restore", byId, async ({ experiment_id }, { store, changes }) => {
    await store.restoreExperiment(experiment_id);
    changes.publish({ kind: "experiment", id: experiment_id });
  }),
  endpoint(
    "POST",
    "/mlflow/experiments/update",
    byId.extend({ new_name: z.string().optional() }),
    async ({ experiment_id, new_name }, { store, changes }) => {
      if (new_name === undefined) return;
      await store.renameExperiment(experiment_id, new_name);
      changes.publish({ kind: "experiment", id: experiment_id });
    },
  ),
  endpoint(
    "POST",
    "/mlflow/experiments/set-experiment-tag",
    byIdAndKey.extend({ value: z.string() }),
    async ({ experiment_id, key, value }, { store, changes }) => {
      await store.setExperimentTags(experiment_id, { [key]: value });
      changes.publish({ kind: "experiment", id: experiment_id });
    },
  ),
  endpoint(
    "POST",
    "/mlflow/experiments/delete-experiment-tag",
    byIdAndKey,
    async ({ experiment_id, key }, { store, changes }) => {
      await store.deleteExperimentTag(experiment_id, key);
      changes.publish({ kind: "experiment", id: experiment_id });
    },
  ),
  endpoint(
    "POST",
    "/mlflow/experiments/search-datasets",
    z.object({ experiment_ids: listOf(required) }),
    async ({ experiment_ids }, { store }) => ({
      dataset_summaries: (await store.searchDatasets(experiment_ids)).map(
        ({ experimentId, name, digest, context }) => ({
          experiment_id: experimentId,
          name,
          digest,
          ...present({ context }),
        }),
      ),
    }),
  ),
];
