// Makes the model that a URI names a version in the registry, once it is sure that there is one.
import { registerModelVersion } from "../client/register.ts";
import type { RegisterModelOptions } from "../client/register.ts";
import type { Store } from "../open-store.ts";
import { loggedModelOf } from "../registry/source.ts";
import type { ModelVersion } from "../types.ts";
import { present } from "../wire.ts";
import { locateModel } from "./resolve-model-uri.ts";

/** Says which model becomes a version of which name. */
export interface RegisterModelUriOptions extends Omit<RegisterModelOptions, "source" | "runId" | "modelId"> {
  /** `runs:/RUN_ID/model`, `models:/m-ID`, a version by its `models:/NAME/1`, or a place. */
  uri: string;
  /** Holds the runs and logged models. @default the registry */
  tracking?: Store;
}

/**
 * Registers the model of a URI as the next version of a name, with its origin.
 *
 * @throws UsageError for a `runs:` or `models:` URI that leads to no model, with what there is
 */
export async function registerModelUri(
  registry: Store,
  { uri, tracking = registry, ...options }: RegisterModelUriOptions,
): Promise<ModelVersion> {
  const runId = /^runs:\/+([^/]+)\//.exec(uri)?.[1];
  const modelId = loggedModelOf(uri);
  const isLogged = runId !== undefined || modelId !== undefined;
  if (/^(runs|models):/.test(uri)) await locateModel(uri, isLogged ? tracking : registry);
  return registerModelVersion(registry, { ...options, source: uri, ...present({ runId, modelId }) });
}
