// Where a server is and how to sign in, from the URI and the variables that MLflow's and Databricks' clients read.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { TrackingError } from "../../../base/index.ts";

/** Is a server with what it takes to talk to it. */
export interface ServerAddress {
  /** Without a slash at the end. */
  url: string;
  /** Value of the header `Authorization`. */
  authorization?: string;
  /** Accepts any certificate. */
  insecureTls: boolean;
  /** File with the certificate authority of the server. */
  serverCertPath?: string;
  /** File with certificate and key of the client. */
  clientCertPath?: string;
}

type Environment = Record<string, string | undefined>;

/**
 * Returns the address behind `http://host:port`, `databricks` or `databricks://PROFILE`.
 *
 * A server is signed in to with `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`
 * (of the environment, else of the section `[mlflow]` of `~/.mlflow/credentials`), or a name and password in the URI. A workspace is found by `DATABRICKS_HOST` and `DATABRICKS_TOKEN`, or by a profile
 * of `~/.databrickscfg` (`DATABRICKS_CONFIG_FILE`, `DATABRICKS_CONFIG_PROFILE`).
 */
export function serverAddress(uri: string, env: Environment = process.env): ServerAddress {
  if (uri === "databricks" || uri.startsWith("databricks://")) return databricksAddress(uri, env);
  const url = new URL(uri);
  const authorization = serverAuthorization(url, env);
  url.username = "";
  url.password = "";
  return {
    url: url.href.replace(/\/+$/, ""),
    ...(authorization === undefined ? {} : { authorization }),
    insecureTls: /^(1|true)$/i.test(env["MLFLOW_TRACKING_INSECURE_TLS"] ?? ""),
    ...optional("serverCertPath", env["MLFLOW_TRACKING_SERVER_CERT_PATH"]),
    ...optional("clientCertPath", env["MLFLOW_TRACKING_CLIENT_CERT_PATH"]),
  };
}

function serverAuthorization(url: URL, env: Environment): string | undefined {
  const token = env["MLFLOW_TRACKING_TOKEN"];
  const kept = keptCredentials(env);
  const username =
    decodeURIComponent(url.username) ||
    env["MLFLOW_TRACKING_USERNAME"] ||
    kept?.get("mlflow_tracking_username");
  const password =
    decodeURIComponent(url.password) ||
    env["MLFLOW_TRACKING_PASSWORD"] ||
    kept?.get("mlflow_tracking_password") ||
    "";
  if (username) return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return token ? `Bearer ${token}` : undefined;
}

/** Returns what MLflow's file of credentials holds, if there is one. */
function keptCredentials({ HOME: home }: Environment): Map<string, string> | undefined {
  if (!home) return undefined;
  try {
    return parseIni(readFileSync(join(home, ".mlflow", "credentials"), "utf8")).get("mlflow");
  } catch {
    return undefined; // most have none
  }
}

function databricksAddress(uri: string, env: Environment): ServerAddress {
  const profile = uri.startsWith("databricks://")
    ? uri.slice("databricks://".length)
    : env["DATABRICKS_CONFIG_PROFILE"];
  if (uri.startsWith("databricks://") && profile === "") {
    throw missing(`${uri}: a profile must follow, as in databricks://my-profile`);
  }
  if (profile?.includes(":")) {
    throw missing(`${uri}: secret scopes are not supported. Name a profile, as in databricks://my-profile`);
  }
  const host = env["DATABRICKS_HOST"];
  const token = env["DATABRICKS_TOKEN"];
  const section =
    profile === undefined && host && token ? { host, token } : readProfile(profile ?? "DEFAULT", env);
  return {
    url: (/^https?:\/\//i.test(section.host) ? section.host : `https://${section.host}`).replace(/\/+$/, ""),
    authorization: `Bearer ${section.token}`,
    insecureTls: false,
  };
}

function readProfile(profile: string, env: Environment): { host: string; token: string } {
  const path = env["DATABRICKS_CONFIG_FILE"] ?? join(env["HOME"] ?? homedir(), ".databrickscfg");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw missing(
      `Databricks: DATABRICKS_HOST and DATABRICKS_TOKEN must be set, or ${path} must hold the profile "${profile}"`,
      error,
    );
  }
  const values = parseIni(text).get(profile);
  const host = values?.get("host");
  const token = values?.get("token");
  if (host !== undefined && token !== undefined) return { host, token };
  throw missing(`${path}: the profile [${profile}] must have host and token`);
}

function parseIni(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const name = /^\s*\[(.+?)\]\s*$/.exec(line)?.[1];
    if (name !== undefined) {
      section = new Map();
      sections.set(name.trim(), section);
      continue;
    }
    const mark = line.indexOf("=");
    if (mark < 0 || /^\s*[#;]/.test(line)) continue;
    section.set(line.slice(0, mark).trim(), line.slice(mark + 1).trim());
  }
  return sections;
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value ? { [key]: value } : {}) as { [P in K]?: string };
}

function missing(message: string, cause?: unknown): TrackingError {
  return new TrackingError(`${message}.`, { code: "INVALID_PARAMETER_VALUE", cause });
}
