// Where a client reaches the server, as the client or the proxy before the server says it. It goes back to that client
// alone: whoever forges it misleads nobody else.
import type { IncomingMessage } from "node:http";
import { invalid } from "../validation.ts";

/** Returns the address of the server for the one who asks, with a slash at its end. */
export function publicUrl({ headers }: IncomingMessage): string {
  // proxies in a row each add a value; the first is the one that the client spoke to
  const said = (name: string) =>
    String(headers[name] ?? "")
      .split(",")[0]!
      .trim();
  const scheme = said("x-forwarded-proto") === "https" ? "https" : "http";
  const host = said("x-forwarded-host") || said("host");
  const prefix = said("x-forwarded-prefix").replace(/^\/+|\/+$/g, "");
  const url = `${scheme}://${host}/${prefix}${prefix && "/"}`;
  if (/^[\w.:[\]-]+$/.test(host) && URL.canParse(url)) return new URL(url).href;
  throw invalid(`Host, or X-Forwarded-Host: it must name this server, got "${host.slice(0, 200)}".`);
}
