// Which proxy a request goes through, from the variables that curl, pip and Python's client read too.
import { type ClientRequest, type RequestOptions, request as requestHttp } from "node:http";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** Says which proxies there are and for which hosts none is used. */
export interface ProxySettings {
  /** Proxy for http addresses. `http_proxy`, else `all_proxy`. */
  http: URL | undefined;
  /** Proxy for https addresses. `https_proxy`, else `all_proxy`. */
  https: URL | undefined;
  /** Hosts, domains (`.example.org`) or `*`, each possibly with `:PORT`. `no_proxy`. */
  except: readonly string[];
}

/** Returns the proxy for an address; a machine's own addresses are reached without one. */
export function proxyFor(url: URL, { http, https, except }: ProxySettings): URL | undefined {
  const proxy = url.protocol === "https:" ? https : http;
  const { hostname } = url;
  if (proxy === undefined || hostname === "localhost" || /^127\.|^\[::1\]$/u.test(hostname)) return undefined;
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const isExcepted = except.some((entry) => {
    const [, name = "", only] = /^\*?\.?(.*?)(?::(\d+))?$/u.exec(entry) ?? [];
    if (only !== undefined && only !== port) return false;
    return entry === "*" || (name !== "" && (hostname === name || hostname.endsWith(`.${name}`)));
  });
  return isExcepted ? undefined : proxy;
}

/** Returns the options of a request to the proxy itself, and the header by which it knows its user. */
export function proxyOptions(proxy: URL): RequestOptions & { headers: Record<string, string> } {
  // not the URL as such: its user would be sent on to the hub as well
  return {
    hostname: proxy.hostname.replace(/^\[|\]$/gu, ""),
    port: proxy.port || 80,
    headers: userHeader(proxy),
  };
}

function userHeader({ username, password }: URL): Record<string, string> {
  if (username === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

/**
 * Opens a TLS connection to `url` through a proxy's CONNECT.
 *
 * @throws Error where the proxy does not answer within `timeoutMs`, or refuses.
 */
export async function openTunnel(proxy: URL, url: URL, timeoutMs: number): Promise<Socket> {
  const target = `${url.hostname}:${url.port === "" ? 443 : url.port}`;
  const options = proxyOptions(proxy);
  const headers = { ...options.headers, host: target };
  const request = requestHttp({ ...options, method: "CONNECT", path: target, headers, agent: false });
  const socket = await connected(request, proxy, timeoutMs);
  return connectTls({ socket, servername: url.hostname });
}

function connected(request: ClientRequest, proxy: URL, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const refuse = (reason: string) => {
      clearTimeout(timer);
      request.destroy();
      reject(new Error(`${reason} from the proxy ${proxy.host}`));
    };
    const timer = setTimeout(() => refuse(`no answer for ${timeoutMs / 1000} s`), timeoutMs);
    request.on("connect", ({ statusCode }, socket) => {
      if (statusCode !== 200) return refuse(`status ${statusCode}`);
      clearTimeout(timer);
      resolve(socket as Socket);
    });
    request.on("response", ({ statusCode }) => refuse(`status ${statusCode}`));
    request.on("error", (error) => refuse(error.message));
    request.end();
  });
}
