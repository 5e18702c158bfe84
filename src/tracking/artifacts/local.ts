// Artifacts of a run in a local folder. Every path that comes from outside is checked before it is used.
import {
  type Stats,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { TrackingError, writeFileAtomic } from "../../base/index.ts";
import { localPath } from "./uri.ts";

/** Is an entry of an artifact folder. */
export interface ArtifactInfo {
  /** Relative to the run's artifacts, with `/` between segments. */
  path: string;
  isDirectory: boolean;
  /** Bytes; absent for a folder. */
  size?: number;
}

/** Says how files come into the artifacts. */
export interface CopyOptions {
  /**
   * Whether files on the same file system share their bytes with the source (a hard link) instead of being copied.
   * Only for sources that nobody writes to any more. @default false
   */
  link?: boolean;
}

/** Stores and reads artifacts under one folder. Paths are relative to it and never lead out of it. */
export class LocalArtifactRepository {
  readonly root: string;

  /** Takes the `artifactUri` of a run, or a folder. */
  constructor(uri: string) {
    this.root = localPath(uri);
  }

  /** Writes bytes or text, over what is there. */
  writeFile(artifactPath: string, content: string | Uint8Array): void {
    explained(artifactPath, () => writeFileAtomic(this.resolve(artifactPath), content));
  }

  /** Copies a file; the artifact has the file's name unless `artifactPath` says another. */
  logFile(file: string, artifactPath: string = basename(file), options: CopyOptions = {}): void {
    explained(artifactPath, () => copy(file, this.resolve(artifactPath), options));
  }

  /** Copies a folder's files to `artifactPath`, over what is there. Links in it are followed only to files within. */
  logFolder(folder: string, artifactPath: string, options: CopyOptions = {}): void {
    this.resolve(artifactPath);
    const source = explained(artifactPath, () => realpathSync(folder));
    for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
      if (entry.isDirectory()) continue;
      const file = join(entry.parentPath, entry.name);
      const real = explained(artifactPath, () => realpathSync(file));
      if (!real.startsWith(source + sep)) {
        throw unsafe(file, "it is a link to a place outside of the folder");
      }
      const relative = file
        .slice(source.length + 1)
        .split(sep)
        .join("/");
      explained(artifactPath, () => copy(real, this.resolve(`${artifactPath}/${relative}`), options));
    }
  }

  /** Lists a folder, not what is below it; a file or a missing folder has no entries, as in MLflow. */
  list(artifactPath = ""): ArtifactInfo[] {
    const folder = artifactPath === "" ? this.root : this.resolve(artifactPath);
    if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
    const prefix = artifactPath === "" ? "" : `${normalize(artifactPath)}/`;
    return readdirSync(folder)
      .sort()
      .flatMap((name): ArtifactInfo[] => {
        const status = this.#statusInside(join(folder, name));
        if (status === undefined) return [];
        const path = prefix + name;
        return status.isDirectory()
          ? [{ path, isDirectory: true }]
          : [{ path, isDirectory: false, size: status.size }];
      });
  }

  /** Reads a file. */
  readFile(artifactPath: string): Buffer {
    const file = this.resolve(artifactPath);
    if (!existsSync(file)) {
      throw new TrackingError(
        `artifact "${artifactPath}": it must exist, and ${this.root} does not hold it.`,
        {
          code: "RESOURCE_DOES_NOT_EXIST",
        },
      );
    }
    return readFileSync(file);
  }

  /** Returns the place of an artifact on disk, whether it is there or not; a path that leads outside throws. */
  resolve(artifactPath: string): string {
    const target = join(this.root, checkArtifactPath(artifactPath));
    // the deepest part that exists must lie inside, wherever links lead
    let existing = target;
    while (!existsSync(existing) && !isLink(existing) && existing !== this.root) existing = dirname(existing);
    if (existing !== this.root && this.#statusInside(existing) === undefined) {
      throw unsafe(artifactPath, "it leads out of the artifact folder through a link");
    }
    return target;
  }

  /** Returns the status of an entry, or undefined when it is a link that leads outside or nowhere. */
  #statusInside(path: string): Stats | undefined {
    try {
      const real = realpathSync(path);
      return real.startsWith(realpathSync(this.root) + sep) ? statSync(real) : undefined;
    } catch {
      return undefined; // a link to nothing
    }
  }
}

/** Checks a relative path with `/` between segments and returns it without `./`; all else throws. */
export function checkArtifactPath(artifactPath: string): string {
  if (artifactPath === "") throw unsafe(artifactPath, "it is empty");
  if (/[\0\\]/.test(artifactPath)) throw unsafe(artifactPath, "it holds a backslash or a NUL");
  if (artifactPath.startsWith("/") || /^[a-z][a-z0-9+.-]*:/i.test(artifactPath)) {
    throw unsafe(artifactPath, "it is absolute or a URI");
  }
  // a path may be decoded once more on its way (by a server, by MLflow), so what it would decode to counts as well
  for (const form of decodedForms(artifactPath)) {
    if (/[\0\\]/.test(form) || form.startsWith("/") || form.split("/").includes("..")) {
      throw unsafe(artifactPath, 'it holds ".." or is absolute');
    }
  }
  const path = normalize(artifactPath);
  if (path === "") throw unsafe(artifactPath, "it names the folder itself");
  return path;
}

function normalize(artifactPath: string): string {
  return artifactPath
    .split("/")
    .filter((segment) => segment !== "" && segment !== ".")
    .join("/");
}

function decodedForms(path: string): string[] {
  const forms = [path];
  for (let form = path; forms.length < 10;) {
    const decoded = form.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    if (decoded === form) break;
    forms.push((form = decoded));
  }
  return forms;
}

function copy(source: string, target: string, { link = false }: CopyOptions): void {
  if (resolve(source) === target) return;
  mkdirSync(dirname(target), { recursive: true });
  // a neighbour and a rename: a crash leaves no half, and a file that shares its bytes with the target keeps them
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    if (!link || !tryLink(source, temporary)) copyFileSync(source, temporary);
    renameSync(temporary, target);
  } finally {
    rmSync(temporary, { force: true }); // also when both names were links to one file, where rename does nothing
  }
}

function tryLink(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch {
    return false; // another file system, or one without links
  }
}

function explained<T>(artifactPath: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    throw new TrackingError(
      `artifact "${artifactPath}": it cannot be stored (${error.message}). Check the file, the rights of the ` +
        "artifact folder, and the free space.",
      { code: "TEMPORARILY_UNAVAILABLE", cause: error },
    );
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false; // there is nothing, or it would be below a file
  }
}

function unsafe(path: string, reason: string): TrackingError {
  return new TrackingError(
    `artifact path ${JSON.stringify(path)}: it must be relative and stay inside the run's artifacts, but ${reason}.`,
    { code: "INVALID_PARAMETER_VALUE" },
  );
}
