// Endpoints of our own, for what MLflow's API has no words for: the registry's history, and emptying the trash.
import { z } from "zod";
import { toWireLoggedModel, toWireRegistryEvent, wireInteger } from "../../wire.ts";
import { endpoint, required } from "../endpoint.ts";

const byRun = z.object({ run_id: required });
const byModel = z.object({ model_id: required });
const byExperiment = z.object({ experiment_id: required });

export const sconceEndpoints = [
  endpoint("GET", "/sconce/registry-history", z.object({ name: required }), async ({ name }, { store }) => ({
    events: (await store.registryHistory(name)).map(toWireRegistryEvent),
  })),
  endpoint(
    "GET",
    "/sconce/deleted-runs",
    z.object({ before: wireInteger.optional() }),
    async ({ before }, { store }) => ({ run_ids: await store.deletedRunIds(before) }),
  ),
  endpoint("POST", "/sconce/purge-run", byRun, ({ run_id }, { store }) => store.purgeRun(run_id)),
  endpoint(
    "GET",
    "/sconce/deleted-logged-models",
    z.object({ before: wireInteger.optional() }),
    async ({ before }, { store }) => ({
      models: (await store.deletedLoggedModels(before)).map(toWireLoggedModel),
    }),
  ),
  endpoint("POST", "/sconce/purge-logged-model", byModel, ({ model_id }, { store }) =>
    store.purgeLoggedModel(model_id),
  ),
  endpoint("POST", "/sconce/purge-experiment", byExperiment, ({ experiment_id }, { store }) =>
    store.purgeExperiment(experiment_id),
  ),
];
