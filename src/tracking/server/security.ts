// Who may talk to the server: the guards against DNS rebinding and against other sites' pages in a user's browser.
// The defaults are those of MLflow 3.17 (server/security_utils.py); what differs is stricter.
import type { IncomingMessage } from "node:http";
import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Says which hosts and pages may use the server. */
export interface SecurityOptions {
  /** Host headers to serve, `*` standing for any characters. @default loopback and private addresses */
  allowedHosts?: readonly string[];
  /** Origins of other sites whose pages may write. @default none */
  allowedOrigins?: readonly string[];
}

// addresses that the names of other sites cannot be: a page that rebinds its name keeps that name in Host
const ownAddresses = new BlockList();
for (const [address, prefix] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["0.0.0.0", 32],
] as const) {
  ownAddresses.addSubnet(address, prefix, "ipv4");
}
ownAddresses.addAddress("::1", "ipv6");
ownAddresses.addSubnet("fc00::", 7, "ipv6");

/** Decides about requests by their headers alone. */
export class Guard {
  readonly #hosts: Matcher;
  readonly #origins: Matcher;

  constructor({ allowedHosts, allowedOrigins = [] }: SecurityOptions = {}) {
    this.#hosts = allowedHosts === undefined ? isOwnAddress : matcher(allowedHosts);
    this.#origins = matcher(allowedOrigins);
  }

  /** Returns why a request is refused, or undefined. */
  refusal({ method = "GET", headers }: IncomingMessage, isExempt: boolean): string | undefined {
    if (!isExempt && !this.#hosts(headers.host ?? "")) {
      return "Invalid Host header - possible DNS rebinding attack detected";
    }
    const origin = headers.origin;
    const changesState = method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
    if (changesState && origin !== undefined && !this.isAllowedOrigin(origin, headers.host ?? "")) {
      return "Cross-origin request blocked";
    }
    return undefined;
  }

  /** Tells whether a page of this origin may write: the server's own pages, those of this machine, those allowed. */
  isAllowedOrigin(origin: string, host: string): boolean {
    if (origin === "null") return false;
    if (origin === `http://${host}` || origin === `https://${host}`) return true;
    if (/^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin)) return true;
    return this.#origins(origin);
  }
}

/** Headers of every response. */
export const securityHeaders = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
  "Referrer-Policy": "same-origin",
} as const;

type Matcher = (text: string) => boolean;

/** Tells whether a Host header is `localhost` or a loopback or private address as such: `10.evil.example` is a name. */
function isOwnAddress(host: string): boolean {
  const [, ipv6, name = ""] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(host) ?? [];
  if (ipv6 !== undefined) return isIPv6(ipv6) && ownAddresses.check(ipv6, "ipv6");
  return name.toLowerCase() === "localhost" || (isIPv4(name) && ownAddresses.check(name, "ipv4"));
}

function matcher(patterns: readonly string[]): Matcher {
  const tests = patterns.map((pattern) => {
    const parts = pattern.split("*");
    return (text: string) => matchesParts(text, parts);
  });
  return (text) => text !== "" && tests.some((test) => test(text));
}

/** Tells whether a text is the parts in order with anything between them: `*` without a regular expression. */
function matchesParts(text: string, [first = "", ...rest]: readonly string[]): boolean {
  if (!text.startsWith(first)) return false;
  const last = rest.pop();
  if (last === undefined) return text === first;
  let position = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return text.length - last.length >= position && text.endsWith(last);
}
