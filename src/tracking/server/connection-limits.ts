// What connections may cost: how many there are, how slowly a body may come, how long an answer may wait to be read.
// What is no HTTP is refused here as well: the server's handler never sees it.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { securityHeaders } from "./security.ts";

/** Says what connections may cost. */
export interface ConnectionLimits {
  /** Connections beyond these are closed at once. @default 10000 */
  maxConnections?: number;
  /** Time without a byte either way until a connection is closed, but not while its answer is worked out. @default 120000 */
  idleMs?: number;
  /** Slowest mean rate of a body. @default 500 */
  minBytesPerSecond?: number;
  /** Time that a body has before its rate counts. @default 60000 */
  graceMs?: number;
}

interface Exchange {
  socket: Socket; // a request that was destroyed has none of its own any more
  request: IncomingMessage;
  response: ServerResponse;
  startedAt: number;
  bytesBefore: number;
}

/** Makes a server keep to limits, until it closes. */
export function limitConnections(server: Server, limits: ConnectionLimits = {}): void {
  const { maxConnections = 10_000, idleMs = 120_000, minBytesPerSecond = 500, graceMs = 60_000 } = limits;
  const latest = new WeakMap<Duplex, Exchange>();
  const open = new Set<Exchange>();
  server.maxConnections = maxConnections;
  server.timeout = idleMs;
  server.requestTimeout = 0; // an upload may take long: its rate is what counts

  server.prependListener("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const exchange = {
      socket,
      request,
      response,
      startedAt: performance.now(),
      bytesBefore: socket.bytesRead,
    };
    latest.set(socket, exchange);
    open.add(exchange);
    response.once("close", () => open.delete(exchange));
  });
  server.on("timeout", (socket) => {
    const exchange = latest.get(socket);
    const isWorkedOn = exchange !== undefined && exchange.request.complete && !exchange.response.headersSent;
    if (!isWorkedOn) socket.destroy();
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const isAnswering = latest.get(socket)?.response.headersSent === true && open.has(latest.get(socket)!);
    if (error.code === "ECONNRESET" || isAnswering) socket.destroy();
    else refuse(socket, refusals[error.code ?? ""] ?? notHttp);
  });

  const isTooSlow = ({ socket, request, startedAt, bytesBefore }: Exchange): boolean => {
    const elapsedMs = performance.now() - startedAt;
    const received = socket.bytesRead - bytesBefore;
    return !request.complete && elapsedMs > graceMs && received < (minBytesPerSecond * elapsedMs) / 1000;
  };
  const timer = setInterval(
    () => {
      for (const exchange of open) {
        const { socket, response } = exchange;
        if (socket.destroyed) open.delete(exchange);
        else if (!isTooSlow(exchange)) continue;
        else if (response.headersSent) socket.destroy();
        else refuse(socket, tooSlow);
      }
    },
    Math.min(graceMs, 5000),
  );
  timer.unref();
  server.once("close", () => clearInterval(timer));
}

interface Refusal {
  status: string;
  message: string;
}

const notHttp: Refusal = {
  status: "400 Bad Request",
  message: "the request is not HTTP/1.1 as RFC 9112 has it.",
};
const tooSlow: Refusal = {
  status: "408 Request Timeout",
  message: "the request comes too slowly. Send it again.",
};
const refusals: Record<string, Refusal> = {
  ERR_HTTP_REQUEST_TIMEOUT: tooSlow,
  HPE_HEADER_OVERFLOW: {
    status: "431 Request Header Fields Too Large",
    message: "address and headers are too long together. Send less.",
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: "413 Payload Too Large",
    message: "chunks have too long extensions.",
  },
};

function refuse(socket: Duplex, { status, message }: Refusal): void {
  if (!socket.writable) return void socket.destroy();
  const body = JSON.stringify({ error_code: "BAD_REQUEST", message });
  const headers = { ...securityHeaders, "Content-Type": "application/json", "Content-Length": body.length };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n${lines.join("")}\r\n${body}`, () =>
    socket.destroy(),
  );
}
