// Artifacts behind a tracking server, MLflow's or ours: `mlflow-artifacts:/path`.
import { createReadStream, statSync } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { z } from "zod";
import { SconceError, TrackingError } from "../../base/index.ts";
import { checkArtifactPath, isArtifactPath } from "./artifact-path.ts";
import type { ArtifactInfo, ArtifactRepository, ArtifactStat, ByteRange } from "./repository.ts";

/** Sends requests to the server. */
export interface ArtifactClient {
  call(method: string, path: string, fields?: Record<string, unknown>): Promise<unknown>;
  /** Sends a request with a body of bytes, and returns what comes back. */
  transfer(method: string, path: string, options?: TransferOptions): Promise<Transfer>;
}

/** Says what is sent with a request. */
export interface TransferOptions {
  headers?: Record<string, string>;
  /** Opens the body anew for each try. */
  body?: { size: number; open: () => Readable };
}

/** Is an answer whose body is still to be read. */
export interface Transfer {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Readable;
}

const endpoint = "/mlflow-artifacts/artifacts";
const listAnswer = z.object({
  files: z
    .array(
      z.object({
        path: z.string(),
        is_dir: z.boolean().default(false),
        file_size: z.union([z.number(), z.string()]).optional(),
      }),
    )
    .default([]),
});

/** Stores and reads artifacts through a tracking server, which decides where they are. */
export class HttpArtifactRepository implements ArtifactRepository {
  readonly uri: string;
  readonly #client: ArtifactClient;
  readonly #root: string;

  /** Takes `mlflow-artifacts:/path`. */
  constructor(uri: string, client: ArtifactClient) {
    const root = /^mlflow-artifacts:\/(?!\/)([^?#]*)$/i.exec(uri)?.[1];
    if (root === undefined) {
      throw new TrackingError(`artifacts: a server takes mlflow-artifacts:/path locations, got "${uri}".`, {
        code: "INVALID_PARAMETER_VALUE",
      });
    }
    this.uri = uri;
    this.#client = client;
    this.#root = root === "" ? "" : checkArtifactPath(root);
  }

  async list(artifactPath = ""): Promise<ArtifactInfo[]> {
    const below = artifactPath === "" ? "" : checkArtifactPath(artifactPath);
    const answer = await this.#client.call("GET", endpoint, { path: join(this.#root, below) });
    return listAnswer.parse(answer).files.map(({ path: name, is_dir, file_size }) => {
      // the server is not to be trusted with the names of files on this machine
      if (!isArtifactPath(name) || name.includes("/")) {
        throw new TrackingError(
          `artifacts: the server lists "${name.slice(0, 200)}" in ${this.uri}, which is no name of a file.`,
          {
            code: "INVALID_STATE",
          },
        );
      }
      const size = file_size === undefined ? {} : { size: Number(file_size) };
      return { path: join(below, name), isDirectory: is_dir, ...(is_dir ? {} : size) };
    });
  }

  async stat(artifactPath: string): Promise<ArtifactStat | undefined> {
    try {
      const { headers, body } = await this.#client.transfer("HEAD", this.#path(artifactPath));
      body.resume();
      const tag = headers["etag"];
      return {
        size: Number(headers["content-length"] ?? 0),
        ...(typeof tag === "string" ? { tag: tag.replaceAll('"', "") } : {}),
      };
    } catch (error) {
      if (SconceError.is(error) && /^(RESOURCE_DOES_NOT_EXIST|ENDPOINT_NOT_FOUND)$/.test(error.code)) {
        return undefined; // MLflow's server has no words for a file that is missing
      }
      throw error;
    }
  }

  async open(artifactPath: string, range?: ByteRange): Promise<Readable> {
    const headers = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` };
    return (await this.#client.transfer("GET", this.#path(artifactPath), { headers })).body;
  }

  async logFile(file: string, artifactPath: string = basename(file)): Promise<void> {
    const { size } = statSync(file);
    const answer = await this.#client.transfer("PUT", this.#path(artifactPath), {
      headers: { "Content-Type": "application/octet-stream" },
      body: { size, open: () => createReadStream(file) },
    });
    answer.body.resume();
  }

  async delete(artifactPath?: string): Promise<void> {
    if (artifactPath === undefined && this.#root === "") {
      throw new TrackingError("artifacts: all artifacts of a server are not deleted at once. Name a path.", {
        code: "INVALID_PARAMETER_VALUE",
      });
    }
    const path = artifactPath === undefined ? encode(this.#root) : this.#path(artifactPath);
    const answer = await this.#client.transfer("DELETE", path.startsWith("/") ? path : `${endpoint}/${path}`);
    answer.body.resume();
  }

  #path(artifactPath: string): string {
    return `${endpoint}/${encode(join(this.#root, checkArtifactPath(artifactPath)))}`;
  }
}

function join(...parts: string[]): string {
  return parts.filter((part) => part !== "").join("/");
}

function encode(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
