// MLflow's functions for experiments, runs that have ended, and the registry, in camelCase.
import type { PagedList } from "../paged-list.ts";
import type { CreateExperimentInput, SearchInput, SearchLoggedModelsInput } from "../store.ts";
import type { Experiment, LoggedModel, ModelVersion, RegisteredModel } from "../types.ts";
import { trackingStore } from "./fluent.ts";
import { registerModelUri } from "../models/register-model-uri.ts";
import { present } from "../wire.ts";

/** Makes an experiment and returns its id. */
export async function createExperiment(
  name: string,
  options: Omit<CreateExperimentInput, "name"> = {},
): Promise<string> {
  return (await trackingStore()).createExperiment({ name, ...options });
}

/** Returns an experiment by its id. */
export async function getExperiment(experimentId: string): Promise<Experiment> {
  return (await trackingStore()).getExperiment(experimentId);
}

/** Returns an experiment by its name, or undefined. */
export async function getExperimentByName(name: string): Promise<Experiment | undefined> {
  return (await trackingStore()).getExperimentByName(name);
}

/** Sets tags of an experiment. */
export async function setExperimentTags(experimentId: string, tags: Record<string, string>): Promise<void> {
  return (await trackingStore()).setExperimentTags(experimentId, tags);
}

/** Puts an experiment and its runs into the trash. */
export async function deleteExperiment(experimentId: string): Promise<void> {
  return (await trackingStore()).deleteExperiment(experimentId);
}

/** Takes an experiment and its runs out of the trash. */
export async function restoreExperiment(experimentId: string): Promise<void> {
  return (await trackingStore()).restoreExperiment(experimentId);
}

/** Puts a run into the trash. */
export async function deleteRun(runId: string): Promise<void> {
  return (await trackingStore()).deleteRun(runId);
}

/** Takes a run out of the trash. */
export async function restoreRun(runId: string): Promise<void> {
  return (await trackingStore()).restoreRun(runId);
}

/** Registers a model (`runs:/RUN_ID/model`, `models:/m-ID`) as the next version of a name, which is made if need be. */
export async function registerModel(
  modelUri: string,
  name: string,
  { tags }: { tags?: Record<string, string> } = {},
): Promise<ModelVersion> {
  return registerModelUri(await trackingStore(), { uri: modelUri, name, ...present({ tags }) });
}

/** Searches registered models in MLflow's grammar. */
export async function searchRegisteredModels(input?: SearchInput): Promise<PagedList<RegisteredModel>> {
  return (await trackingStore()).searchRegisteredModels(input);
}

/** Searches versions of models in MLflow's grammar. */
export async function searchModelVersions(input?: SearchInput): Promise<PagedList<ModelVersion>> {
  return (await trackingStore()).searchModelVersions(input);
}

/** Searches logged models in MLflow's grammar. */
export async function searchLoggedModels(input: SearchLoggedModelsInput): Promise<PagedList<LoggedModel>> {
  return (await trackingStore()).searchLoggedModels(input);
}
