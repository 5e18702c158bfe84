// Downloads one file into the cache: resumed where it was cut, and checked against its hash.
import { type Hash, createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fsyncDirectory } from "../base/index.ts";
import { HubError, isUnreachable } from "./errors.ts";
import { reasonOf, retryDelayMs, sendToHub, unreachable } from "./http.ts";
import { type FileAddress, fileUrl, refusal } from "./metadata.ts";
import type { HubSettings } from "./settings.ts";

/** Says what to download and where to. */
export interface BlobDownload {
  address: FileAddress;
  etag: string;
  /** Bytes. */
  size: number;
  /** Path of the finished blob; the bytes so far are in `PATH.incomplete`. */
  target: string;
  onBytes(done: number): void;
}

/**
 * Downloads a blob, going on where an earlier try ended. A cut connection is taken up again as long as bytes arrive.
 *
 * @throws HubError `hub_damaged` for other bytes than the hub announced, `hub_disk` for a full disk.
 */
export async function downloadBlob(download: BlobDownload, settings: HubSettings): Promise<void> {
  const { target, address, size } = download;
  const incomplete = `${target}.incomplete`;
  mkdirSync(dirname(target), { recursive: true });
  if ((statSync(incomplete, { throwIfNoEntry: false })?.size ?? 0) > size) rmSync(incomplete);
  const resumed = existsSync(incomplete);
  await checkDiskSpace(download, incomplete);

  let actual = await fetchAll(download, incomplete, settings);
  if (actual !== expectedHash(download) && resumed) {
    // the beginning may be of another process or a crash; only a whole download tells
    rmSync(incomplete);
    actual = await fetchAll(download, incomplete, settings);
  }
  if (actual !== expectedHash(download)) {
    rmSync(incomplete);
    throw new HubError(
      "hub_damaged",
      `${address.repo}: ${address.file} must have the hash ${download.etag}, got ${actual}. ` +
        `It was damaged on the way or changed meanwhile: try again.`,
    );
  }
  renameSync(incomplete, target);
  fsyncDirectory(dirname(target));
}

/** Fetches the rest of a file and returns the hash of the whole. */
async function fetchAll(
  download: BlobDownload,
  path: string,
  settings: HubSettings,
): Promise<string | undefined> {
  const file = await open(path, "a");
  try {
    const state: PartialFile = { file, done: 0, hash: newHash(download) };
    await hashExisting(state, path, download);
    for (let failures = 0; state.done < download.size;) {
      const before = state.done;
      try {
        await fetchRest(state, download, settings);
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        failures = state.done > before ? 0 : failures + 1;
        if (failures > settings.maxRetries) throw error;
        await sleep(retryDelayMs(settings, failures));
      }
    }
    await file.sync();
    return state.hash?.digest("hex");
  } catch (error) {
    throw asDiskError(error, download);
  } finally {
    await file.close();
  }
}

interface PartialFile {
  file: FileHandle;
  /** Bytes in the file. */
  done: number;
  hash: Hash | undefined;
}

async function hashExisting(state: PartialFile, path: string, { onBytes }: BlobDownload): Promise<void> {
  if ((await state.file.stat()).size === 0) return;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    state.hash?.update(chunk);
    state.done += chunk.length;
  }
  onBytes(state.done);
}

async function fetchRest(state: PartialFile, download: BlobDownload, settings: HubSettings): Promise<void> {
  const { address, size } = download;
  const url = fileUrl(settings, address);
  const { status, headers, body } = await sendToHub({ method: "GET", url, offset: state.done }, settings);
  try {
    if (status !== 200 && status !== 206) throw refusal(address, { status, headers }, settings);
    if (status === 206 && !headers["content-range"]?.startsWith(`bytes ${state.done}-`)) {
      throw unreachable(settings, `another part of ${address.file} than was asked for`);
    }
    if (status === 200 && state.done > 0) await restart(state, download); // this server sends whole files alone
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (state.done + chunk.length > size) {
        throw new HubError(
          "hub_damaged",
          `${address.repo}: ${address.file} must have ${size} bytes, got more. It changed meanwhile: try again.`,
        );
      }
      await writeAll(state.file, chunk);
      state.hash?.update(chunk);
      state.done += chunk.length;
      download.onBytes(state.done);
    }
    if (state.done < size) throw unreachable(settings, `${state.done} of ${size} bytes of ${address.file}`);
  } catch (error) {
    if (error instanceof HubError || isDiskError(error)) throw error;
    throw unreachable(settings, `"${reasonOf(error)}" after ${state.done} of ${size} bytes`, error);
  } finally {
    body.destroy();
  }
}

async function restart(state: PartialFile, download: BlobDownload): Promise<void> {
  await state.file.truncate(0);
  state.done = 0;
  state.hash = newHash(download);
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await file.write(bytes, written)).bytesWritten;
  }
}

// large files are named by their SHA-256, small ones as git names a blob; a mirror may have names of its own
function newHash({ etag, size }: BlobDownload): Hash | undefined {
  if (/^[0-9a-f]{64}$/u.test(etag)) return createHash("sha256");
  if (/^[0-9a-f]{40}$/u.test(etag)) return createHash("sha1").update(`blob ${size}\0`);
  return undefined;
}

function expectedHash(download: BlobDownload): string | undefined {
  return newHash(download) === undefined ? undefined : download.etag;
}

async function checkDiskSpace({ address, size }: BlobDownload, incomplete: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(incomplete));
  const missing = size - (statSync(incomplete, { throwIfNoEntry: false })?.size ?? 0);
  if (missing > bavail * bsize) {
    throw diskFull(
      address,
      dirname(incomplete),
      `${megabytes(missing)} to write, ${megabytes(bavail * bsize)} free`,
    );
  }
}

function asDiskError(error: unknown, { address, target }: BlobDownload): unknown {
  if (!isDiskError(error)) return error;
  return diskFull(address, dirname(target), `"${(error as Error).message}"`, error);
}

function isDiskError(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EFBIG"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function diskFull({ repo, file }: FileAddress, folder: string, got: string, cause?: unknown): HubError {
  return new HubError(
    "hub_disk",
    `${repo}: ${folder} must have room for ${file}, got ${got}. Make room, or set HF_HOME to a larger disk.`,
    { cause },
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
