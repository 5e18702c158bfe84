// From a composed config to the checked config of a training of registered parts.
import type * as z from "zod";
import type { ConfigIssue } from "../base/index.ts";
import { composedModule } from "./composed-use-case.ts";
import type { moduleSchema } from "./module-schema.ts";
import type { MapNode } from "./node.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { checkOutputs, checkTracking } from "./surroundings.ts";
import { defaultTrackingUri } from "./tracking-uri.ts";
import { checkDocumentWith } from "./use-case.ts";

/** Is the config of a training of registered parts, checked and with every default filled in. */
export type ModuleConfig = z.output<typeof moduleSchema>;

/** Holds what a check of such a config found. */
export interface ModuleReport {
  source: string;
  issues: readonly ConfigIssue[];
  /** Present if there are no issues. */
  config?: ModuleConfig;
  /** The tracking store; paths in it are absolute. */
  trackingUri: string;
  /** Gives an issue of the model's or data set's options its place: `["model", "hidden"]`. */
  locate: (path: readonly (string | number)[], message: string) => ConfigIssue;
}

/** Tells whether a composed config names a registered model, and not the base of a text classifier. */
export function isModuleConfig(job: MapNode): boolean {
  const model = job.entries.get("model")?.node;
  return model?.kind === "map" && model.entries.has("name") && !model.entries.has("base_model");
}

/**
 * Checks the config of a training of registered parts: everything but the options of model and data set, which only their
 * classes know.
 *
 * @throws ConfigError for interpolations that cannot be resolved
 */
export async function checkModule(job: MapNode, projectRoot: string): Promise<ModuleReport> {
  const [{ moduleSchema }, { checkTrainingRules }] = await Promise.all([
    import("./module-schema.ts"),
    import("./rules.ts"), // both load zod (50 ms), which reading a config need not
  ]);
  const document = composedModule(job);
  const { config, issues: mistyped, locate } = await checkDocumentWith(moduleSchema, document);
  const found: SchemaIssue[] = config === undefined ? [] : checkTrainingRules(config).issues;
  const trackingUri = config && checkTracking(config.mlops.tracking, projectRoot, found);
  if (config !== undefined && found.length === 0) checkOutputs(config, projectRoot, found);
  const issues = [...mistyped, ...found.map(locate)];
  return {
    source: document.source,
    issues,
    ...(config !== undefined && issues.length === 0 && { config }),
    trackingUri: trackingUri ?? defaultTrackingUri(projectRoot),
    locate: (path, message) => locate({ path, code: "value", message }),
  };
}
