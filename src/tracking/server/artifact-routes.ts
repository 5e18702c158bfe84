// The addresses of artifacts, whose bodies are files: MLflow's proxy, and the links of its pages.
import { rmSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { TrackingError } from "../../base/index.ts";
import type { LocalArtifactRepository } from "../artifacts/local.ts";
import { invalid } from "../validation.ts";
import type { ServerContext } from "./endpoint.ts";
import { toWireFiles } from "./endpoints/artifacts.ts";
import { decodeFully } from "./locations.ts";
import { receiveFile } from "./receive-file.ts";
import { sendJson } from "./send.ts";
import { sendFile } from "./send-file.ts";

const proxyPrefix = "/mlflow-artifacts/artifacts";

/**
 * Answers requests for files; false where the path is none of these.
 *
 * `GET|PUT|DELETE <api>/mlflow-artifacts/artifacts/{path}`, `GET <api>/mlflow-artifacts/artifacts?path=`,
 * `GET /get-artifact?run_id=&path=`, `GET /model-versions/get-artifact?name=&version=&path=`.
 */
export async function answerArtifacts(
  request: IncomingMessage,
  response: ServerResponse,
  { path, query, maxBytes }: { path: string; query: URLSearchParams; maxBytes: number },
  context: ServerContext,
): Promise<boolean> {
  const { folders, store } = context;
  const method = request.method ?? "GET";
  const isRead = method === "GET" || method === "HEAD";
  if (path === proxyPrefix && method === "GET") {
    sendJson(response, 200, { files: toWireFiles(folders.proxied, query.get("path") ?? "").map(withName) });
    return true;
  }
  if (path.startsWith(`${proxyPrefix}/`)) {
    const artifact = decodedOnce(path.slice(proxyPrefix.length + 1));
    const file = folders.proxied.resolve(artifact);
    if (isRead) await sendFile(request, response, file);
    else if (method === "PUT") {
      await receiveFile(request, file, maxBytes);
      sendJson(response, 200, {});
    } else if (method === "DELETE") {
      rmSync(file, { recursive: true, force: true });
      sendJson(response, 200, {});
    } else return false;
    return true;
  }
  if (!isRead) return false;
  if (path === "/get-artifact") {
    const { info } = await store.getRun(needed(query, "run_id"));
    await sendFile(request, response, fileIn(folders.repository(info.artifactUri), query));
    return true;
  }
  if (path === "/model-versions/get-artifact") {
    const version = Number(needed(query, "version"));
    const { storageLocation } = await store.getModelVersion(needed(query, "name"), version);
    await sendFile(request, response, fileIn(folders.repository(storageLocation), query));
    return true;
  }
  return false;
}

/** The proxy lists names, where the other lists give paths. */
function withName<T extends { path: string }>(entry: T): T {
  return { ...entry, path: entry.path.slice(entry.path.lastIndexOf("/") + 1) };
}

function fileIn(repository: LocalArtifactRepository, query: URLSearchParams): string {
  const file = repository.resolve(needed(query, "path"));
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return file;
  throw new TrackingError("artifact: it must be a file, and there is none of this name.", {
    code: "RESOURCE_DOES_NOT_EXIST",
  });
}

/** Decodes a path as a client encoded it; what could be decoded again is checked in `resolve`. */
function decodedOnce(path: string): string {
  decodeFully(path); // refuses what is encoded without end
  return decodeURIComponent(path);
}

function needed(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value === null || value === "") throw invalid(`${name}: it is missing.`);
  return value;
}
