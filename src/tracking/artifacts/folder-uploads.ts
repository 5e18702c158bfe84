// Files that come in parts into a folder of artifacts. Parts wait in a hidden folder beside the artifacts, each a file
// that is named by its number and its SHA-256, so that they outlast the server; the artifact is there as a whole, or not
// at all. S3 does the same for buckets: ./s3.ts.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { TrackingError, writeFileAtomic } from "../../base/index.ts";
import { invalid } from "../validation.ts";
import { type LocalArtifactRepository, explainFault } from "./local.ts";
import { receiveInto } from "./receive-file.ts";
import { checkSize } from "./repository.ts";
import type { MultipartUpload, MultipartUploads, ReceiveOptions, UploadedPart } from "./repository.ts";

/** Where parts are sent, below the server's address. */
export const partsPath = "api/2.0/mlflow-artifacts/mpu/parts";

/** The header in which a part brings the token of its upload. */
export const uploadTokenHeader = "X-Sconce-Upload-Token";

const dayMs = 24 * 60 * 60 * 1000;

/** Says what is asked of uploads. */
export interface FolderUploadsOptions {
  /** Longest file in bytes. @default no limit */
  maxBytes?: number;
  /** How long an upload in which nothing moves is kept, in ms. @default 24 hours */
  keptMs?: number;
}

/** Is what is known of an upload, on disk beside its parts. */
interface UploadRecord {
  artifactPath: string;
  partCount: number;
  /** SHA-256 of the token that parts must bring: who reads the folder cannot send. */
  tokenHash: string;
  /** What the file was made of, once it was. */
  made?: readonly UploadedPart[];
}

/** Takes parts of files, and makes the files of them, for a folder of artifacts. */
export class FolderUploads implements MultipartUploads {
  readonly #storage: LocalArtifactRepository;
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #keptMs: number;
  readonly #joining = new Map<string, Promise<void>>();

  /** Takes the artifacts, whose `hidden` folders include `FolderUploads.folderIn(root)`. */
  constructor(
    storage: LocalArtifactRepository,
    { maxBytes = Infinity, keptMs = dayMs }: FolderUploadsOptions = {},
  ) {
    this.#storage = storage;
    this.#folder = FolderUploads.folderIn(storage.root);
    this.#maxBytes = maxBytes;
    this.#keptMs = keptMs;
  }

  /** Returns the folder of the parts of all uploads into a folder of artifacts. */
  static folderIn(root: string): string {
    return join(root, ".uploads");
  }

  /** Begins a file; the addresses of its parts are relative to the server's. */
  async createMultipartUpload(artifactPath: string, partCount: number): Promise<MultipartUpload> {
    this.#storage.resolve(artifactPath); // throws for a path that leads out
    const uploadId = randomBytes(16).toString("hex");
    const token = randomBytes(32).toString("base64url");
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      mkdirSync(this.#place(uploadId), { mode: 0o700 });
      this.#write(uploadId, { artifactPath, partCount, tokenHash: sha256(token) });
    } catch (error) {
      throw explainFault(error, artifactPath);
    }
    const headers = { [uploadTokenHeader]: token };
    const parts = Array.from({ length: partCount }, (_, index) => ({
      partNumber: index + 1,
      url: `${partsPath}/${uploadId}/${index + 1}`,
      headers,
    }));
    return { uploadId, parts };
  }

  /** Returns the artifact that an upload is to become, for whoever has its token; all others hear that there is none. */
  targetOf(uploadId: string, token: string): string {
    const { artifactPath, tokenHash } = this.#read(uploadId);
    if (!timingSafeEqual(Buffer.from(sha256(token)), Buffer.from(tokenHash))) throw noSuchUpload(uploadId);
    return artifactPath;
  }

