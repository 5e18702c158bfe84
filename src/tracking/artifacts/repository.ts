// What keeps the artifacts of a run or model, wherever they are: a folder, a bucket, a tracking server.
import type { Readable } from "node:stream";
import { TrackingError } from "../../base/index.ts";

/** Is an entry of an artifact folder. */
export interface ArtifactInfo {
  /** Relative to the run's artifacts, with `/` between segments. */
  path: string;
  isDirectory: boolean;
  /** Bytes; absent for a folder. */
  size?: number;
}

/** Describes the content of a file. */
export interface ArtifactStat {
  /** Bytes. */
  size: number;
  /** Changes when the content does; absent where the place knows none. */
  tag?: string;
}

/** Names bytes of a file, both ends included, counted from 0. */
export interface ByteRange {
  start: number;
  end: number;
}

type Awaitable<T> = T | Promise<T>;

/**
 * Keeps files under one place. Paths are relative to it, have `/` between segments, and never lead out of it: one that
 * would throws `INVALID_PARAMETER_VALUE`.
 */
export interface ArtifactRepository {
  /** The place: what `artifactRepository` makes this repository of. */
  readonly uri: string;
  /** Lists a folder by name, not what is below it; a file or a missing folder has no entries, as in MLflow. */
  list(artifactPath?: string): Awaitable<ArtifactInfo[]>;
  /** Returns undefined where there is no such file. */
  stat(artifactPath: string): Awaitable<ArtifactStat | undefined>;
  /** Opens a file, or a part of it; one that is not there throws `RESOURCE_DOES_NOT_EXIST`, here or as it is read. */
  open(artifactPath: string, range?: ByteRange): Awaitable<Readable>;
  /** Stores a file of this machine over what is there, all of it or nothing. */
  logFile(file: string, artifactPath?: string): Awaitable<void>;
  /** Removes a file, or a folder with all below it; the whole place where no path is given. What is not there is no error. */
  delete(artifactPath?: string): Awaitable<void>;
}

/** Says how much may come. */
export interface ReceiveOptions {
  /** Bytes that were announced. */
  size?: number;
  /** @default no limit */
  maxBytes?: number;
}

/** Is a place in which a server keeps what its clients send. */
export interface ArtifactStorage extends ArtifactRepository {
  /** Stores what comes over what is there, once all of it has come. */
  receive(artifactPath: string, body: AsyncIterable<Uint8Array>, options?: ReceiveOptions): Promise<void>;
  /** Returns the storage of a folder below. */
  child(artifactPath: string): ArtifactStorage;
}

/** Is one part of a file that is sent in parts. */
export interface UploadedPart {
  /** From 1. */
  partNumber: number;
  /** What was answered when the part was taken. */
  etag: string;
}

/** Is a request that whoever has it may send without credentials. */
export interface PresignedRequest {
  /** Absolute; of parts that the server takes itself, relative to its address. */
  url: string;
  headers: Record<string, string>;
}

/** Is a file that has begun to come in parts. */
export interface MultipartUpload {
  uploadId: string;
  parts: (PresignedRequest & { partNumber: number })[];
}

/** Takes files in parts. */
export interface MultipartUploads {
  /** Begins a file that comes in parts, each by a request of its own. */
  createMultipartUpload(artifactPath: string, partCount: number): Promise<MultipartUpload>;
  /** Makes the file of its parts. */
  completeMultipartUpload(
    artifactPath: string,
    uploadId: string,
    parts: readonly UploadedPart[],
  ): Promise<void>;
  /** Forgets the parts that came. */
  abortMultipartUpload(artifactPath: string, uploadId: string): Promise<void>;
}

/** Is a place to which clients send, and from which they take, without passing a server. */
export interface DirectTransfers extends MultipartUploads {
  /** Returns a request that reads a file, good for some seconds, at most a week. */
  presignDownload(artifactPath: string, seconds: number): Promise<PresignedRequest & { size: number }>;
  /** Returns a request that writes a file, good for some seconds, at most a week. */
  presignUpload(artifactPath: string, seconds: number): Promise<PresignedRequest>;
}

/** Tells whether clients can reach a place themselves. */
export function hasDirectTransfers<R extends ArtifactRepository>(
  repository: R,
): repository is R & DirectTransfers {
  return "presignDownload" in repository;
}

/** Throws unless as many bytes came as were announced. */
export function checkReceived(received: number, { size }: ReceiveOptions): void {
  if (size === undefined || size === received) return;
  throw new TrackingError(`artifact: ${size} bytes were announced and ${received} came.`, {
    code: "INVALID_PARAMETER_VALUE",
  });
}

/** Throws where more comes than is allowed. */
export function checkSize(size: number, { maxBytes = Infinity }: ReceiveOptions): void {
  if (size <= maxBytes) return;
  throw new TrackingError(`artifact: at most ${maxBytes} bytes are allowed.`, {
    code: "REQUEST_LIMIT_EXCEEDED",
  });
}

/** Returns the error for a file that is not there. */
export function noSuchArtifact(artifactPath: string, uri: string): TrackingError {
  return new TrackingError(`artifact "${artifactPath}": it must exist, and ${uri} does not hold it.`, {
    code: "RESOURCE_DOES_NOT_EXIST",
  });
}
