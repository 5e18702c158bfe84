// Large files that are stored once, however many artifacts hold them: artifacts are hard links to files that are named
// by their content. Nothing else knows of the pool, so whoever reads or deletes artifacts, Python's MLflow included, sees
// plain files.
import { createHash } from "node:crypto";
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { partialPath, sha256File } from "../../base/index.ts";
import { isLocalPlace, localPath } from "./uri.ts";

const smallestBytes = 1 << 20; // below it a link saves less than it costs to read the file
const folderName = ".blobs";

/** Shares the files of one folder's artifacts. */
export class BlobPool {
  readonly folder: string;

  /** Takes the folder around all artifacts that may share files; the pool is a folder in it, made when it is needed. */
  constructor(root: string) {
    this.folder = join(root, folderName);
  }

  /** Returns the pool that runs of one experiment share, or undefined for a run that is elsewhere. */
  static ofRun({ runId, artifactUri }: { runId: string; artifactUri: string }): BlobPool | undefined {
    if (!isLocalPlace(artifactUri)) return undefined;
    const path = localPath(artifactUri);
    const runFolder = dirname(path);
    if (basename(path) !== "artifacts" || basename(runFolder) !== runId) return undefined;
    return new BlobPool(dirname(runFolder));
  }

  /**
   * Makes a file that is about to become an artifact a link to the equal one of the pool, or puts it there. Where links
   * are not possible the file stays what it is. Nobody may write to it in place from now on.
   */
  share(file: string): void {
    const { size } = statSync(file);
    if (size < smallestBytes) return;
    const digest = sha256(file);
    const blob = join(this.folder, digest);
    this.#link(file, blob, sizeOf(blob) === size && sha256(blob) === digest);
  }

  /** Does the same for a file whose SHA-256 is known, and lets other work go on meanwhile. */
  async shareHashed(file: string, digest: string): Promise<void> {
    const { size } = statSync(file);
    if (size < smallestBytes) return;
    const blob = join(this.folder, digest);
    this.#link(file, blob, sizeOf(blob) === size && (await sha256File(blob)) === digest);
  }

  /** A file of the pool may have been changed in place through one of its links, so it is read before it is trusted. */
  #link(file: string, blob: string, isWhole: boolean): void {
    const spare = partialPath(file);
    const [from, to] = isWhole ? [blob, file] : [file, blob];
    try {
      mkdirSync(this.folder, { recursive: true });
      linkSync(from, spare);
      renameSync(spare, to);
    } catch {
      // another file system, one without links, or too many links to one file
    } finally {
      rmSync(spare, { force: true }); // also where both names were links to one file, and renaming did nothing
    }
  }

  /** Removes the files that no artifact holds any more, and returns their bytes. */
  sweep(): number {
    let bytes = 0;
    for (const name of namesIn(this.folder)) {
      const blob = join(this.folder, name);
      const status = statSync(blob, { throwIfNoEntry: false });
      if (status === undefined || status.nlink > 1) continue;
      rmSync(blob, { force: true }); // another process may sweep too
      bytes += status.size;
    }
    try {
      rmdirSync(this.folder);
    } catch {
      // there is none, or it is in use
    }
    return bytes;
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no large file was stored yet
  }
}

function sha256(file: string): string {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(4 << 20);
  const descriptor = openSync(file, "r");
  try {
    for (let count = -1; count !== 0;) {
      count = readSync(descriptor, chunk);
      hash.update(chunk.subarray(0, count));
    }
  } finally {
    closeSync(descriptor);
  }
  return hash.digest("hex");
}
