// Artifacts in a bucket of S3, or of a store that speaks its API.
import { createReadStream, statSync } from "node:fs";
import { basename } from "node:path";
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { TrackingError } from "../../base/index.ts";
import { found } from "../found.ts";
import { checkArtifactPath, isArtifactPath } from "./artifact-path.ts";
import { checkReceived, checkSize, noSuchArtifact } from "./repository.ts";
import type {
  ArtifactInfo,
  ArtifactStat,
  ArtifactStorage,
  ByteRange,
  DirectTransfers,
  MultipartUpload,
  PresignedRequest,
  ReceiveOptions,
  UploadedPart,
} from "./repository.ts";
import { explain, presign, s3Client, sdk, uploadArguments } from "./s3-client.ts";
import type { PresignedCommand } from "./s3-client.ts";

const longestPresignSeconds = 604_800; // what AWS accepts
const deletedAtOnce = 1000;

/** Stores and reads artifacts under `s3://bucket/prefix`. */
export class S3ArtifactRepository implements ArtifactStorage, DirectTransfers {
  readonly uri: string;
  readonly #bucket: string;
  /** Ends with a slash unless it is empty. */
  readonly #prefix: string;

  /** Takes `s3://bucket/prefix`; connects to nothing yet. */
  constructor(uri: string) {
    const [, bucket, path = ""] = /^s3:\/\/([^/?#]+)\/?([^?#]*)$/i.exec(uri) ?? [];
    if (bucket === undefined || path.split("/").includes("..")) {
      throw new TrackingError(`artifacts: a bucket is named by s3://bucket/prefix, got "${uri}".`, {
        code: "INVALID_PARAMETER_VALUE",
      });
    }
    this.uri = uri;
    this.#bucket = bucket;
    const prefix = path.replace(/\/+$/, "");
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
  }

  async list(artifactPath = ""): Promise<ArtifactInfo[]> {
    const below = artifactPath === "" ? "" : `${checkArtifactPath(artifactPath)}/`;
    const entries: ArtifactInfo[] = [];
    const take = (key: string | undefined, rest: Omit<ArtifactInfo, "path">) => {
      const path = key?.slice(this.#prefix.length).replace(/\/$/, "");
      // a key may be anything, and a name that no repository would take is not shown: it could not be read either
      if (path === undefined || !key?.startsWith(this.#prefix + below) || !isArtifactPath(path)) return;
      if (path.length > below.length) entries.push({ path, ...rest });
    };
    for await (const page of this.#pages(this.#prefix + below, "/")) {
      for (const { Prefix } of page.CommonPrefixes ?? []) take(Prefix, { isDirectory: true });
      for (const { Key, Size = 0 } of page.Contents ?? []) {
        if (!Key?.endsWith("/")) take(Key, { isDirectory: false, size: Size }); // else it marks a folder
      }
    }
    return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async stat(artifactPath: string): Promise<ArtifactStat | undefined> {
    const { HeadObjectCommand } = await sdk();
    const command = new HeadObjectCommand(this.#object(artifactPath));
    const head = await found(this.#send((client) => client.send(command)));
    if (head === undefined) return undefined;
    const { ContentLength = 0, ETag } = head;
    return { size: ContentLength, ...(ETag === undefined ? {} : { tag: ETag.replaceAll('"', "") }) };
  }

  async open(artifactPath: string, range?: ByteRange): Promise<Readable> {
    const { GetObjectCommand } = await sdk();
    const command = new GetObjectCommand({
      ...this.#object(artifactPath),
      ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }),
    });
    const { Body } = await this.#send((client) => client.send(command), artifactPath);
    if (Body instanceof Readable) return Body;
    throw noSuchArtifact(artifactPath, this.uri);
  }

  async logFile(file: string, artifactPath: string = basename(file)): Promise<void> {
    const { size } = statSync(file);
    await this.receive(artifactPath, createReadStream(file), { size });
  }

  /** Sends what comes, in parts where it is large; what is cut off leaves nothing. */
  async receive(
    artifactPath: string,
    body: AsyncIterable<Uint8Array>,
    options: ReceiveOptions = {},
  ): Promise<void> {
    checkSize(options.size ?? 0, options);
    const { Upload } = await import("@aws-sdk/lib-storage");
    const params = { ...this.#object(artifactPath), Body: Readable.from(counted(body, options)) };
    await this.#send(async (client) => {
      await new Upload({ client, params: { ...uploadArguments(), ...params } }).done();
    });
  }

  child(artifactPath: string): S3ArtifactRepository {
    return new S3ArtifactRepository(`s3://${this.#bucket}/${this.#prefix}${checkArtifactPath(artifactPath)}`);
  }

  async delete(artifactPath?: string): Promise<void> {
    const { DeleteObjectsCommand } = await sdk();
    const place =
      artifactPath === undefined ? this.#prefix : `${this.#prefix}${checkArtifactPath(artifactPath)}`;
    if (place === "") {
      throw new TrackingError(
        `artifacts: ${this.uri} is a whole bucket, which is not emptied. Name a prefix.`,
        {
          code: "INVALID_PARAMETER_VALUE",
        },
      );
    }
    const keys: string[] = [];
    for await (const { Contents = [] } of this.#pages(place)) {
      // `model` must not take `model-2` with it
      const isInside = (key: string) => key === place || key.startsWith(place.replace(/\/?$/, "/"));
      keys.push(...Contents.flatMap(({ Key }) => (Key !== undefined && isInside(Key) ? [Key] : [])));
    }
    for (let i = 0; i < keys.length; i += deletedAtOnce) {
      const Objects = keys.slice(i, i + deletedAtOnce).map((Key) => ({ Key }));
      const command = new DeleteObjectsCommand({ ...this.#place(), Delete: { Objects, Quiet: true } });
      const { Errors = [] } = await this.#send((client) => client.send(command));
      const [first] = Errors;
      if (first === undefined) continue;
      throw new TrackingError(
        `artifacts: ${Errors.length} files of ${this.uri} stay: "${first.Key}": ${first.Message}`,
        {
          code: "PERMISSION_DENIED",
        },
      );
    }
  }

  async createMultipartUpload(artifactPath: string, partCount: number): Promise<MultipartUpload> {
    const { CreateMultipartUploadCommand, UploadPartCommand } = await sdk();
    const object = this.#object(artifactPath);
    const command = new CreateMultipartUploadCommand({ ...uploadArguments(), ...object });
    const { UploadId = "" } = await this.#send((client) => client.send(command));
    const numbers = Array.from({ length: partCount }, (_, index) => index + 1);
    const parts = numbers.map(async (PartNumber) => ({
      partNumber: PartNumber,
      ...(await this.#presign(new UploadPartCommand({ ...object, UploadId, PartNumber }), 3600)),
    }));
    return { uploadId: UploadId, parts: await Promise.all(parts) };
  }

  async completeMultipartUpload(
    artifactPath: string,
    uploadId: string,
    parts: readonly UploadedPart[],
  ): Promise<void> {
    const { CompleteMultipartUploadCommand } = await sdk();
    const Parts = parts
      .map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag }))
      .sort((a, b) => a.PartNumber - b.PartNumber);
    const command = new CompleteMultipartUploadCommand({
      ...this.#object(artifactPath),
      UploadId: uploadId,
      MultipartUpload: { Parts },
    });
    await this.#send((client) => client.send(command), artifactPath);
  }

  async abortMultipartUpload(artifactPath: string, uploadId: string): Promise<void> {
    const { AbortMultipartUploadCommand } = await sdk();
    const command = new AbortMultipartUploadCommand({ ...this.#object(artifactPath), UploadId: uploadId });
    await this.#send((client) => client.send(command), artifactPath);
  }

  async presignDownload(artifactPath: string, seconds: number): Promise<PresignedRequest & { size: number }> {
    const { GetObjectCommand } = await sdk();
    const status = await this.stat(artifactPath);
    if (status === undefined) throw noSuchArtifact(artifactPath, this.uri);
    // never a page in the bucket's origin, whatever the file says it is
    const ResponseContentDisposition = `attachment; filename*=UTF-8''${encodeURIComponent(basename(artifactPath))}`;
    const command = new GetObjectCommand({ ...this.#object(artifactPath), ResponseContentDisposition });
    return { ...(await this.#presign(command, seconds)), size: status.size };
  }

  async presignUpload(artifactPath: string, seconds: number): Promise<PresignedRequest> {
    const { PutObjectCommand } = await sdk();
    return this.#presign(
      new PutObjectCommand({ ...uploadArguments(), ...this.#object(artifactPath) }),
      seconds,
    );
  }

  async *#pages(prefix: string, delimiter?: string) {
    const { ListObjectsV2Command } = await sdk();
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        ...this.#place(),
        Prefix: prefix,
        ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await this.#send((client) => client.send(command));
      yield page;
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async #presign(command: PresignedCommand, seconds: number): Promise<PresignedRequest> {
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > longestPresignSeconds) {
      throw new TrackingError(
        `expiration: it must be between 1 and ${longestPresignSeconds} seconds, got ${seconds}.`,
        {
          code: "INVALID_PARAMETER_VALUE",
        },
      );
    }
    return { url: await this.#send((client) => presign(client, command, seconds)), headers: {} };
  }

  #place() {
    const owner = process.env["MLFLOW_S3_EXPECTED_BUCKET_OWNER"];
    return { Bucket: this.#bucket, ...(owner ? { ExpectedBucketOwner: owner } : {}) };
  }

  #object(artifactPath: string) {
    return { ...this.#place(), Key: this.#prefix + checkArtifactPath(artifactPath) };
  }

  /** Runs a request, and tells what its failure means. */
  async #send<T>(request: (client: S3Client) => Promise<T>, artifactPath?: string): Promise<T> {
    try {
      return await request(await s3Client());
    } catch (error) {
      throw explain(error, this.uri, artifactPath);
    }
  }
}

async function* counted(body: AsyncIterable<Uint8Array>, options: ReceiveOptions): AsyncIterable<Uint8Array> {
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    checkSize(received, options);
    yield chunk;
  }
  checkReceived(received, options); // throws before the end: what is cut off is not stored
}
