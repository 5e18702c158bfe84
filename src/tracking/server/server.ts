// The tracking server: MLflow's REST API over HTTP, on any store.
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SetupError, TrackingError } from "../../base/index.ts";
import type { RegistryStore, TrackingStore } from "../store.ts";
import { invalid } from "../validation.ts";
import { ArtifactFolders, checkDestination } from "./artifact-folders.ts";
import type { ArtifactFolderOptions } from "./artifact-folders.ts";
import { answerArtifacts } from "./artifact-routes.ts";
import { readFields } from "./body.ts";
import { ChangeFeed } from "./change-feed.ts";
import type { ServerContext } from "./endpoint.ts";
import { artifactEndpoints } from "./endpoints/artifacts.ts";
import { experimentEndpoints } from "./endpoints/experiments.ts";
import { loggedModelEndpoints } from "./endpoints/logged-models.ts";
import { registryEndpoints } from "./endpoints/registry.ts";
import { runEndpoints } from "./endpoints/runs.ts";
import { sconceEndpoints } from "./endpoints/sconce.ts";
import { transferEndpoints } from "./endpoints/transfers.ts";
import { errorAnswer } from "./errors.ts";
import { streamChanges } from "./event-stream.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { Router } from "./router.ts";
import { sendJson, sendText } from "./send.ts";
import { Guard, securityHeaders } from "./security.ts";
import type { SecurityOptions } from "./security.ts";

/** The release of MLflow whose behaviour the API has; `GET /version` answers with it. */
export const mlflowVersion = "3.17.2";

/** Says where a server listens and what it serves. */
export interface TrackingServerOptions extends SecurityOptions {
  store: TrackingStore & RegistryStore;
  /** @default "127.0.0.1" */
  host?: string;
  /** 0 takes a free port. @default 5000 */
  port?: number;
  /** Longest JSON body in bytes. @default 16 MiB */
  maxBodyBytes?: number;
  /** Longest artifact that is taken, in bytes. @default no limit */
  maxArtifactBytes?: number;
  /** Where artifacts are. @default `mlartifacts` in the current folder */
  artifacts?: ArtifactFolderOptions;
}

const defaultMaxBodyBytes = 16 * 1024 * 1024;

/**
 * Serves a store over MLflow's REST API: `/api/2.0/mlflow/...` and `/ajax-api/2.0/mlflow/...`, `/health`, `/version`,
 * `/metrics` (Prometheus) and `/ajax-api/2.0/sconce/events` (server-sent events).
 *
 * @example
 * const store = await SqliteStore.open({ path: "outputs/mlflow/mlflow.db" });
 * const server = await TrackingServer.start({ store, port: 5000 });
 * // MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python train.py
 * await server.close();
 */
export class TrackingServer {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** Begins to listen; a port that is taken throws. The store stays the caller's to close. */
  static async start(options: TrackingServerOptions): Promise<TrackingServer> {
    const { host = "127.0.0.1", port = 5000 } = options;
    const handler = new RequestHandler(options);
    const server = createServer((request, response) => void handler.handle(request, response));
    server.requestTimeout = 0; // an upload may take long; headers have a limit of their own
    server.headersTimeout = 30_000;
    server.keepAliveTimeout = 75_000; // a training run logs now and then; a connection that is closed in between costs a try
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(explainListenError(error, host, port)));
      server.listen(port, host, resolve);
    });
    const address = server.address() as AddressInfo;
    const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
    return new TrackingServer(server, `http://${name}:${address.port}`);
  }

  /** Answers the requests that are under way, ends event streams, and stops. */
  async close({ graceMs = 5000 }: { graceMs?: number } = {}): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }
}

