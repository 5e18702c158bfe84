// From a repository to a folder of this machine.
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { TrackingError, partialPath, writeFileAtomic } from "../../base/index.ts";
import { LocalArtifactRepository } from "./local.ts";
import { noSuchArtifact } from "./repository.ts";
import type { ArtifactRepository } from "./repository.ts";

const tagsFile = ".sconce-download.json";
const deepest = 100;

/**
 * Downloads a file, or a folder with all below it, into `folder`, which keeps the paths. A file whose content is there
 * already, by the tag that the repository gave with it, is not downloaded again. What the repository lists cannot lead
 * out of `folder`.
 *
 * @throws TrackingError `RESOURCE_DOES_NOT_EXIST` where nothing has that path
 */
export async function downloadArtifacts(
  repository: ArtifactRepository,
  artifactPath: string,
  folder: string,
): Promise<void> {
  const target = new LocalArtifactRepository(folder);
  const files = await filesBelow(repository, artifactPath);
  if (files.length === 0) throw noSuchArtifact(artifactPath, repository.uri);
  const known = await readTags(target);
  const tags: Record<string, string> = {};
  for (const path of files) {
    const status = await repository.stat(path);
    if (status === undefined) throw noSuchArtifact(path, repository.uri);
    const { size, tag } = status;
    const isThere = tag !== undefined && known[path] === tag && target.stat(path)?.size === size;
    if (!isThere) await downloadFile(repository, path, size, target.resolve(path));
    if (tag !== undefined) tags[path] = tag;
  }
  writeFileAtomic(target.resolve(tagsFile), JSON.stringify({ ...known, ...tags }));
}

/** Returns the files at or below a path, whose folders must lie one in the other as they are asked for. */
async function filesBelow(repository: ArtifactRepository, path: string, depth = 0): Promise<string[]> {
  if (depth > deepest) {
    throw new TrackingError(`artifacts: ${repository.uri} has folders more than ${deepest} deep.`, {
      code: "INVALID_STATE",
    });
  }
  const entries = await repository.list(path);
  if (entries.length === 0 && depth === 0 && path !== "") {
    return (await repository.stat(path)) === undefined ? [] : [path];
  }
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory) files.push(...(await filesBelow(repository, entry.path, depth + 1)));
    else files.push(entry.path);
  }
  return files;
}

async function downloadFile(
  repository: ArtifactRepository,
  path: string,
  size: number,
  file: string,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = partialPath(file);
  try {
    const target = createWriteStream(temporary, { flags: "wx" });
    await pipeline(await repository.open(path), target);
    if (target.bytesWritten !== size) {
      throw new TrackingError(
        `artifact "${path}": ${size} bytes were to come from ${repository.uri}, and ${target.bytesWritten} came. Try again.`,
        { code: "TEMPORARILY_UNAVAILABLE" },
      );
    }
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function readTags(target: LocalArtifactRepository): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(target.resolve(tagsFile), "utf8")) as Record<string, string>;
  } catch {
    return {}; // nothing was downloaded yet, or it was cut off
  }
}
