// Where the hub and its cache are: the environment variables of Python's huggingface_hub, with its defaults.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../base/index.ts";
import type { ProxySettings } from "./proxy.ts";

/** Says which hub is asked, as whom, how patiently, and where its files are kept. */
export interface HubSettings {
  /** Address of the hub or of a mirror, without a slash at its end. `HF_ENDPOINT`. */
  endpoint: string;
  /** Folder that Python's huggingface_hub shares. `HF_HUB_CACHE`, else `HF_HOME/hub`. */
  cacheFolder: string;
  /** Sent to the endpoint alone. `HF_TOKEN`, else the file that `hf auth login` writes. */
  token: string | undefined;
  /** Whether only the cache is used. `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`. */
  offline: boolean;
  /** `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, in small or capital letters. */
  proxies: ProxySettings;
  /** Longest time until a connection stands, after which the hub counts as out of reach. */
  connectTimeoutMs: number;
  /** Longest silence of a standing connection. `HF_HUB_DOWNLOAD_TIMEOUT`, in seconds. */
  stallTimeoutMs: number;
  /** How often a request is made again that failed for a reason that may pass. */
  maxRetries: number;
  /** Wait before the first retry; it doubles with each. */
  retryDelayMs: number;
}

/**
 * Reads the settings from environment variables.
 *
 * @throws UsageError where a variable makes no sense.
 */
export function hubSettings(env: NodeJS.ProcessEnv = process.env): HubSettings {
  const read = (name: string) => env[name]?.trim() || undefined;
  const home = expandHome(
    read("HF_HOME") ?? join(expandHome(read("XDG_CACHE_HOME") ?? "~/.cache"), "huggingface"),
  );
  const cache = read("HF_HUB_CACHE") ?? read("HUGGINGFACE_HUB_CACHE");
  return {
    endpoint: checkEndpoint(read("HF_ENDPOINT") ?? "https://huggingface.co"),
    cacheFolder: cache === undefined ? join(home, "hub") : expandHome(cache),
    token:
      read("HF_TOKEN") ??
      read("HUGGING_FACE_HUB_TOKEN") ??
      readToken(expandHome(read("HF_TOKEN_PATH") ?? join(home, "token"))),
    offline: [read("HF_HUB_OFFLINE"), read("TRANSFORMERS_OFFLINE")].some(isTrue),
    proxies: readProxies(env),
    connectTimeoutMs: 4_000,
    stallTimeoutMs: seconds("HF_HUB_DOWNLOAD_TIMEOUT", read("HF_HUB_DOWNLOAD_TIMEOUT") ?? "30") * 1000,
    maxRetries: 4,
    retryDelayMs: 500,
  };
}

function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new UsageError(
      `HF_ENDPOINT: must be the http(s) address of a hub, got "${text}". Unset it for the public hub.`,
    );
  }
  return text.replace(/\/+$/u, "");
}

function readProxies(env: NodeJS.ProcessEnv): ProxySettings {
  const read = (name: string) => (env[name] ?? env[name.toUpperCase()])?.trim() || undefined;
  const proxy = (name: string) => {
    const text = read(name) ?? read("all_proxy");
    if (text === undefined) return undefined;
    const address = text.includes("://") ? text : `http://${text}`;
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (url?.protocol === "http:" && url.hostname !== "") return url;
    throw new UsageError(
      `${name}: must be the http address of a proxy, got "${text}". Unset it to use none.`,
    );
  };
  const except = (read("no_proxy") ?? "").split(/[\s,]+/u).filter((entry) => entry !== "");
  return { http: proxy("http_proxy"), https: proxy("https_proxy"), except };
}

function seconds(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 86_400) return value;
  throw new UsageError(`${name}: must be a number of seconds from above 0 to 86400, got "${text}".`);
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(1|on|yes|true)$/iu.test(text);
}

function expandHome(path: string): string {
  return resolve(path.replace(/^~(?=$|\/)/u, homedir()));
}

function readToken(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch {
    return undefined; // not logged in
  }
}
