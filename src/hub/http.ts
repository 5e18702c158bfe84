// One request to the hub: time-outs, redirects, retries. What an answer means is the caller's business.
import { once } from "node:events";
import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from "node:http";
import { request as requestHttps } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { HubError } from "./errors.ts";
import { openTunnel, proxyFor, proxyOptions } from "./proxy.ts";
import type { HubSettings } from "./settings.ts";

const maxRedirects = 10;
const maxRetryAfterMs = 60_000;

/** Says what is asked for. */
export interface HubRequest {
  method: "GET" | "HEAD";
  url: string;
  /** First byte that is wanted. @default 0 */
  offset?: number;
  /** Stops at a redirect to another site, whose answer describes the file already. @default false */
  stayOnSite?: boolean;
}

/** Holds the last answer, whose body is still to be read, and what was said on the way to it. */
export interface HubResponse {
  status: number;
  /** Headers of the last answer; the hub's own `x-` headers of every answer before it. */
  headers: Readonly<Record<string, string | undefined>>;
  body: IncomingMessage;
}

/**
 * Sends a request, following redirects. Answers of 408, 429 and 5xx are retried with growing waits or after the
 * time that the hub names; the token goes to no other site.
 *
 * @throws HubError `hub_unreachable` where there is no answer, or none but those.
 */
export async function sendToHub(request: HubRequest, settings: HubSettings): Promise<HubResponse> {
  for (let retry = 0; ; retry++) {
    let response: HubResponse;
    try {
      response = await followRedirects(request, settings);
    } catch (error) {
      // the server may have closed a connection that was kept open; a second cut means that it is down
      if (retry > 0 || !isCut(error)) throw error;
      continue;
    }
    const { status, headers, body } = response;
    if (status !== 408 && status !== 429 && status < 500) return response;
    body.destroy();
    if (retry >= settings.maxRetries) {
      const tries = retry + 1;
      throw unreachable(settings, `status ${status} in answer to ${tries} request${tries > 1 ? "s" : ""}`);
    }
    await sleep(retryAfterMs(headers["retry-after"]) ?? retryDelayMs(settings, retry));
  }
}

/** Returns the wait before a retry, the first being number 0: doubling, with a random part against stampedes. */
export function retryDelayMs({ retryDelayMs }: HubSettings, retry: number): number {
  return retryDelayMs * 2 ** retry * (0.75 + Math.random() / 2);
}

/** Makes the error for a hub that is out of reach; `reason` completes "got". */
export function unreachable({ endpoint }: HubSettings, reason: string, cause?: unknown): HubError {
  return new HubError(
    "hub_unreachable",
    `The hub: ${endpoint} must answer, got ${reason}. ` +
      `Check the network, or set HF_ENDPOINT to a mirror that can be reached.`,
    { cause },
  );
}

async function followRedirects(request: HubRequest, settings: HubSettings): Promise<HubResponse> {
  const origin = new URL(settings.endpoint).origin;
  let url = new URL(request.url);
  let seen: Record<string, string | undefined> = {};
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const token = url.origin === origin ? settings.token : undefined;
    const body = await send(url, request, token, settings);
    const status = body.statusCode ?? 0;
    const own = Object.fromEntries(
      Object.entries(body.headers).map(([name, value]) => [name, String(value)]),
    );
    const headers: Record<string, string | undefined> = { ...seen, ...own };
    const { location } = own;
    if (location === undefined || status < 300 || status > 399) return { status, headers, body };
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next === undefined || !/^https?:$/u.test(next.protocol)) break;
    if (request.stayOnSite === true && next.origin !== url.origin) return { status, headers, body };
    body.resume(); // leaves the connection usable
    seen = Object.fromEntries(Object.entries(headers).filter(([name]) => /^x-(repo|linked)-/u.test(name)));
    url = next;
  }
  throw unreachable(settings, `redirects that lead nowhere, from ${request.url}`);
}

async function send(
  url: URL,
  { method, offset = 0 }: HubRequest,
  token: string | undefined,
  settings: HubSettings,
): Promise<IncomingMessage> {
  const { connectTimeoutMs, stallTimeoutMs } = settings;
  const headers = {
    "user-agent": "sconce",
    "accept-encoding": "identity", // sizes and hashes are those of the file
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(offset > 0 && { range: `bytes=${offset}-` }),
  };
  const request = await prepare(url, { method, headers }, settings);
  const failed = (what: string, ms: number) => request.destroy(new Error(`${what} for ${ms / 1000} s`));
  const connecting = setTimeout(() => failed("no connection", connectTimeoutMs), connectTimeoutMs);
  request.on("socket", (socket) => {
    const ready = () => clearTimeout(connecting);
    if (!socket.connecting)
      ready(); // kept open by an earlier request
    else socket.once(url.protocol === "https:" ? "secureConnect" : "connect", ready);
  });
  request.setTimeout(stallTimeoutMs, () => failed("silence", stallTimeoutMs));
  try {
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return response;
  } catch (error) {
    const host = url.host === new URL(settings.endpoint).host ? "" : ` from ${url.host}`;
    throw unreachable(settings, `"${reasonOf(error)}"${host}`, error);
  } finally {
    clearTimeout(connecting);
  }
}

async function prepare(url: URL, options: RequestOptions, settings: HubSettings): Promise<ClientRequest> {
  const proxy = proxyFor(url, settings.proxies);
  const isPlain = url.protocol === "http:";
  if (proxy === undefined) return (isPlain ? requestHttp : requestHttps)(url, options);
  const headers = { ...options.headers, host: url.host };
  if (isPlain) {
    const via = proxyOptions(proxy);
    return requestHttp({ ...options, ...via, path: url.href, headers: { ...headers, ...via.headers } });
  }
  try {
    const socket = await openTunnel(proxy, url, settings.connectTimeoutMs);
    return requestHttps(url, { ...options, headers, createConnection: () => socket });
  } catch (error) {
    throw unreachable(settings, `"${reasonOf(error)}"`, error);
  }
}

/** Returns the first line of what went wrong with a connection. */
export function reasonOf(error: unknown): string {
  // trying several addresses fails with one error for each
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  return (first instanceof Error ? first.message : String(first)).split("\n")[0] ?? "";
}

function isCut(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  return code === "ECONNRESET" || code === "EPIPE";
}

function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/u.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}
