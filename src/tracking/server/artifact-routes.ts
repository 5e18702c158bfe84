// The addresses of artifacts, whose bodies are files: MLflow's proxy, and the links of its pages.
import type { IncomingMessage, ServerResponse } from "node:http";
import { invalid } from "../validation.ts";
import type { ServerContext } from "./endpoint.ts";
import { toWireFiles } from "./endpoints/artifacts.ts";
import { decodeFully } from "./locations.ts";
import { sendJson } from "./send.ts";
import { sendFile } from "./send-file.ts";

const proxyPrefix = "/mlflow-artifacts/artifacts";

/** Is the address of a file: its pattern, and what a request asks for there. */
export interface FileRoute {
  name: string;
  fields: Record<string, string>;
}

/** Returns what a request asks for of the addresses that `answerArtifacts` knows; undefined for all others. */
export function fileRoute(method: string, path: string, query: URLSearchParams): FileRoute | undefined {
  if (path === proxyPrefix) {
    return method === "GET" ? { name: path, fields: { path: query.get("path") ?? "" } } : undefined;
  }
  if (path.startsWith(`${proxyPrefix}/`)) {
    return {
      name: `${proxyPrefix}/{path}`,
      fields: { path: decodedOnce(path.slice(proxyPrefix.length + 1)) },
    };
  }
  if (path !== "/get-artifact" && path !== "/model-versions/get-artifact") return undefined;
  // of a name that is given twice the first value counts, as it does where the request is answered
  const fields = Object.fromEntries([...query.keys()].map((key) => [key, query.get(key) ?? ""]));
  return { name: path, fields };
}

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
  context: Pick<ServerContext, "folders" | "store">,
): Promise<boolean> {
  const { folders, store } = context;
  const method = request.method ?? "GET";
  const isRead = method === "GET" || method === "HEAD";
  if (path === proxyPrefix && method === "GET") {
    const files = await toWireFiles(folders.proxied, query.get("path") ?? "");
    sendJson(response, 200, { files: files.map(withName) });
    return true;
  }
  if (path.startsWith(`${proxyPrefix}/`)) {
    const artifact = decodedOnce(path.slice(proxyPrefix.length + 1));
    if (isRead) await sendFile(request, response, folders.proxied, artifact);
    else if (method === "PUT") {
      const body = request.iterator({ destroyOnReturn: false }); // what is refused midway is answered
      await folders.proxied.receive(artifact, body as AsyncIterable<Uint8Array>, {
        ...announcedSize(request),
        maxBytes,
      });
      sendJson(response, 200, {});
    } else if (method === "DELETE") {
      await folders.proxied.delete(artifact);
      sendJson(response, 200, {});
    } else return false;
    return true;
  }
  if (!isRead) return false;
  if (path === "/get-artifact") {
    const { info } = await store.getRun(needed(query, "run_id"));
    await sendFile(request, response, folders.repository(info.artifactUri), needed(query, "path"));
    return true;
  }
  if (path === "/model-versions/get-artifact") {
    const version = Number(needed(query, "version"));
    const { storageLocation } = await store.getModelVersion(needed(query, "name"), version);
    await sendFile(request, response, folders.repository(storageLocation), needed(query, "path"));
    return true;
  }
  return false;
}

/** Returns the bytes that a request says it brings. */
export function announcedSize({ headers }: IncomingMessage): { size?: number } {
  const announced = headers["content-length"];
  return announced === undefined ? {} : { size: Number(announced) };
}

/** The proxy lists names, where the other lists give paths. */
function withName<T extends { path: string }>(entry: T): T {
  return { ...entry, path: entry.path.slice(entry.path.lastIndexOf("/") + 1) };
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