class RequestHandler {
  readonly #context: ServerContext;
  readonly #guard: Guard;
  readonly #metrics = new RequestMetrics();
  readonly #maxBodyBytes: number;
  readonly #maxArtifactBytes: number;
  readonly #router = new Router([
    ...experimentEndpoints,
    ...runEndpoints,
    ...loggedModelEndpoints,
    ...registryEndpoints,
    ...artifactEndpoints,
    ...transferEndpoints,
    ...sconceEndpoints,
  ]);

  constructor(options: TrackingServerOptions) {
    const {
      store,
      maxBodyBytes = defaultMaxBodyBytes,
      maxArtifactBytes = Infinity,
      artifacts = { destination: "mlartifacts" },
      ...security
    } = options;
    checkDestination(artifacts.destination, store.uri);
    this.#context = { store, changes: new ChangeFeed(), folders: new ArtifactFolders(artifacts) };
    this.#maxArtifactBytes = maxArtifactBytes;
    this.#guard = new Guard(security);
    this.#maxBodyBytes = maxBodyBytes;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const route = { name: "other" };
    response.once("finish", () => {
      const seconds = (performance.now() - started) / 1000;
      this.#metrics.observe(request.method ?? "GET", route.name, response.statusCode, seconds);
    });
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    try {
      await this.#answer(request, response, route);
    } catch (error) {
      if (request.destroyed && !request.complete) return; // the client went away in the middle
      const { status, body } = errorAnswer(error);
      // what the client still sends is not read, so the connection cannot serve another request
      if (!request.complete) response.setHeader("Connection", "close");
      sendJson(response, status, body);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, route: { name: string }): Promise<void> {
    const { pathname, searchParams } = splitTarget(request.url ?? "/");
    const isProbe = pathname === "/health" || pathname === "/version";
    const refusal = this.#guard.refusal(request, isProbe);
    if (refusal !== undefined) return sendText(response, 403, refusal);
    this.#allowOrigin(request, response);
    if (request.method === "OPTIONS") return void response.writeHead(204).end();

    if (request.method === "GET") {
      const page = { "/health": "OK", "/version": mlflowVersion }[pathname];
      if (page !== undefined) return sendText(response, 200, page);
      if (pathname === "/metrics") return sendText(response, 200, this.#metrics.render());
      if (pathname === "/ajax-api/2.0/sconce/events") {
        return streamChanges(request, response, this.#context.changes, {
          kinds: searchParams.getAll("kind"),
          ids: searchParams.getAll("id"),
        });
      }
    }
    const path = apiPath(pathname);
    const file = { path: path ?? pathname, query: searchParams, maxBytes: this.#maxArtifactBytes };
    if (await answerArtifacts(request, response, file, this.#context)) return;
    if (path === undefined) {
      throw new TrackingError(`${pathname.slice(0, 200)}: no such page. The API is under /api/2.0/mlflow.`, {
        code: "ENDPOINT_NOT_FOUND",
      });
    }
    const { endpoint, parameters } = this.#router.find(request.method ?? "GET", path);
    route.name = endpoint.path;
    const fields = await readFields(request, searchParams, this.#maxBodyBytes);
    sendJson(response, 200, await endpoint.handle({ ...fields, ...parameters }, this.#context));
  }

  #allowOrigin({ headers }: IncomingMessage, response: ServerResponse): void {
    const { origin, host = "" } = headers;
    if (origin === undefined || !this.#guard.isAllowedOrigin(origin, host)) return;
    response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Vary", "Origin");
    response.setHeader("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
    response.setHeader("Access-Control-Allow-Headers", "Content-Type, Authorization");
  }
}

/** Splits a request's target as it is: `URL` would resolve `..` before anything could refuse it. */
function splitTarget(target: string): { pathname: string; searchParams: URLSearchParams } {
  if (!target.startsWith("/")) throw invalid("the request's target must begin with a slash.");
  const mark = target.indexOf("?");
  const pathname = mark < 0 ? target : target.slice(0, mark);
  return { pathname, searchParams: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)) };
}

/** Returns what follows the API's prefix, if it is there. MLflow's client leaves out the slash of one endpoint. */
function apiPath(pathname: string): string | undefined {
  const path = /^\/(?:ajax-)?api\/2\.0(\/.*|mlflow\/.*)$/s.exec(pathname)?.[1];
  return path === undefined || path.startsWith("/") ? path : `/${path}`;
}

function explainListenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const reasons: Record<string, string> = {
    EADDRINUSE: "another process listens there. Choose another --port",
    EACCES: "the system does not allow it. Choose a --port above 1023",
    EADDRNOTAVAIL: "this machine has no such address. Choose another --host",
    ENOTFOUND: "no such host is known. Choose another --host",
  };
  const reason = reasons[error.code ?? ""];
  return reason === undefined
    ? error
    : new SetupError(`server: cannot listen on ${host}:${port}: ${reason}.`, { cause: error });
}
