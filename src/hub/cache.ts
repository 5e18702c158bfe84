// The cache folder that Python's huggingface_hub shares: models--OWNER--NAME/{blobs,refs,snapshots/COMMIT}.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { writeFileAtomic } from "../base/index.ts";

/** Finds and places the files of one repository in the cache. */
export class RepoCache {
  readonly folder: string;
  readonly #lockFolder: string;

  constructor(cacheFolder: string, repo: string) {
    const name = `models--${repo.replaceAll("/", "--")}`;
    this.folder = join(cacheFolder, name);
    this.#lockFolder = join(cacheFolder, ".locks", name);
  }

  /** Returns the commit that a branch or tag pointed to when it was last asked for; a commit is itself. */
  commitOf(revision: string): string | undefined {
    if (isCommit(revision)) return revision;
    try {
      return readFileSync(this.#ref(revision), "utf8").trim() || undefined;
    } catch {
      return undefined;
    }
  }

  /** Notes which commit a branch or tag points to. */
  setCommit(revision: string, commit: string): void {
    if (this.commitOf(revision) !== commit) writeFileAtomic(this.#ref(revision), commit);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /** Returns the lock file for downloading a blob. Python's is another: it locks through the kernel, by `flock`. */
  lock(etag: string): string {
    return join(this.#lockFolder, `${etag}.sconce.lock`);
  }

  /** Tells whether a commit's file is there, whole; `size` in bytes where it is known. */
  has(commit: string, file: string, size?: number): boolean {
    return hasFile(join(this.snapshot(commit), file), size);
  }

  hasBlob(etag: string, size: number): boolean {
    return hasFile(this.blob(etag), size);
  }

  /** Tells whether the hub was asked for a commit's file and had none. */
  isMissing(commit: string, file: string): boolean {
    return existsSync(this.#missing(commit, file));
  }

  setMissing(commit: string, file: string): void {
    const path = this.#missing(commit, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  }

  /** Makes a blob a file of a commit's snapshot: a symbolic link, or a copy where the disk has none. */
  place(etag: string, commit: string, file: string): void {
    const path = join(this.snapshot(commit), file);
    const temporary = `${path}.${process.pid}.tmp`;
    mkdirSync(dirname(path), { recursive: true });
    rmSync(temporary, { force: true });
    try {
      symlinkSync(relative(dirname(path), this.blob(etag)), temporary);
    } catch {
      copyFileSync(this.blob(etag), temporary);
    }
    renameSync(temporary, path);
  }

  #ref(revision: string): string {
    return join(this.folder, "refs", revision);
  }

  #missing(commit: string, file: string): string {
    return join(this.folder, ".no_exist", commit, file);
  }
}

/** Tells whether a revision is a full commit hash, which never points elsewhere. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/u.test(revision);
}

/** Marks the cache for backup programs, which leave such folders out (bford.info/cachedir). */
export function tagCacheFolder(cacheFolder: string): void {
  const path = join(cacheFolder, "CACHEDIR.TAG");
  mkdirSync(cacheFolder, { recursive: true });
  if (!existsSync(path)) writeFileSync(path, "Signature: 8a477f597d28d172789f06886806bc55\n");
}

function hasFile(path: string, size: number | undefined): boolean {
  const entry = statSync(path, { throwIfNoEntry: false });
  return entry?.isFile() === true && (size === undefined || entry.size === size);
}
