// The tracking server: MLflow's REST API over HTTP, on any store.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { SetupError, TrackingError, logger } from "../../base/index.ts";
import { registryTelling } from "../notifications/registry-telling.ts";
import { StoredWebhooks } from "../notifications/stored-webhooks.ts";
import { overrideStore } from "../override-store.ts";
import type { RegistryStore, TrackingStore } from "../store.ts";
import { invalid } from "../validation.ts";
import { keepsWebhooks } from "../webhooks/webhook.ts";
import { Arrivals } from "./arrivals.ts";
import { ArtifactFolders, checkDestination } from "./artifact-folders.ts";
import type { ArtifactFolderOptions } from "./artifact-folders.ts";
import { answerArtifacts, fileRoute } from "./artifact-routes.ts";
import { type AuditEntry, type AuditLog, idsOf } from "./audit-log.ts";
import type { Access } from "./auth/access.ts";
import { Auth, type AuthOptions, addressOf } from "./auth/auth.ts";
import { SignInError } from "./auth/sign-in.ts";
import { checkNoNul, readFields } from "./body.ts";
import { ChangeFeed } from "./change-feed.ts";
import { limitConnections } from "./connection-limits.ts";
import type { ServerContext } from "./endpoint.ts";
import { endpoints } from "./endpoints/all.ts";
import { userEndpoints } from "./endpoints/users.ts";
import { errorAnswer } from "./errors.ts";
import { EventStreams } from "./event-stream.ts";
import { publicUrl } from "./public-url.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { Router } from "./router.ts";
import { serverInfo } from "./server-info.ts";
import { sendEarly, sendJson, sendText } from "./send.ts";
import { Guard, securityHeaders } from "./security.ts";
import type { SecurityOptions } from "./security.ts";
import { answerPart, partEndpoint, partOf } from "./upload-parts.ts";

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
  /** Users who must sign in, and what they may do. @default nobody signs in, and everybody may do everything */
  auth?: AuthOptions;
  /** Where each request is recorded; the caller closes it. @default nowhere */
  auditLog?: AuditLog;
}

const defaultMaxBodyBytes = 16 * 1024 * 1024;
const sweepEveryMs = 60 * 60 * 1000;

/**
 * Serves a store over MLflow's REST API: `/api/2.0/mlflow/...` and `/ajax-api/2.0/mlflow/...`, `/health`, `/version`,
 * `/api/3.0/mlflow/server-info`, `/metrics` (Prometheus) and `/ajax-api/2.0/sconce/events` (server-sent events).
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
  readonly #handler: RequestHandler;
  readonly #stopSweeping: () => void;

  private constructor(server: Server, url: string, handler: RequestHandler) {
    this.#server = server;
    this.url = url;
    this.#handler = handler;
    this.#stopSweeping = handler.sweepUploads();
  }

  /** Begins to listen; a port that is taken throws. The store stays the caller's to close. */
  static async start(options: TrackingServerOptions): Promise<TrackingServer> {
    const { host = "127.0.0.1", port = 5000 } = options;
    const handler = new RequestHandler(options);
    // a request without Host is the guard's to refuse
    const server = createServer({ requireHostHeader: false }, (request, response) => {
      void handler.handle(request, response);
    });
    limitConnections(server);
    server.on("checkExpectation", (request, response) => void handler.handle(request, response));
    server.headersTimeout = 30_000;
    server.keepAliveTimeout = 75_000; // a training run logs now and then; a connection that is closed in between costs a try
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(explainListenError(error, host, port)));
      server.listen(port, host, resolve);
    });
    const address = server.address() as AddressInfo;
    const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
    return new TrackingServer(server, `http://${name}:${address.port}`, handler);
  }

  /** Answers the requests that are under way, ends event streams, tells webhooks what is still to be told, and stops. */
  async close({ graceMs = 5000 }: { graceMs?: number } = {}): Promise<void> {
    this.#stopSweeping();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
    await this.#handler.closeWebhooks(graceMs);
  }
}

/** Is what the server knows of a request, whatever becomes of it. */
interface Call extends AuditEntry {
  /** Liveness probes are in no audit log. */
  isProbe: boolean;
}

