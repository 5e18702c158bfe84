// Artifacts of a run in a local folder. Every path that comes from outside is checked before it is used.
import {
  type Stats,
  closeSync,
  constants,
  copyFileSync,
  createReadStream,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { Readable } from "node:stream";
import { TrackingError, isPartial, partialPath, writeFileAtomic } from "../../base/index.ts";
import { checkArtifactPath, normalize, plainName, unsafe } from "./artifact-path.ts";
import type { BlobPool } from "./blob-pool.ts";
import { receiveFile } from "./receive-file.ts";
import { noSuchArtifact } from "./repository.ts";
import type { ArtifactInfo, ArtifactStat, ArtifactStorage, ByteRange, ReceiveOptions } from "./repository.ts";
import { localPath, localUri } from "./uri.ts";

const maxOpenTries = 10;

/** Says how files come into the artifacts. */
export interface CopyOptions {
  /**
   * Whether files on the same file system share their bytes with the source (a hard link) instead of being copied, and
   * large ones with equal artifacts. Only for sources that nobody writes to any more. @default false
   */
  link?: boolean;
}

/** Says what else is in the folder of artifacts. */
export interface LocalArtifactOptions {
  /** Where large files that are equal are stored once. @default nowhere */
  pool?: BlobPool | undefined;
  /** Folders of the server's own, named in lower case, which are no artifacts. @default [] */
  hidden?: readonly string[];
}

/** Stores and reads artifacts under one folder. Paths are relative to it and never lead out of it. */
export class LocalArtifactRepository implements ArtifactStorage {
  readonly uri: string;
  readonly root: string;
  readonly #pool: BlobPool | undefined;
  readonly #hidden: readonly string[];

  /** Takes the `artifactUri` of a run, or a folder. */
  constructor(uri: string, { pool, hidden = [] }: LocalArtifactOptions = {}) {
    this.uri = uri;
    this.root = localPath(uri);
    this.#pool = pool;
    this.#hidden = pool === undefined ? hidden : [pool.folder, ...hidden];
  }

  /** Writes bytes or text, over what is there. */
  writeFile(artifactPath: string, content: string | Uint8Array): void {
    explained(artifactPath, () => writeFileAtomic(this.resolve(artifactPath), content));
  }

  /** Copies a file; the artifact has the file's name unless `artifactPath` says another. */
  logFile(file: string, artifactPath: string = basename(file), options: CopyOptions = {}): void {
    explained(artifactPath, () => this.#copy(file, this.resolve(artifactPath), options));
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
      explained(artifactPath, () => this.#copy(real, this.resolve(`${artifactPath}/${relative}`), options));
    }
  }

  /** Lists a folder, not what is below it; a file or a missing folder has no entries, as in MLflow. */
  list(artifactPath = ""): ArtifactInfo[] {
    const folder = artifactPath === "" ? this.root : this.resolve(artifactPath);
    if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
    const prefix = artifactPath === "" ? "" : `${normalize(artifactPath)}/`;
    return readdirSync(folder)
      .filter((name) => !isPartial(name) && !this.#hides(join(folder, name)))
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

  /** Returns size and tag of a file, or undefined where there is none. */
  stat(artifactPath: string): ArtifactStat | undefined {
    const status = statSync(this.resolve(artifactPath), { throwIfNoEntry: false });
    if (status === undefined || !status.isFile()) return undefined;
    const { size, mtimeMs, ino } = status; // a file that takes another's place has a number of its own
    return { size, tag: [size, Math.trunc(mtimeMs), ino].map((part) => part.toString(36)).join("-") };
  }

  open(artifactPath: string, range?: ByteRange): Readable {
    return createReadStream("", { fd: this.#openInside(artifactPath), ...range });
  }

  /** Reads a file. */
  readFile(artifactPath: string): Buffer {
    const file = this.#openInside(artifactPath);
    try {
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  }

  async receive(
    artifactPath: string,
    body: AsyncIterable<Uint8Array>,
    options: ReceiveOptions = {},
  ): Promise<void> {
    try {
      await receiveFile(body, this.resolve(artifactPath), options, this.#pool);
    } catch (error) {
      throw explainFault(error, artifactPath);
    }
  }

  child(artifactPath: string): LocalArtifactRepository {
    return new LocalArtifactRepository(localUri(this.resolve(artifactPath)), {
      pool: this.#pool,
      hidden: this.#hidden,
    });
  }

  /** Removes a file, or a folder with all below it; links in it are removed, not followed. */
  delete(artifactPath?: string): void {
    rmSync(artifactPath === undefined ? this.root : this.resolve(artifactPath), {
      recursive: true,
      force: true,
    });
    this.#pool?.sweep();
  }

  /** Returns the place of an artifact on disk, whether it is there or not; a path that leads outside throws. */
  resolve(artifactPath: string): string {
    const target = join(this.root, checkArtifactPath(artifactPath));
    if (this.#hides(target)) {
      throw unsafe(artifactPath, "it is the place of files that the server keeps for itself");
    }
    // the deepest part that exists must lie inside, wherever links lead
    let existing = target;
    while (!existsSync(existing) && !isLink(existing) && existing !== this.root) existing = dirname(existing);
    if (existing !== this.root && this.#statusInside(existing) === undefined) {
      throw unsafe(artifactPath, "it leads out of the artifact folder through a link");
    }
    return target;
  }

  /** Tells whether a path leads to what the server keeps, on a disk too that takes several spellings of a name for one. */
  #hides(path: string): boolean {
    return this.#hidden.some((folder) => {
      const [first = ""] = relative(dirname(folder), path).split(sep);
      return plainName(first) === basename(folder);
    });
  }

  #copy(source: string, target: string, { link = false }: CopyOptions): void {
    if (resolve(source) === target) return;
    mkdirSync(dirname(target), { recursive: true });
    // a neighbour and a rename: a crash leaves no half, and a file that shares its bytes with the target keeps them
    const temporary = partialPath(target);
    try {
      if (!link || !tryLink(source, temporary)) copyFileSync(source, temporary);
      if (link) this.#pool?.share(temporary);
      renameSync(temporary, target);
    } finally {
      rmSync(temporary, { force: true }); // also when both names were links to one file, where rename does nothing
    }
  }

  /** Opens a file for reading. Links may change after they were checked, so what was opened is compared with what is inside. */
  #openInside(artifactPath: string): number {
    for (let tries = 0; tries < maxOpenTries; tries++) {
      const path = this.resolve(artifactPath);
      if (this.stat(artifactPath) === undefined) throw noSuchArtifact(artifactPath, this.root);
      const file = openIfThere(path);
      if (file === undefined) continue;
      const [opened, inside] = [fstatSync(file), this.#statusInside(path)];
      if (opened.isFile() && opened.ino === inside?.ino && opened.dev === inside.dev) return file;
      closeSync(file); // or a new version took its place meanwhile
    }
    throw unsafe(artifactPath, "what it names changes again and again");
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

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe would block
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
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
    throw explainFault(error, artifactPath);
  }
}

const faultsOfTheName = new Set(["ENAMETOOLONG", "ENOTDIR", "EEXIST", "EISDIR", "EINVAL"]);

/** Says what a fault of the file system means for an artifact; other errors stay as they are. */
export function explainFault(error: unknown, artifactPath: string): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const isName = faultsOfTheName.has((error as NodeJS.ErrnoException).code ?? "");
  const [remedy, code] = isName
    ? ["Give it another name.", "INVALID_PARAMETER_VALUE"]
    : ["Check the file, the rights of the artifact folder, and the free space.", "TEMPORARILY_UNAVAILABLE"];
  const [what] = error.message.split(","); // the rest names places of this machine
  return new TrackingError(`artifact "${artifactPath}": it cannot be stored (${what}). ${remedy}`, {
    code,
    cause: error,
  });
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false; // there is nothing, or it would be below a file
  }
}
