// A server that webhooks call, for tests: keeps what it is sent, and answers as it is told.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Is one call that came. */
export interface Call {
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Makes a certificate for a name, which signs itself; needs the program `openssl`. */
export function selfSigned(name: string): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

/** Starts a receiver on a free port; `answer` is called for each call when it has come whole. */
export async function startReceiver(
  answer: (response: ServerResponse, call: Call, calls: readonly Call[]) => void = (response) =>
    response.end(),
  tls?: { key: string; cert: string },
) {
  const calls: Call[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const call = { url: request.url, headers: request.headers, body };
    calls.push(call);
    answer(response, call, calls);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => void handle(request, response);
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    calls,
    host,
    port: (server.address() as AddressInfo).port,
    url: `http://${host}/hook`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
