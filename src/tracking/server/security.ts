// Who may talk to the server: the guards against DNS rebinding and against other sites' pages in a user's browser.
// The defaults are those of MLflow 3.17 (server/security_utils.py); what differs is stricter.
import type { IncomingMessage } from "node:http";

/** Says which hosts and pages may use the server. */
export interface SecurityOptions {
  /** Host headers to serve, `*` standing for any characters. @default loopback and private addresses */
  allowedHosts?: readonly string[];
  /** Origins of other sites whose pages may write. @default none */
  allowedOrigins?: readonly string[];
}

const loopbackHosts = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];
const privateHosts = [
  "192.168.*",
  "10.*",
  ...Array.from({ length: 16 }, (_, index) => `172.${16 + index}.*`),
  "[fc00:*",
  "[fd00:*",
];

/** Decides about requests by their headers alone. */
export class Guard {
  readonly #hosts: Matcher;
  readonly #origins: Matcher;

  constructor({ allowedHosts, allowedOrigins = [] }: SecurityOptions = {}) {
    const defaults = [...loopbackHosts, ...loopbackHosts.map((host) => `${host}:*`), ...privateHosts];
    this.#hosts = matcher(allowedHosts ?? defaults);
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
