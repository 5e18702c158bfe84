// From a composed config to the checked config of a training of registered parts.
import type * as z from "zod";
import { type ConfigIssue, absoluteStoreUri } from "../base/index.ts";
import { composedModule } from "./composed-use-case.ts";
import { isLightningTree } from "./lightning-tree.ts";
import type { RegisteredNames } from "./module-kinds.ts";
import type { moduleSchema } from "./module-schema.ts";
import { type MapNode, valueOf } from "./node.ts";
import { select } from "./omega/resolve.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { checkOutputs, checkTracking } from "./surroundings.ts";
import { defaultTrackingUri } from "./tracking-uri.ts";
import { checkTrainingRules } from "./training-rules.ts";
import { checkDocumentWith } from "./use-case.ts";
import { type ConfigMap, type ConfigPath, isConfigMap } from "./value.ts";

/** Is the config of a training of registered parts, checked and with every default filled in. */
export type ModuleConfig = z.output<typeof moduleSchema>;

/** Holds what a check of such a config found. */
export interface ModuleReport {
  source: string;
  issues: readonly ConfigIssue[];
  /** Present if there are no issues. */
  config?: ModuleConfig;
  /** The config in its one form, right or wrong. */
  value: ConfigMap;
  /** Paths of components among the options of model and data set, which a registered class is named for. */
  components: readonly ConfigPath[];
  /** The tracking store; paths in it are absolute. */
  trackingUri: string;
  /** Gives an issue of the model's or data set's options its place: `["model", "hidden"]`. */
  locate: (path: readonly (string | number)[], message: string, code?: ConfigIssue["code"]) => ConfigIssue;
}

/** Tells whether a composed config names a registered model, and not the base of a text classifier. */
export function isModuleConfig(job: MapNode): boolean {
  if (isLightningTree(job)) return true;
  const model = job.entries.get("model")?.node;
  return model?.kind === "map" && model.entries.has("name") && !model.entries.has("base_model");
}

/** Returns the plugins that a config lists, as far as it can be read. */
export function listedPlugins(job: MapNode): string[] {
  const listed = select(job, "plugins", { throwOnResolutionFailure: false });
  const plugins = listed && valueOf(listed);
  return Array.isArray(plugins) ? plugins.filter((entry) => typeof entry === "string") : [];
}

/**
 * Checks the config of a training of registered parts: everything but the options of registered classes, which only these
 * know. `registered` are the names that callbacks, loggers, optimizer and scheduler may have beside the built-in ones.
 *
 * @throws ConfigError for interpolations that cannot be resolved
 */
export async function checkModule(
  job: MapNode,
  projectRoot: string,
  registered?: RegisteredNames,
): Promise<ModuleReport> {
  const [{ moduleSchemaWith }, { moduleKinds, nothingRegistered }] = await Promise.all([
    import("./module-schema.ts"), // both load zod (50 ms), which reading a config need not
    import("./module-kinds.ts"),
  ]);
  const names = registered ?? nothingRegistered;
  const { document, components } = composedModule(job);
  const checked = await checkDocumentWith(moduleSchemaWith(names), document, moduleKinds(names));
  const { config, value, locate } = checked;
  const given = isConfigMap(document.value) ? document.value : {};
  const isUnknown = config?.optimizer === undefined && Object.hasOwn(given, "optimizer"); // and told already
  const found: SchemaIssue[] =
    config === undefined
      ? []
      : checkTrainingRules(config).issues.filter(({ path }) => !isUnknown || path[0] !== "scheduler");
  const own = config?.loggers.find((logger) => logger.name === "mlflow");
  const uri = own?.name === "mlflow" ? own.tracking_uri : undefined;
  const trackingUri =
    uri === undefined
      ? config && checkTracking(config.mlops.tracking, projectRoot, found)
      : absoluteStoreUri(uri, projectRoot);
  if (config !== undefined && found.length === 0) checkOutputs(config, projectRoot, found);
  const issues = [...checked.issues, ...found.map(locate)];
  return {
    source: document.source,
    issues,
    ...(config !== undefined && issues.length === 0 && { config }),
    value,
    components,
    trackingUri: trackingUri ?? defaultTrackingUri(projectRoot),
    locate: (path, message, code = "value") => locate({ path, code, message }),
  };
}
