// Reads what a request carries: a JSON body or a query.
import type { IncomingMessage } from "node:http";
import { TrackingError } from "../../base/index.ts";
import { invalid } from "../validation.ts";

/** Returns the fields of a request: those of its query for GET, else those of its JSON body. */
export async function readFields(
  request: IncomingMessage,
  query: URLSearchParams,
  maxBytes: number,
): Promise<Record<string, unknown>> {
  if (request.method === "GET") return fieldsOfQuery(query);
  const body = await readBody(request, maxBytes);
  // a body of another type could come from a form of any web page
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    if (request.method === "DELETE" && body.length === 0) return fieldsOfQuery(query);
    throw invalid(`Content-Type: it must be application/json, got ${JSON.stringify(type ?? "none")}.`);
  }
  return parseFields(body);
}

/** Reads a whole body, at most `maxBytes` long. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) return Promise.reject(tooLarge(announced, maxBytes));
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) return chunks.push(chunk);
      request.pause(); // the answer goes out before the connection is closed
      reject(tooLarge(size, maxBytes));
    });
    request.once("error", reject);
    request.once("aborted", () => reject(invalid("the connection ended before the body did.")));
    request.once("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)));
  });
}

function fieldsOfQuery(query: URLSearchParams): Record<string, unknown> {
  const entries = [...new Set(query.keys())].map((key) => {
    const values = query.getAll(key);
    return [key, values.length === 1 ? values[0] : values] as const;
  });
  const fields = Object.fromEntries(entries);
  checkNoNul(fields);
  return fields;
}

/** Throws where a text holds a NUL: PostgreSQL cannot keep one, and SQLite would cut the text there. */
export function checkNoNul(fields: Record<string, unknown>): void {
  const values: unknown[] = [fields]; // no recursion: a body may be deeper than the stack
  for (let value = values.pop(); value !== undefined; value = values.pop()) {
    if (typeof value === "string" && value.includes("\0")) {
      throw invalid("the request: no text may hold a NUL (\\u0000). Leave it out.");
    }
    if (typeof value === "object" && value !== null) {
      for (const [key, child] of Object.entries(value)) values.push(key, child ?? null);
    }
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseFields(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(body);
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(
      `the body must be JSON in UTF-8 (${error instanceof Error ? error.message : String(error)}).`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid("the body must be a JSON object.");
  }
  if (text.includes("\\u0000")) checkNoNul(value as Record<string, unknown>);
  return value as Record<string, unknown>;
}

function tooLarge(size: number, maxBytes: number) {
  return new TrackingError(
    `the body may have at most ${maxBytes} bytes, got ${size} or more. Send less at once.`,
    {
      code: "REQUEST_LIMIT_EXCEEDED",
    },
  );
}