class RequestHandler {
  readonly #context: Omit<ServerContext, "publicUrl">;
  readonly #webhooks: StoredWebhooks | undefined;
  readonly #auth: Auth | undefined;
  readonly #auditLog: AuditLog | undefined;
  readonly #guard: Guard;
  readonly #metrics = new RequestMetrics();
  readonly #arrivals = new Arrivals();
  readonly #streams = new EventStreams();
  readonly #maxBodyBytes: number;
  readonly #maxArtifactBytes: number;
  readonly #router: Router;

  constructor(options: TrackingServerOptions) {
    const {
      store,
      maxBodyBytes = defaultMaxBodyBytes,
      maxArtifactBytes = Infinity,
      artifacts = { destination: "mlartifacts" },
      auth,
      auditLog,
      ...security
    } = options;
    const { destination, roots = [] } = artifacts;
    const places = destination === undefined ? roots : [destination, ...roots];
    if (destination !== undefined) checkDestination(destination, store.uri);
    for (const file of [auth?.users.path, auditLog?.path]) {
      if (file !== undefined)
        for (const place of places) checkDestination(place, `sqlite:///${resolve(file)}`);
    }
    const folders = new ArtifactFolders(artifacts, { maxBytes: maxArtifactBytes });
    this.#webhooks = keepsWebhooks(store) ? new StoredWebhooks(store.webhooks) : undefined;
    const tellingStore =
      this.#webhooks === undefined ? store : overrideStore(store, registryTelling(store, this.#webhooks));
    this.#context = { store: tellingStore, changes: new ChangeFeed(), folders };
    this.#maxArtifactBytes = maxArtifactBytes;
    this.#guard = new Guard(security);
    this.#maxBodyBytes = maxBodyBytes;
    this.#auth = auth === undefined ? undefined : new Auth(auth, store);
    this.#auditLog = auditLog;
    this.#router = new Router([...endpoints, ...(this.#auth === undefined ? [] : userEndpoints(this.#auth))]);
  }

  /** Waits until webhooks have been told, but no longer than some time. */
  async closeWebhooks(timeoutMs: number): Promise<void> {
    await this.#webhooks?.close({ timeoutMs });
  }

