export { HubError } from "./errors.ts";
export type { HubErrorCode } from "./errors.ts";
export { fetchModel } from "./fetch-model.ts";
export type { FetchModelOptions } from "./fetch-model.ts";
export { hubSettings } from "./settings.ts";
export type { HubSettings } from "./settings.ts";
export { snapshotDownload } from "./snapshot.ts";
export type { DownloadProgress, SnapshotOptions } from "./snapshot.ts";
