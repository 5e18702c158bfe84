// Calls a webhook as MLflow 3.17 does (mlflow/webhooks/delivery.py): the same headers, the same signature.
// The address is looked up once, checked, and called: nothing that resolves anew, or redirects, leads elsewhere.
import { createHmac } from "node:crypto";
import { lookup as lookUp } from "node:dns/promises";
import type { LookupAddress } from "node:dns";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { RequestOptions } from "node:https";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  allowedHostsVariable,
  isAllowedHost,
  isPublicAddress,
  sconceVersion,
  webhookProblem,
} from "../../base/index.ts";
import type { Delivery } from "./event.ts";

const maxBodyBytes = 65_536;

/** Says how a webhook is called. */
export interface CallOptions {
  /** Signs the call. */
  secret?: string | undefined;
  /** For the look-up, the connection and the answer together. */
  timeoutMs: number;
  /** Gives the call up. */
  stop?: AbortSignal;
  /** Finds the addresses of a name. @default the system */
  resolve?: (hostname: string) => Promise<LookupAddress[]>;
  /** Certificates of authorities to trust. @default those of Node */
  ca?: string;
}

/** Is a call that failed, and whether another try makes sense. */
export class WebhookError extends Error {
  readonly isFinal: boolean;

  constructor(message: string, { isFinal }: { isFinal: boolean }) {
    super(message);
    this.isFinal = isFinal;
  }
}

/** Is what a webhook answered. */
export interface WebhookAnswer {
  status: number;
  /** At most 64 KiB of it. */
  body: string;
}

/** Calls a webhook until it takes the event, some times; throws what the last try did. */
export async function callUntilTaken(
  address: string,
  delivery: Delivery,
  { retryMs = [1000, 5000, 30_000, 120_000], ...options }: CallOptions & { retryMs?: readonly number[] },
): Promise<void> {
  for (const waitMs of [...retryMs, undefined]) {
    try {
      return await callWebhook(address, delivery, options);
    } catch (error) {
      const isFinal = error instanceof WebhookError && error.isFinal;
      if (isFinal || waitMs === undefined) throw error;
      // not alone in the world: receivers that come back are not called by all at once
      const jitteredMs = waitMs * (1 + Math.random() / 4);
      await sleep(jitteredMs, undefined, { ...(options.stop && { signal: options.stop }), ref: false });
    }
  }
}

/** Calls a webhook once; throws a `WebhookError` unless it answers with a 2xx. */
export async function callWebhook(address: string, delivery: Delivery, options: CallOptions): Promise<void> {
  const { status } = await askWebhook(address, delivery, options);
  const refusal = refusalIn(status);
  if (refusal === undefined) return;
  const isFinal = status !== 408 && status !== 429 && status < 500;
  throw new WebhookError(refusal, { isFinal });
}

/** Says what is wrong with an answer's status; undefined for a 2xx. */
export function refusalIn(status: number): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  const redirected = status >= 300 && status < 400 ? ", and redirects are not followed" : "";
  return `it answered with ${status}${redirected}`;
}

/** Calls a webhook once, and returns what it answers; throws a `WebhookError` where it does not. */
export async function askWebhook(
  address: string,
  delivery: Delivery,
  options: CallOptions,
): Promise<WebhookAnswer> {
  const problem = webhookProblem(address); // again: what is allowed may have changed since the file was read
  if (problem !== undefined) throw new WebhookError(problem, { isFinal: true });
  const url = new URL(address);
  const late = AbortSignal.timeout(options.timeoutMs);
  const signal = options.stop === undefined ? late : AbortSignal.any([late, options.stop]);
  const target = await abortable(addressOf(url, options.resolve), signal);
  return post(url, target, delivery, { ...options, signal });
}

/** Looks the host up and returns the address to connect to; all that it has must be public. */
async function addressOf(
  url: URL,
  resolve: CallOptions["resolve"] = (hostname) => lookUp(hostname, { all: true }),
): Promise<LookupAddress> {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const family = isIP(hostname);
  let found: LookupAddress[];
  try {
    found = family === 0 ? await resolve(hostname) : [{ address: hostname, family }];
  } catch (error) {
    throw new WebhookError(`${hostname} is not found (${(error as Error).message})`, { isFinal: false });
  }
  const hidden = isAllowedHost(url) ? undefined : found.find(({ address }) => !isPublicAddress(address));
  if (hidden !== undefined) {
    throw new WebhookError(
      `${hostname} leads to ${hidden.address}, which is no public address. To allow it, set ${allowedHostsVariable}=${url.host}`,
      { isFinal: true },
    );
  }
  const [first] = found;
  if (first === undefined) throw new WebhookError(`${hostname} has no address`, { isFinal: false });
  return first;
}

function post(
  url: URL,
  { address, family }: LookupAddress,
  delivery: Delivery,
  { secret, ca, signal }: CallOptions & { signal: AbortSignal },
): Promise<WebhookAnswer> {
  const settings: RequestOptions = {
    method: "POST",
    headers: headersOf(delivery, secret),
    agent: false, // a connection of its own, and no proxy: it would look the name up again
    signal,
    lookup: (_hostname, { all }, done) =>
      all === true ? done(null, [{ address, family }]) : done(null, address, family),
    ...(ca === undefined ? {} : { ca }),
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? requestHttps : requestHttp)(url, settings);
    request.once("error", (error: Error) => reject(new WebhookError(reasonOf(error), { isFinal: false })));
    request.once("response", (response) => {
      // the answer is its status; what else it says is read, for a while, so that the other side is not cut off
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > maxBodyBytes) response.destroy();
      });
      response.on("error", () => {});
      response.once("close", () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).subarray(0, maxBodyBytes).toString("utf8"),
        }),
      );
    });
    request.end(delivery.body);
  });
}

function headersOf({ id, body }: Delivery, secret: string | undefined): Record<string, string | number> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signed = secret && createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
  return {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    "User-Agent": `sconce/${sconceVersion}`,
    "X-MLflow-Delivery-Id": id,
    "X-MLflow-Timestamp": timestamp,
    ...(signed ? { "X-MLflow-Signature": `v1,${signed}` } : {}),
  };
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () =>
      reject(new WebhookError("it did not answer in time", { isFinal: false })),
    );
    promise.then(resolve, reject);
  });
}

function reasonOf(error: Error): string {
  return error.name === "AbortError" || error.name === "TimeoutError"
    ? "it did not answer in time"
    : error.message;
}