  /** Removes uploads that nobody goes on with, now and every hour, until the function that it returns is called. */
  sweepUploads(): () => void {
    const { uploads } = this.#context.folders;
    const sweep = () => {
      try {
        uploads?.sweep();
      } catch (error) {
        logger.warn(
          `server: uploads that nobody goes on with could not be removed. ${(error as Error).message}`,
        );
      }
    };
    sweep();
    const timer = setInterval(sweep, sweepEveryMs);
    return () => clearInterval(timer);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const call = newCall(request);
    response.once("finish", () => {
      const seconds = (performance.now() - started) / 1000;
      this.#metrics.observe(call.method, call.endpoint, response.statusCode, seconds);
    });
    response.once("close", () => {
      if (!call.isProbe) this.#auditLog?.end(call, response.headersSent ? response.statusCode : undefined);
    });
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    try {
      await this.#answer(request, response, call);
    } catch (error) {
      if (error instanceof SignInError && error.username !== undefined) call.claimed = error.username;
      if (request.destroyed && !request.complete) return; // the client went away in the middle
      const { status, body, headers = {} } = errorAnswer(error);
      if (!response.headersSent) {
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      }
      if (request.complete) sendJson(response, status, body);
      else await sendEarly(request, response, status, body);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, call: Call): Promise<void> {
    const { method } = call;
    const { pathname, searchParams } = splitTarget(request.url ?? "/");
    const probe = method === "GET" ? { "/health": "OK", "/version": mlflowVersion }[pathname] : undefined;
    const refusal = this.#guard.refusal(request, probe !== undefined);
    if (refusal !== undefined) return sendText(response, 403, refusal);
    this.#allowOrigin(request, response);
    // a browser asks so before it sends the request, and cannot sign in with that
    if (isPreflight(request) || (method === "OPTIONS" && this.#auth === undefined)) {
      return void response.writeHead(204).end();
    }
    if (probe !== undefined) {
      call.isProbe = true;
      return sendText(response, 200, probe);
    }
    if (method === "GET" && /^\/(ajax-)?api\/3\.0\/mlflow\/server-info$/.test(pathname)) {
      call.isProbe = true;
      return sendJson(response, 200, serverInfo(this.#context));
    }

    const { uploads } = this.#context.folders;
    const part = partOf(request, pathname);
    if (uploads !== undefined && part !== undefined) {
      call.endpoint = partEndpoint; // also where the token is refused
      const artifact = uploads.targetOf(part.uploadId, part.token);
      await this.#admit(call, undefined, { endpoint: partEndpoint, fields: { path: artifact } });
      return answerPart(request, response, part, uploads);
    }

    // nothing below is answered before the user is known, and `#admit` has found them allowed to do it
    const access = await this.#auth?.enter(request);
    call.user = access?.user.username ?? null;
    if (method === "GET" && pathname === "/metrics") {
      await this.#admit(call, access, { endpoint: pathname, fields: {} });
      return sendText(response, 200, this.#metrics.render());
    }
    if (method === "GET" && pathname === "/ajax-api/2.0/sconce/events") {
      await this.#admit(call, access, { endpoint: pathname, fields: {} });
      return this.#streams.stream(request, response, this.#context.changes, {
        kinds: searchParams.getAll("kind"),
        ids: searchParams.getAll("id"),
        withPoints: searchParams.get("points") === "true",
        viewer: access === undefined ? call.address : `user "${access.user.username}"`,
        mayRead: access && ((change) => this.#auth!.mayReadNow(access, change)),
      });
    }
    const path = apiPath(pathname);
    const file = fileRoute(method, path ?? pathname, searchParams);
    if (file !== undefined) {
      await this.#admit(call, access, { endpoint: file.name, fields: file.fields });
      const target = { path: path ?? pathname, query: searchParams, maxBytes: this.#maxArtifactBytes };
      if (await answerArtifacts(request, response, target, this.#context)) return;
    }
    if (path === undefined) {
      throw new TrackingError(`${pathname.slice(0, 200)}: no such page. The API is under /api/2.0/mlflow.`, {
        code: "ENDPOINT_NOT_FOUND",
      });
    }
    const { endpoint, parameters } = this.#router.find(method, path);
    call.endpoint = endpoint.path;
    checkNoNul(parameters);
    const fields = {
      ...(await readFields(request, searchParams, this.#maxBodyBytes)),
      ...parameters,
      ...(access !== undefined && { sconce_user_id: access.user.username }), // nobody changes the registry as another
    };
    await this.#admit(call, access, { endpoint: endpoint.path, fields });
    const open = { ...this.#context, publicUrl: () => publicUrl(request) };
    const context = access === undefined ? open : this.#auth!.contextOf(access, open);
    await this.#arrivals.wait();
    const answer = await endpoint.handle(fields, context);
    if (access !== undefined) await this.#auth?.settle(access, routeOf(call), { fields, answer });
    sendJson(response, 200, answer);
  }

  /** Lets a request through that its user may make, when it is recorded. */
  async #admit(
    call: Call,
    access: Access | undefined,
    { endpoint, fields }: { endpoint: string; fields: Record<string, unknown> },
  ): Promise<void> {
    call.endpoint = endpoint;
    call.about = idsOf(fields);
    if (access !== undefined) await this.#auth?.demand(access, routeOf(call), fields);
    this.#auditLog?.begin(call);
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

function newCall(request: IncomingMessage): Call {
  return {
    id: randomUUID(),
    method: request.method ?? "GET",
    endpoint: "other",
    address: addressOf(request),
    user: null,
    about: {},
    isProbe: false,
  };
}

/** Names what a request asks for as the rules do: reading a file's headers is reading it. */
function routeOf({ method, endpoint }: Call): string {
  return `${method === "HEAD" ? "GET" : method} ${endpoint}`;
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return (
    method === "OPTIONS" &&
    headers.origin !== undefined &&
    headers["access-control-request-method"] !== undefined
  );
}

/** Splits a request's target as it is: `URL` would resolve `..` before anything could refuse it. */
function splitTarget(target: string): { pathname: string; searchParams: URLSearchParams } {
  if (!target.startsWith("/")) throw invalid("the request's target must begin with a slash.");
  const mark = target.indexOf("?");
  const pathname = mark < 0 ? target : target.slice(0, mark);
  return { pathname, searchParams: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)) };
}

/**
 * Returns what follows the API's prefix, if it is there; of version 3.0 with the version.
 * MLflow's client leaves out the slash of one endpoint.
 */
function apiPath(pathname: string): string | undefined {
  const [, older, newer] =
    /^\/(?:ajax-)?api\/(?:2\.0(\/.*|mlflow\/.*)|(3\.0\/mlflow\/.*))$/s.exec(pathname) ?? [];
  const path = older ?? newer;
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
