export { compressionOf } from "./compression.ts";
export { detectDelimiter, parseDelimited } from "./delimited.ts";
export type { DelimitedFault, Dialect } from "./delimited.ts";
export { cpuLimit, memoryLimitBytes, outOfMemoryKills } from "./environment.ts";
export {
  ConfigError,
  DataError,
  FileError,
  SconceError,
  SetupError,
  ShapeError,
  TorchError,
  TrackingError,
  TrainingError,
  UsageError,
  formatIssue,
  invariant,
} from "./errors.ts";
export type { ConfigIssue } from "./errors.ts";
export { FlatTable } from "./flat-table.ts";
export { fsyncDirectory, isPartial, partialPath, sha256File, writeFileAtomic } from "./files.ts";
export { acquireLock, isLocked } from "./lock.ts";
export type { Lock } from "./lock.ts";
export { Logger, logger, stderrSink } from "./logger.ts";
export type { LogLevel, LogSink } from "./logger.ts";
export {
  allowedHostsVariable,
  isAllowedHost,
  notificationEvents,
  registryEvents,
  notificationProblems,
  webhookProblem,
} from "./notifications.ts";
export type { Notification } from "./notifications.ts";
export { isPublicAddress } from "./public-address.ts";
export { printable, printableJson, printableLines } from "./printable.ts";
export { isProcessGone, thisProcess } from "./process.ts";
export type { ProcessIdentity } from "./process.ts";
export { pythonFloat } from "./python-float.ts";
export { isPlainObject, own } from "./plain-object.ts";
export { clock, silent, terminalProgress } from "./progress.ts";
export type { ProgressListener } from "./progress.ts";
export { camelCase, camelCaseKeys, snakeCase, snakeCaseKeys } from "./names.ts";
export type { CamelCase, CamelCaseKeys } from "./names.ts";
export { Registry, foldName, normalizeName } from "./registry.ts";
export { Rng } from "./rng.ts";
export {
  absoluteStoreUri,
  isDatabaseUri,
  isModelUri,
  isServerUri,
  showStoreUri,
  sqlitePath,
  storeFolder,
  storeKind,
  storeKinds,
  registeredStores,
  schemeOf,
  storeUriForms,
  withoutPassword,
} from "./store-uri.ts";
export type { StoreKind } from "./store-uri.ts";
export { didYouMean, nearest, suggestion } from "./suggest.ts";
export { packageFolder, sconceVersion } from "./version.ts";
export { metricModes } from "./metric-modes.ts";
