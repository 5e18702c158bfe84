// Which folders of this machine the server shows and fills: its destination, and the roots that it was told of.
import { realpathSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { TrackingError, UsageError } from "../../base/index.ts";
import { LocalArtifactRepository, checkArtifactPath } from "../artifacts/local.ts";
import { localPath, localUri } from "../artifacts/uri.ts";
import { schemeOf } from "./locations.ts";

/** Says where artifacts are. */
export interface ArtifactFolderOptions {
  /** Where `mlflow-artifacts:/path` is: what clients send through the server. */
  destination: string;
  /** Other folders in which runs keep artifacts that the server may show. @default [] */
  roots?: readonly string[];
}

/** Opens stored locations, and no others. */
export class ArtifactFolders {
  /** What `mlflow-artifacts:/` means. */
  readonly proxied: LocalArtifactRepository;
  readonly #roots: readonly string[];

  constructor({ destination, roots = [] }: ArtifactFolderOptions) {
    this.proxied = new LocalArtifactRepository(localUri(destination));
    this.#roots = [this.proxied.root, ...roots];
  }

  /**
   * Returns the repository of a location that a run or model has in the store. It was checked when it was stored, and
   * is checked again: others write to the store too.
   */
  repository(uri: string): LocalArtifactRepository {
    const scheme = schemeOf(uri);
    if (scheme === "mlflow-artifacts")
      return new LocalArtifactRepository(this.proxied.resolve(proxiedPath(uri)));
    if (scheme !== undefined && scheme !== "file") {
      throw new TrackingError(
        `artifacts: the server cannot read ${scheme}: itself. Read "${uri}" with a client of it.`,
        {
          code: "NOT_IMPLEMENTED",
        },
      );
    }
    const folder = localPath(uri);
    if (this.#roots.some((root) => isWithin(folder, root))) return new LocalArtifactRepository(folder);
    throw new TrackingError(
      `artifacts: "${uri}" is outside of the folders that this server shows. Start it with --artifacts-root for that folder.`,
      { code: "PERMISSION_DENIED" },
    );
  }
}

/** Refuses a destination in which the store itself stands: clients could write over its files. */
export function checkDestination(destination: string, storeUri: string): void {
  const [, scheme, path] = /^(file:\/\/|sqlite:\/\/\/)(.+)$/.exec(storeUri) ?? [];
  if (path === undefined) return;
  const place = scheme === "file://" ? localPath(storeUri) : path;
  if (!isWithin(place, destination)) return;
  throw new UsageError(
    `artifacts: the destination must not hold the store, but ${place} is in ${destination}, where clients write. Choose ` +
      "another folder (--artifacts-destination).",
  );
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
