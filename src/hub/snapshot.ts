// Downloads files of one commit of a repository and returns the folder that shows them.
import { UsageError, acquireLock, logger } from "../base/index.ts";
import { downloadBlob } from "./blob.ts";
import { RepoCache, isCommit, tagCacheFolder } from "./cache.ts";
import { HubError, isUnreachable } from "./errors.ts";
import { type FileMetadata, fetchMetadata, fileNotFound } from "./metadata.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

const lockTimeoutMs = 3_600_000;

/** Tells how far the download of one file is. */
export interface DownloadProgress {
  file: string;
  /** Bytes so far, those of an earlier try included. */
  bytes: number;
  totalBytes: number;
}

/** Says which files of which repository are wanted. */
export interface SnapshotOptions {
  /** `OWNER/NAME`, or the bare name of an old model. */
  repo: string;
  /** Branch, tag or full commit hash. @default "main" */
  revision?: string;
  /** Paths in the repository that must be there. */
  files: readonly string[];
  /** Paths that are taken where they are there. @default [] */
  optionalFiles?: readonly string[];
  onProgress?(progress: DownloadProgress): void;
  /** @default `hubSettings()`, read from the environment */
  settings?: HubSettings;
}

/**
 * Downloads files of a repository into the cache and returns the folder of their commit, whose name is the commit.
 * All files are of one commit even if the branch moves meanwhile. What the cache has is not downloaded again; a
 * pinned commit asks no hub at all, and neither does a hub that is out of reach fail what the cache has.
 *
 * @throws HubError with `code` telling why the files cannot be had.
 *
 * @example
 * await snapshotDownload({ repo: "google-bert/bert-base-uncased", files: ["config.json", "model.safetensors"] });
 * // => "~/.cache/huggingface/hub/models--google-bert--bert-base-uncased/snapshots/86b5e0934494bd15..."
 */
export async function snapshotDownload(options: SnapshotOptions): Promise<string> {
  const { repo, revision = "main", files, settings = hubSettings() } = options;
  checkNames(options);
  const cache = new RepoCache(settings.cacheFolder, repo);
  const cached = cachedSnapshot(cache, options);
  if (cached !== undefined && (settings.offline || (isCommit(revision) && cached.isComplete)))
    return cached.folder;
  if (settings.offline) {
    throw new HubError(
      "hub_unreachable",
      `${repo}: with HF_HUB_OFFLINE it must be in ${settings.cacheFolder}, got no ${files.join(", ")} of revision ` +
        `"${revision}" there. Unset HF_HUB_OFFLINE once, or copy the cache of a machine that has it.`,
    );
  }
  try {
    return await download(cache, options, settings);
  } catch (error) {
    if (!isUnreachable(error) || cached === undefined) throw error;
    logger.warn(`${error.message} Using ${repo} as it was when last downloaded.`);
    return cached.folder;
  }
}

async function download(cache: RepoCache, options: SnapshotOptions, settings: HubSettings): Promise<string> {
  const { repo, revision = "main", files, optionalFiles = [], onProgress } = options;
  const [first = "", ...others] = [...files, ...optionalFiles];
  const head = await fetchMetadata({ repo, revision, file: first }, settings);
  const { commit } = head; // the others are asked for by it, so that all are of one state
  const rest = await Promise.all(
    others.map(
      async (file) => [file, await fetchMetadata({ repo, revision: commit, file }, settings)] as const,
    ),
  );
  try {
    tagCacheFolder(settings.cacheFolder);
    cache.setCommit(revision, commit);
    for (const [file, metadata] of [[first, head] as const, ...rest]) {
      if (metadata.etag !== undefined) {
        await provide(cache, { repo, revision: commit, file }, metadata, settings, onProgress);
      } else if (files.includes(file)) throw fileNotFound({ repo, revision, file }, settings.endpoint);
      else cache.setMissing(commit, file);
    }
  } catch (error) {
    throw asCacheError(error, settings);
  }
  return cache.snapshot(commit);
}

async function provide(
  cache: RepoCache,
  address: { repo: string; revision: string; file: string },
  { commit, etag, size }: FileMetadata,
  settings: HubSettings,
  onProgress: SnapshotOptions["onProgress"],
): Promise<void> {
  const { file } = address;
  if (cache.has(commit, file, size)) return;
  if (!cache.hasBlob(etag, size)) {
    const lock = await acquireLock(cache.lock(etag), {
      what: `The download of ${file}`,
      timeoutMs: lockTimeoutMs,
    });
    try {
      if (!cache.hasBlob(etag, size)) {
        const onBytes = (bytes: number) => onProgress?.({ file, bytes, totalBytes: size });
        await downloadBlob({ address, etag, size, target: cache.blob(etag), onBytes }, settings);
      }
    } finally {
      lock.release();
    }
  }
  cache.place(etag, commit, file);
}

/** Returns the folder of a commit whose wanted files are all in the cache, and whether the optional ones are known. */
function cachedSnapshot(
  cache: RepoCache,
  { revision = "main", files, optionalFiles = [] }: SnapshotOptions,
): { folder: string; isComplete: boolean } | undefined {
  const commit = cache.commitOf(revision);
  if (commit === undefined || !files.every((file) => cache.has(commit, file))) return undefined;
  const isComplete = optionalFiles.every((file) => cache.has(commit, file) || cache.isMissing(commit, file));
  return { folder: cache.snapshot(commit), isComplete };
}

// names become paths of the cache, so none may lead out of it
function checkNames({ repo, revision = "main", files, optionalFiles = [] }: SnapshotOptions): void {
  const isName = (text: string) => /^[\w-][\w.-]*$/u.test(text) && !/--|\.\./u.test(text);
  const words = repo.split("/");
  if (words.length > 2 || !words.every(isName)) {
    throw new UsageError(`The hub: a repository is OWNER/NAME, got "${repo}". Check the name.`);
  }
  for (const path of [revision, ...files, ...optionalFiles]) {
    if (path.split("/").some((part) => /^\.{0,2}$/u.test(part)) || /[\\\0]/u.test(path)) {
      throw new UsageError(`${repo}: a revision or file is a relative path without "..", got "${path}".`);
    }
  }
  if (files.length === 0) throw new UsageError(`${repo}: files must name one at least, got [].`);
}

function asCacheError(error: unknown, { cacheFolder }: HubSettings): unknown {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (!["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"].includes(code)) return error;
  return new HubError(
    "hub_disk",
    `The hub: the cache ${cacheFolder} must be writable, got "${(error as Error).message}". ` +
      `Set HF_HOME to a folder that is.`,
    { cause: error },
  );
}
