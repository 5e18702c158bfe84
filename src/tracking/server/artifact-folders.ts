// Which places the server shows and fills: its destination, and the roots that it was told of.
import { realpathSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { TrackingError, UsageError } from "../../base/index.ts";
import { checkArtifactPath } from "../artifacts/artifact-path.ts";
import { BlobPool } from "../artifacts/blob-pool.ts";
import { FolderUploads, type FolderUploadsOptions } from "../artifacts/folder-uploads.ts";
import { LocalArtifactRepository } from "../artifacts/local.ts";
import { type ArtifactStorage, hasDirectTransfers } from "../artifacts/repository.ts";
import { S3ArtifactRepository } from "../artifacts/s3.ts";
import { isLocalPlace, localPath, localUri, schemeOf } from "../artifacts/uri.ts";

/** Says where artifacts are. */
export interface ArtifactFolderOptions {
  /**
   * Where `mlflow-artifacts:/path` is, what clients send through the server: a folder or `s3://bucket/prefix`.
   * @default nowhere: clients reach the artifacts themselves
   */
  destination?: string;
  /** Other folders, or prefixes of buckets, in which runs keep artifacts that the server may show. @default [] */
  roots?: readonly string[];
}

/** Opens stored locations, and no others. */
export class ArtifactFolders {
  /** Takes parts of files for the server's own folder; undefined where the destination is none. */
  readonly uploads: FolderUploads | undefined;
  readonly #proxied: ArtifactStorage | undefined;
  readonly #roots: readonly string[];

  constructor({ destination, roots = [] }: ArtifactFolderOptions, uploads: FolderUploadsOptions = {}) {
    const own = destination === undefined ? [] : [destination];
    this.#roots = [...own, ...roots].map(localUri);
    const storage = destination === undefined ? undefined : sharingStorageAt(localUri(destination));
    this.#proxied = storage;
    this.uploads =
      storage instanceof LocalArtifactRepository ? new FolderUploads(storage, uploads) : undefined;
  }

  /** Whether clients can send the server files in parts. */
  get takesParts(): boolean {
    return this.uploads !== undefined || this.signsAddresses;
  }

  /** Whether clients can reach the server's artifacts in a bucket by addresses that it signs. */
  get signsAddresses(): boolean {
    return this.#proxied !== undefined && hasDirectTransfers(this.#proxied);
  }

  /** What `mlflow-artifacts:/` means. */
  get proxied(): ArtifactStorage {
    if (this.#proxied !== undefined) return this.#proxied;
    throw new TrackingError(
      "artifacts: this server takes none itself (--no-serve-artifacts). Start it with --serve-artifacts.",
      { code: "TEMPORARILY_UNAVAILABLE" },
    );
  }

  /**
   * Returns the repository of a location that a run or model has in the store. It was checked when it was stored, and
   * is checked again: others write to the store too.
   */
  repository(uri: string): ArtifactStorage {
    const scheme = schemeOf(uri);
    if (scheme === "mlflow-artifacts") return this.proxied.child(proxiedPath(uri));
    if (!isLocalPlace(uri) && scheme !== "s3") {
      throw new TrackingError(
        `artifacts: the server cannot read ${scheme}: itself. Read "${uri}" with a client of it.`,
        {
          code: "NOT_IMPLEMENTED",
        },
      );
    }
    if (this.#roots.some((root) => isInPlace(uri, root))) return storageAt(uri);
    throw new TrackingError(
      `artifacts: "${uri}" is outside of the places that this server shows. Start it with --artifacts-root for that place.`,
      { code: "PERMISSION_DENIED" },
    );
  }
}

function sharingStorageAt(uri: string): LocalArtifactRepository | S3ArtifactRepository {
  if (!isLocalPlace(uri)) return new S3ArtifactRepository(uri);
  const root = localPath(uri);
  return new LocalArtifactRepository(uri, {
    pool: new BlobPool(root),
    hidden: [FolderUploads.folderIn(root)],
  });
}

function storageAt(uri: string): ArtifactStorage {
  return isLocalPlace(uri) ? new LocalArtifactRepository(uri) : new S3ArtifactRepository(uri);
}

/** Tells whether one place lies in another of its kind. */
function isInPlace(uri: string, root: string): boolean {
  if (isLocalPlace(uri) !== isLocalPlace(root)) return false;
  if (isLocalPlace(uri)) return isWithin(localPath(uri), localPath(root));
  return `${uri}/`.startsWith(root.replace(/\/*$/, "/")) && !uri.split("/").includes("..");
}

/** Refuses a destination in which the store itself stands, or that is a part of it: clients could write its files. */
export function checkDestination(destination: string, storeUri: string): void {
  if (!isLocalPlace(destination)) return;
  const [, scheme, path] = /^(file:\/\/|sqlite:\/\/\/)(.+)$/.exec(storeUri) ?? [];
  if (path === undefined) return;
  const place = scheme === "file://" ? localPath(storeUri) : path;
  const folder = localPath(localUri(destination));
  if (isWithin(place, folder)) {
    throw new UsageError(
      `artifacts: the destination must not hold the store, but ${place} is in ${destination}, where clients write. Choose ` +
        "another folder (--artifacts-destination).",
    );
  }
  if (scheme === "file://" && isWithin(folder, place)) {
    throw new UsageError(
      `artifacts: the destination must not be a part of the store, but ${destination} is in ${place}, where each file counts. ` +
        "Choose another folder (--artifacts-destination).",
    );
  }
}

/** Returns the path of `mlflow-artifacts:/path`. */
function proxiedPath(uri: string): string {
  const path = /^mlflow-artifacts:\/(?!\/)(.+)$/is.exec(uri)?.[1];
  if (path !== undefined) return checkArtifactPath(path);
  throw new TrackingError(`artifacts: the location must be mlflow-artifacts:/path, got "${uri}".`, {
    code: "INVALID_PARAMETER_VALUE",
  });
}

/** Tells whether a folder lies in a root, wherever links lead. */
export function isWithin(folder: string, root: string): boolean {
  return `${resolveLinks(folder)}${sep}`.startsWith(`${resolveLinks(root)}${sep}`);
}

/** Resolves links in the part of a path that exists. */
export function resolveLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(resolveLinks(parent), basename(path));
  }
}