  /** Stores a part, and returns its ETag. A part that is sent again takes none away: complete names which it means. */
  async receivePart(
    uploadId: string,
    partNumber: number,
    { body, ...options }: ReceiveOptions & { body: AsyncIterable<Uint8Array> },
  ): Promise<string> {
    const { artifactPath, partCount } = this.#read(uploadId);
    if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > partCount) {
      throw invalid(`part: its number must be between 1 and ${partCount}, got ${partNumber}.`);
    }
    let etag = "";
    const limits = { ...options, maxBytes: this.#maxBytes };
    try {
      await receiveInto(this.#place(uploadId), body, limits, (_, sha256) => {
        etag = sha256;
        return this.#part(uploadId, { partNumber, etag });
      });
    } catch (error) {
      throw explainFault(error, artifactPath);
    }
    return etag;
  }

  /** Makes the artifact of all parts, each read anew and compared with its ETag. To ask again is no error. */
  async completeMultipartUpload(
    artifactPath: string,
    uploadId: string,
    parts: readonly UploadedPart[],
  ): Promise<void> {
    while (this.#joining.has(uploadId)) await this.#joining.get(uploadId)!.catch(() => {}); // the first is answered so
    const record = this.#readFor(artifactPath, uploadId);
    const named = parts
      .map(({ partNumber, etag }) => ({ partNumber, etag: etag.replace(/^"(.*)"$/, "$1") }))
      .sort((a, b) => a.partNumber - b.partNumber);
    if (record.made !== undefined) {
      if (JSON.stringify(record.made) === JSON.stringify(named)) return;
      throw invalid(`upload ${uploadId}: "${artifactPath}" was made already, of other parts.`);
    }
    const joining = this.#join(uploadId, record, named);
    this.#joining.set(uploadId, joining);
    try {
      await joining;
    } finally {
      this.#joining.delete(uploadId);
    }
  }

  async abortMultipartUpload(artifactPath: string, uploadId: string): Promise<void> {
    this.#readFor(artifactPath, uploadId);
    rmSync(this.#place(uploadId), { recursive: true, force: true });
  }

  /** Removes the uploads in which nothing has moved for long, and what is left of those that were made. */
  sweep(now = Date.now()): void {
    for (const uploadId of namesIn(this.#folder)) {
      const place = this.#place(uploadId);
      const files = [place, ...namesIn(place).map((name) => join(place, name))];
      const newest = Math.max(
        ...files.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0),
      );
      if (this.#joining.has(uploadId) || now - newest < this.#keptMs) continue;
      rmSync(place, { recursive: true, force: true });
    }
  }

  async #join(uploadId: string, record: UploadRecord, parts: readonly UploadedPart[]): Promise<void> {
    const { artifactPath, partCount } = record;
    const isWhole = parts.length === partCount && parts.every(({ partNumber }, i) => partNumber === i + 1);
    if (!isWhole) {
      throw invalid(
        `upload ${uploadId}: each of its ${partCount} parts must be named once, got ${parts.length} ` +
          `(${parts.map(({ partNumber }) => partNumber).slice(0, 20)}).`,
      );
    }
    const files = parts.map((part) => this.#part(uploadId, part));
    const sizes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.size);
    const missing = sizes.indexOf(undefined);
    if (missing >= 0) {
      throw invalid(`upload ${uploadId}: part ${missing + 1} has not come with that ETag. Send it again.`);
    }
    const size = sizes.reduce<number>((sum, bytes) => sum + bytes!, 0);
    checkSize(size, { maxBytes: this.#maxBytes });
    await this.#storage.receive(artifactPath, joined(uploadId, files, parts), { size });
    // from here on the artifact is there; what follows is tidying, and a crash leaves it to the sweep
    this.#write(uploadId, { ...record, made: parts });
    for (const name of namesIn(this.#place(uploadId))) {
      if (name !== recordName) rmSync(join(this.#place(uploadId), name), { force: true });
    }
  }

  #place(uploadId: string): string {
    return join(this.#folder, uploadId);
  }

  #part(uploadId: string, { partNumber, etag }: UploadedPart): string {
    if (!/^[0-9a-f]{64}$/.test(etag)) {
      throw invalid(`upload ${uploadId}: part ${partNumber}: "${etag.slice(0, 80)}" is no ETag of a part.`);
    }
    return join(this.#place(uploadId), `${partNumber}-${etag}`);
  }

  #write(uploadId: string, record: UploadRecord): void {
    writeFileAtomic(join(this.#place(uploadId), recordName), JSON.stringify(record));
  }

  #read(uploadId: string): UploadRecord {
    if (!/^[0-9a-f]{32}$/.test(uploadId)) throw noSuchUpload(uploadId);
    try {
      return JSON.parse(readFileSync(join(this.#place(uploadId), recordName), "utf8")) as UploadRecord;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") throw noSuchUpload(uploadId);
      throw error;
    }
  }

  /** Reads the record of an upload into a path: who may write elsewhere has no say in it. */
  #readFor(artifactPath: string, uploadId: string): UploadRecord {
    const record = this.#read(uploadId);
    if (this.#storage.resolve(artifactPath) === this.#storage.resolve(record.artifactPath)) return record;
    throw noSuchUpload(uploadId);
  }
}

const recordName = "upload.json";

/** Yields the bytes of parts one after the other; a part that is not what came throws at its end. */
async function* joined(
  uploadId: string,
  files: readonly string[],
  parts: readonly UploadedPart[],
): AsyncIterable<Uint8Array> {
  for (const [index, { partNumber, etag }] of parts.entries()) {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(files[index]!, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      yield chunk as Buffer;
    }
    if (hash.digest("hex") === etag) continue;
    throw new TrackingError(
      `upload ${uploadId}: part ${partNumber} has changed on the server's disk since it came. Send the file again.`,
      { code: "INTERNAL_ERROR" },
    );
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // nothing came in parts yet, or it went meanwhile
  }
}

function noSuchUpload(uploadId: string): TrackingError {
  return new TrackingError(`upload "${uploadId.slice(0, 80)}": there is none. Begin the file anew.`, {
    code: "RESOURCE_DOES_NOT_EXIST",
  });
}
