export { checkArtifactPath } from "./artifacts/artifact-path.ts";
export { HttpArtifactRepository } from "./artifacts/http.ts";
export { LocalArtifactRepository } from "./artifacts/local.ts";
export type { CopyOptions } from "./artifacts/local.ts";
export { artifactRepository } from "./artifacts/open-repository.ts";
export type { ArtifactInfo, ArtifactRepository, ArtifactStat, ByteRange } from "./artifacts/repository.ts";
export { S3ArtifactRepository } from "./artifacts/s3.ts";
export { childUri, localPath, localUri } from "./artifacts/uri.ts";
export { contextTags, gitCommit } from "./client/context.ts";
export type { ContextOptions } from "./client/context.ts";
export {
  activeRun,
  deleteTag,
  endRun,
  flushAsyncLogging,
  getArtifactUri,
  getParentRun,
  getRun,
  getTrackingUri,
  logArtifact,
  logArtifacts,
  logBatch,
  logDict,
  logFigure,
  logImage,
  logInput,
  logMetric,
  logMetrics,
  logParam,
  logParams,
  logTable,
  logText,
  searchExperiments,
  searchRuns,
  setExperiment,
  setTag,
  setTags,
  setTrackingUri,
  startRun,
  trackingStore,
} from "./client/fluent.ts";
export type { RunOptions } from "./client/fluent.ts";
export {
  downloadArtifacts,
  listArtifacts,
  loadDict,
  loadTable,
  loadText,
} from "./client/fluent-artifacts.ts";
export type { ArtifactPlace } from "./client/fluent-artifacts.ts";
export {
  createExperiment,
  deleteExperiment,
  deleteRun,
  getExperiment,
  getExperimentByName,
  registerModel,
  restoreExperiment,
  restoreRun,
  searchLoggedModels,
  searchModelVersions,
  searchRegisteredModels,
  setExperimentTags,
} from "./client/fluent-store.ts";
export { flattenParams } from "./client/flatten.ts";
export { getOrCreateRegisteredModel, modelVersionsOf, registerModelVersion } from "./client/register.ts";
export type { RegisterModelOptions } from "./client/register.ts";
export { userName } from "./client/context.ts";
export { findDeadRuns, repairRuns } from "./client/repair.ts";
export type { ProcessEnd, RepairOptions } from "./client/repair.ts";
export { shipJournals } from "./client/ship-journals.ts";
export { describeError, endTags } from "./client/end-tags.ts";
export { ActiveRun, getOrCreateExperiment } from "./client/run.ts";
export type { ActiveRunOptions, EndReport, StartRunOptions } from "./client/run.ts";
export type { WriterOptions } from "./client/writer.ts";
export { registerModelUri } from "./models/register-model-uri.ts";
export type { RegisterModelUriOptions } from "./models/register-model-uri.ts";
export { logTransformersModel } from "./models/log-model.ts";
export type { LogTransformersModelOptions } from "./models/log-model.ts";
export { logTorchModel } from "./models/log-torch-model.ts";
export type { LogTorchModelOptions } from "./models/log-torch-model.ts";
export { formatMlmodel } from "./models/mlmodel.ts";
export type {
  ColumnSpec,
  MlmodelOptions,
  ModelFileOptions,
  ModelSignature,
  TensorSpec,
} from "./models/mlmodel.ts";
export type { ModelCardMetadata } from "./models/model-card.ts";
export { modelFolders, torchModelFolder } from "./models/read-model.ts";
export type { ModelFolders } from "./models/read-model.ts";
export type { RecordModelOptions } from "./models/record-model.ts";
export { resolveModelUri } from "./models/resolve-model-uri.ts";
export type { ModelStore } from "./models/resolve-model-uri.ts";
export { Notifier } from "./notifications/notifier.ts";
export type { NotifierOptions } from "./notifications/notifier.ts";
export { notifyingStore } from "./notifications/notifying-store.ts";
export { openNotifyingStore } from "./notifications/open-notifying.ts";
export { openStore } from "./open-store.ts";
export type { OpenStoreOptions, StoreClass, Store } from "./open-store.ts";
export { eachPage, pagedList } from "./paged-list.ts";
export type { PagedList } from "./paged-list.ts";
export { backupStore } from "./backup-store.ts";
export { collectGarbage } from "./collect-garbage.ts";
export type { CollectGarbageOptions, GarbageItem } from "./collect-garbage.ts";
export { copyStore } from "./copy/copy-store.ts";
export type { CopyPhase, CopyReport, CopyStoreOptions, StoreCounts } from "./copy/copy-store.ts";
export { canonicalStage, mlflowStages, shownStage } from "./stages.ts";
export { holdersAt, previousHolder } from "./registry/history.ts";
export type { Holders } from "./registry/history.ts";
export { ModelSelector, runTypeTag } from "./registry/model-selector.ts";
export type { MetricMode, ModelSelectorOptions } from "./registry/model-selector.ts";
export { ModelTransition } from "./registry/model-transition.ts";
export type { ModelTransitionOptions, TransitionModelOptions } from "./registry/model-transition.ts";
export { AuditLog } from "./server/audit-log.ts";
export type { AuditEntry } from "./server/audit-log.ts";
export type { AuthOptions } from "./server/auth/auth.ts";
export { defaultPermissions } from "./server/auth/permissions.ts";
export type { Permission } from "./server/auth/permissions.ts";
export { UserStore } from "./server/auth/user-store.ts";
export type { RoleGrant } from "./server/auth/grants.ts";
export type { CreateUserInput, User, UserRecord } from "./server/auth/user-store.ts";
export { TrackingServer } from "./server/server.ts";
export type { TrackingServerOptions } from "./server/server.ts";
export type {
  CreateExperimentInput,
  CreateLoggedModelInput,
  CreateModelVersionInput,
  CreateRegisteredModelInput,
  CreateRunInput,
  LogBatchInput,
  LoggedModelOrder,
  MetricHistoriesInput,
  RegistryChange,
  RegistryStore,
  SearchExperimentsInput,
  SearchInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
  TrackingStore,
  TransitionStageInput,
  UpdateRunInput,
} from "./store.ts";
export { FileStore } from "./stores/file/file-store.ts";
export type { FileStoreOptions } from "./stores/file/file-store.ts";
export { MongoStore } from "./stores/mongo/mongo-store.ts";
export type { MongoStoreOptions } from "./stores/mongo/mongo-store.ts";
export { RestStore } from "./stores/rest/rest-store.ts";
export { SqliteStore } from "./stores/sql/sqlite-store.ts";
export type { SqliteStoreOptions } from "./stores/sql/sqlite-store.ts";
export { PostgresStore } from "./stores/sql/postgres-store.ts";
export type { PostgresStoreOptions } from "./stores/sql/postgres-store.ts";
export { SystemMetricsSampler, logsSystemMetrics, startSystemMetrics } from "./system-metrics.ts";
export type { SystemMetricsOptions } from "./system-metrics.ts";
export { isExporter, isImporter } from "./transfer.ts";
export type {
  LoggedModelRecord,
  RegisteredModelRecord,
  RunRecord,
  StoreExporter,
  StoreImporter,
} from "./transfer.ts";
export type {
  Dataset,
  DatasetInput,
  DatasetUse,
  Experiment,
  LifecycleStage,
  LoggedModel,
  LoggedModelStatus,
  Metric,
  ModelInput,
  ModelOutput,
  ModelVersion,
  Param,
  RegisteredModel,
  RegistryEvent,
  Run,
  RunData,
  RunInfo,
  RunInputs,
  RunOutputs,
  RunStatus,
  RunTag,
  ViewType,
} from "./types.ts";
export { keepsWebhooks, webhookEvents } from "./webhooks/webhook.ts";
export type {
  CreateWebhookInput,
  UpdateWebhookInput,
  Webhook,
  WebhookEvent,
  WebhookStatus,
  WebhookStore,
} from "./webhooks/webhook.ts";
