// A file as an answer: in parts where the client asks for them, and never as a page that could act in this origin.
import type { IncomingMessage, ServerResponse } from "node:http";
import { basename, extname } from "node:path";
import { pipeline } from "node:stream/promises";
import { TrackingError } from "../../base/index.ts";
import type { ArtifactRepository } from "../artifacts/repository.ts";

// what browsers show without running anything; all other files are bytes or plain text
const pictures: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
};
const texts = new Set(
  ".txt .log .md .json .jsonl .yaml .yml .csv .tsv .py .ts .js .mjs .html .htm .svg .xml .css .toml .ini .cfg .sh .err .out".split(
    " ",
  ),
);
const textNames = new Set(["MLmodel", "MLproject", "README", "LICENSE"]);

/**
 * Sends a file of a repository, or the part of it that `Range` names (RFC 9110, section 14); several parts come as the
 * whole.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  repository: ArtifactRepository,
  artifactPath: string,
): Promise<void> {
  const status = await repository.stat(artifactPath);
  if (status === undefined) {
    throw new TrackingError("artifact: it must be a file, and there is none of this name.", {
      code: "RESOURCE_DOES_NOT_EXIST",
    });
  }
  const { size, tag = "" } = status;
  const quoted = `"${tag}"`;
  if (tag !== "") response.setHeader("ETag", quoted);
  response.setHeader("Accept-Ranges", "bytes");
  response.setHeader("Content-Type", contentType(artifactPath));
  response.setHeader("Content-Disposition", contentDisposition(basename(artifactPath)));
  response.setHeader("Content-Security-Policy", "sandbox; default-src 'none'");
  if (isMatch(request.headers["if-none-match"], quoted)) return void response.writeHead(304).end();
  const isSame = (request.headers["if-range"] ?? quoted) === quoted;
  const range = isSame ? parseRange(request.headers.range, size) : undefined;
  if (range === "unsatisfiable") {
    response.setHeader("Content-Range", `bytes */${size}`);
    return void response.writeHead(416).end();
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const length = end - start + 1;
  const hasBody = request.method !== "HEAD" && length > 0;
  const body = hasBody ? await repository.open(artifactPath, { start, end }) : undefined;
  if (range !== undefined) response.setHeader("Content-Range", `bytes ${start}-${end}/${size}`);
  response.writeHead(range === undefined ? 200 : 206, { "Content-Length": length });
  if (body === undefined) return void response.end();
  let sent = 0;
  body.on("data", (chunk: Buffer) => (sent += chunk.length));
  await pipeline(body, response, { end: false });
  if (sent === length) response.end();
  else response.destroy(); // the file became shorter; the client must not wait for the rest, or take the next answer for it
}

/** Tells whether `If-None-Match` names a tag: `*`, or in a list, weak or not (RFC 9110, section 13.1.2). */
function isMatch(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === "*" || header.split(",").some((each) => each.trim().replace(/^W\//, "") === tag);
}

/** Reads `bytes=a-b`, `bytes=a-` and `bytes=-n`; what is malformed or has several parts is none. */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  if (first === "") {
    const count = Math.min(Number(last), size);
    return count === 0 ? "unsatisfiable" : { start: size - count, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}

function contentType(file: string): string {
  const ending = extname(file).toLowerCase();
  if (Object.hasOwn(pictures, ending)) return pictures[ending] as string;
  return texts.has(ending) || textNames.has(basename(file))
    ? "text/plain; charset=utf-8"
    : "application/octet-stream";
}

/** Offers a file for download under its name (RFC 6266). */
export function contentDisposition(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\]/g, "_");
  const encoded = encodeURIComponent(Buffer.from(name).toString()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
