export { baseModelAliases, resolveBaseModel } from "./base-model.ts";
export type { BaseModelSource } from "./base-model.ts";
export { checkComposed, checkUseCase, formatResolved, loadUseCase } from "./check.ts";
export type { CheckReport, ResolvedUseCase } from "./check.ts";
export type { ConfigDocument, Place } from "./document.ts";
export { inFileOrder } from "./in-file-order.ts";
export { checkModule, isModuleConfig, listedPlugins } from "./module-config.ts";
export type { ModuleConfig, ModuleReport } from "./module-config.ts";
export type { RegisteredNames } from "./module-kinds.ts";
export { helperKeys } from "./lightning-tree.ts";
export { checkMultiLabel, isMultiLabelTree } from "./multi-label.ts";
export { storeLightningFiles } from "./lightning-files.ts";
export type { MultiLabelConfig, MultiLabelReport } from "./multi-label.ts";
export { nodeOf } from "./node.ts";
export { loadConfig, parseConfig } from "./load.ts";
export type { ConfigFormat } from "./load.ts";
export {
  bareMetricName,
  metricMode,
  metricModes,
  monitorNames,
  normalizeMetricName,
} from "./metric-names.ts";
export type { MetricMode } from "./metric-names.ts";
export { compose, composeAll, initialize } from "./hydra/compose.ts";
export type { ComposeOptions, Composition, ConfigLocation } from "./hydra/compose.ts";
export type { HydraCallback } from "./hydra/callbacks.ts";
export { hydraFlags, parseCommandLine } from "./hydra/command-line.ts";
export { completeArguments, completePlain } from "./hydra/complete-composed.ts";
export type { CommandLine, ConfigPart, InfoTopic } from "./hydra/command-line.ts";
export { showInfo } from "./hydra/info.ts";
export { main, runMain } from "./hydra/main.ts";
export type { MainOptions, MainResult } from "./hydra/main.ts";
export { openRunFolder, openSweepFolder, readRunFolder } from "./hydra/run-folders.ts";
export type { RunFolderOptions } from "./hydra/run-folders.ts";
export { openJobLog } from "./hydra/job-log.ts";
export { runJob, treeOf } from "./hydra/run-job.ts";
export type { Job, JobResult, RunJobOptions, Task } from "./hydra/run-job.ts";
export { showConfig } from "./hydra/show-config.ts";
export type { ShowOptions } from "./hydra/show-config.ts";
export { planJobs } from "./hydra/check-jobs.ts";
export type { PlannedJob } from "./hydra/check-jobs.ts";
export { composeJob, planSweep } from "./hydra/sweep.ts";
export { ConfigStore, configStore } from "./hydra/config-store.ts";
export type { StoredConfig } from "./hydra/config-store.ts";
export type { DefaultsEntry } from "./hydra/defaults-list.ts";
export { jobConfig } from "./hydra/hydra-resolvers.ts";
export type { SearchPathElement } from "./hydra/search-path.ts";
export { expandSweeps } from "./hydra/expand-sweeps.ts";
export type { SweepOptions } from "./hydra/expand-sweeps.ts";
export { instantiate } from "./hydra/instantiate.ts";
export type { InstantiateOptions, PartialCall } from "./hydra/instantiate.ts";
export { OverrideError } from "./hydra/override-error.ts";
export type {
  ChoiceSweep,
  GlobSweep,
  IntervalSweep,
  NumberNode,
  Override,
  RangeSweep,
  Sweep,
} from "./hydra/override.ts";
export { targetTable } from "./hydra/target.ts";
export type { Callable, TargetDescription, TargetLookup } from "./hydra/target.ts";
export { parseOverride } from "./hydra/parse-override.ts";
export type {
  ConfigKey,
  ConfigNode,
  ListNode,
  MapEntry,
  MapNode,
  NodeFlags,
  Origin,
  ScalarNode,
} from "./node.ts";
export { OmegaConf } from "./omega/omega-conf.ts";
export type { Config, ConfigInput, ToContainerOptions } from "./omega/omega-conf.ts";
export type { ListMergeMode, MergeOptions } from "./omega/merge.ts";
export type { ResolveOptions, SelectOptions } from "./omega/resolve.ts";
export type { Resolver, ResolverContext, ResolverOptions } from "./omega/resolvers.ts";
export type { ToYamlOptions } from "./omega/to-yaml.ts";
export type {
  AnyType,
  ConfigField,
  ConfigType,
  DictType,
  EnumType,
  ListType,
  ObjectType,
  PrimitiveType,
  UnionType,
} from "./omega/types.ts";
export type { UpdateOptions } from "./omega/update.ts";
export { applyOverrides } from "./overrides.ts";
export type { OverrideResult } from "./overrides.ts";
export { dataFileProblems } from "./data-file.ts";
export type { NamedDataFile } from "./data-file.ts";
export { findProjectRoot, locateUseCase, outputFolders, resolveDataPath, runFolder } from "./paths.ts";
export type { OutputFolders, UseCaseLocation } from "./paths.ts";
export { readNotifications } from "./read-notifications.ts";
export { editorSchema, printJsonSchema, writeEditorSchema } from "./editor-schema.ts";
export { loadTrainerOptions } from "./load-trainer-options.ts";
export type { ProfilerName, ProfilerOptions, ProfilerSettings } from "./profilers.ts";
export type { TrainerFlagOptions, TrainerFlags } from "./trainer-options.ts";
export { defaultTrackingUri } from "./tracking-uri.ts";
export { decodeSegment, encodeSegment } from "./segments.ts";
export { validateUseCase } from "./use-case.ts";
export type { UseCaseConfig, ValidatedUseCase } from "./use-case.ts";
export { isConfigMap, valueAt } from "./value.ts";
export type { ConfigMap, ConfigPath, ConfigValue } from "./value.ts";
export { configToJson, configToYaml, flatten, writeConfig } from "./write.ts";
export { draftUseCase, writeUseCase } from "./init.ts";
export type { DataGuess, DataPlan, UseCaseDraft } from "./init.ts";
