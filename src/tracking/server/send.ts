// Short answers, whole in memory. Files: ./send-file.ts.
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const drainMs = 5000;

/** Answers with an object as JSON. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, "application/json", JSON.stringify(body));
}

/**
 * Answers while the body of the request is still coming, and closes the connection. What comes is read and dropped for
 * some seconds: a connection that is closed on it may take the answer along.
 */
export async function sendEarly(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
): Promise<void> {
  if (response.headersSent) return void response.destroy();
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
    Connection: "close",
  });
  response.write(text);
  const done = new AbortController();
  for (const end of ["end", "close"]) request.once(end, () => done.abort());
  request.resume();
  await sleep(drainMs, undefined, { signal: done.signal }).catch(() => {}); // aborted is what it should be
  response.end();
}

/** Answers with plain text. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, "text/plain; charset=utf-8", text);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  if (response.headersSent) return void response.destroy(); // too late for another answer
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}
