// JSON over HTTP to an MLflow server, with its errors turned into ours.
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { TrackingError } from "../../../base/index.ts";
import type { Transfer, TransferOptions } from "../../artifacts/http.ts";
import type { ServerAddress } from "./credentials.ts";

/** Says how patient a client is. */
export interface RestClientOptions {
  /** Longest wait for an answer. @default 120000 */
  timeoutMs?: number;
  /** How often a request is repeated that a server could not answer and that may be repeated. @default 2 */
  retries?: number;
}

/** Says how one request may be treated. */
export interface CallOptions {
  /** Repeating it changes nothing more. @default true for GET */
  isIdempotent?: boolean;
}

const passing = new Set([429, 500, 502, 503, 504]);

/** Calls endpoints of one server over kept connections. */
export class RestClient {
  readonly url: string;
  readonly #address: ServerAddress;
  readonly #agent: http.Agent;
  readonly #timeoutMs: number;
  readonly #retries: number;

  constructor(address: ServerAddress, { timeoutMs = 120_000, retries = 2 }: RestClientOptions = {}) {
    this.url = address.url;
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#retries = retries;
    this.#agent = makeAgent(address);
  }

  /** Calls `/api/2.0<path>`, or a path that names its own API; fields go into the query for GET, else into a JSON body. */
  async call(
    method: string,
    path: string,
    fields: Record<string, unknown> = {},
    { isIdempotent = method === "GET" }: CallOptions = {},
  ): Promise<unknown> {
    const query = method === "GET" ? toQuery(fields) : "";
    const prefix = path.startsWith("/ajax-api/") ? "" : "/api/2.0";
    const url = new URL(`${this.url}${prefix}${path}${query}`);
    const body = method === "GET" ? undefined : JSON.stringify(fields);
    for (let attempt = 0; ; attempt++) {
      try {
        return parseAnswer(await this.#send(method, url, body), `${method} ${path}`);
      } catch (error) {
        const mayPass = error instanceof TrackingError && error.code === "TEMPORARILY_UNAVAILABLE";
        if (!mayPass || !isIdempotent || attempt >= this.#retries) throw error;
      }
      await sleep(retryDelayMs(attempt));
    }
  }

  /**
   * Sends a request to `/api/2.0<path>` and returns its answer as it begins to come; the body must be read to its end.
   * It is repeated where the server cannot answer.
   */
  async transfer(
    method: string,
    path: string,
    { headers = {}, body }: TransferOptions = {},
  ): Promise<Transfer> {
    const url = new URL(`${this.url}/api/2.0${path}`);
    for (let attempt = 0; ; attempt++) {
      try {
        const length = body === undefined ? {} : { "Content-Length": body.size };
        const response = await this.#open(method, url, { ...length, ...headers }, body?.open());
        const status = response.statusCode ?? 0;
        if (status < 300) return { headers: response.headers, body: response };
        const text = await this.#read(response);
        parseAnswer({ status, text }, `${method} ${path}`); // throws what the server said
      } catch (error) {
        const mayPass = error instanceof TrackingError && error.code === "TEMPORARILY_UNAVAILABLE";
        if (!mayPass || attempt >= this.#retries) throw error;
      }
      await sleep(retryDelayMs(attempt));
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(method: string, url: URL, body: string | undefined): Promise<Answer> {
    const content =
      body === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
    const response = await this.#open(method, url, { Accept: "application/json", ...content }, body);
    return { status: response.statusCode ?? 0, text: await this.#read(response) };
  }

  async #read(response: http.IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch (error) {
      throw unreachable(this.url, (error as Error).message, error as Error);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  /** Sends a request, and returns when its answer begins. */
  #open(
    method: string,
    url: URL,
    headers: http.OutgoingHttpHeaders,
    body?: string | Readable,
  ): Promise<http.IncomingMessage> {
    const { authorization } = this.#address;
    const authorized = {
      ...headers,
      ...(authorization === undefined ? {} : { Authorization: authorization }),
    };
    const request = url.protocol === "https:" ? https.request : http.request;
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers: authorized, agent: this.#agent }, resolve);
      const fail = (error: NodeJS.ErrnoException) => {
        // the server closed a kept connection at the moment at which it was used again: nothing was received
        if (sent.reusedSocket && error.code === "ECONNRESET" && !(body instanceof Readable)) {
          return resolve(this.#open(method, url, headers, body));
        }
        reject(unreachable(this.url, error.message || String(error), error));
      };
      sent.setTimeout(this.#timeoutMs, () =>
        sent.destroy(new Error(`no answer for ${this.#timeoutMs / 1000} s`)),
      );
      sent.once("error", fail);
      if (body instanceof Readable) body.on("error", (error) => sent.destroy(error)).pipe(sent);
      else sent.end(body);
    });
  }
}

interface Answer {
  status: number;
  text: string;
}

function retryDelayMs(attempt: number): number {
  return 200 * 2 ** attempt * (0.5 + Math.random());
}

function makeAgent({ url, insecureTls, serverCertPath, clientCertPath }: ServerAddress): http.Agent {
  if (!url.startsWith("https:")) return new http.Agent({ keepAlive: true });
  const client = clientCertPath === undefined ? undefined : readFileSync(clientCertPath);
  return new https.Agent({
    keepAlive: true,
    rejectUnauthorized: !insecureTls,
    ...(serverCertPath === undefined ? {} : { ca: readFileSync(serverCertPath) }),
    ...(client === undefined ? {} : { cert: client, key: client }),
  });
}

function toQuery(fields: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(fields)) {
    for (const item of Array.isArray(value) ? value : [value]) query.append(key, String(item));
  }
  return query.size === 0 ? "" : `?${query.toString()}`;
}

function parseAnswer({ status, text }: Answer, what: string): unknown {
  const body = parseJson(text);
  if (status >= 200 && status < 300) {
    if (body !== undefined) return body;
    throw new TrackingError(
      `${what}: the server must answer with JSON, got "${text.slice(0, 100)}". Is it an MLflow server?`,
      {
        code: "INVALID_STATE",
      },
    );
  }
  const { error_code: code, message } = (typeof body === "object" && body !== null ? body : {}) as {
    error_code?: unknown;
    message?: unknown;
  };
  if (passing.has(status) && code !== "INVALID_STATE") {
    throw new TrackingError(`${what}: the server answered ${status}${messageOf(message, text)}`, {
      code: "TEMPORARILY_UNAVAILABLE",
    });
  }
  throw new TrackingError(
    typeof message === "string"
      ? message
      : `${what}: the server answered ${status}${messageOf(message, text)}`,
    {
      code: typeof code === "string" ? code : codeOfStatus(status),
    },
  );
}

function messageOf(message: unknown, text: string): string {
  const words = typeof message === "string" ? message : text.slice(0, 200);
  return words.trim() === "" ? "." : `: ${words}`;
}

function codeOfStatus(status: number): string {
  if (status === 401) return "UNAUTHENTICATED";
  if (status === 403) return "PERMISSION_DENIED";
  return status === 404 ? "ENDPOINT_NOT_FOUND" : "BAD_REQUEST";
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(url: string, reason: string, cause: Error): TrackingError {
  return new TrackingError(`tracking server ${url}: it cannot be reached (${reason}).`, {
    code: "TEMPORARILY_UNAVAILABLE",
    cause,
  });
}
