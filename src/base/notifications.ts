// What a list of notifications may say: which events, and where they are told. Sending: tracking/notifications.
import { isIP } from "node:net";
import { isPublicAddress } from "./public-address.ts";

/** What happens in the registry, by the names of MLflow's webhooks. */
export const registryEvents = [
  "registered_model.created",
  "model_version.created",
  "model_version_tag.set",
  "model_version_tag.deleted",
  "model_version_alias.created",
  "model_version_alias.deleted",
] as const;

/** What can be told. The names with a dot are those of MLflow's webhooks. */
export const notificationEvents = [
  "run_finished",
  "run_failed",
  "run_killed",
  "stage_changed",
  "alias_changed",
  ...registryEvents,
] as const;

/** Says what is told, and either which command is started or which address is called. Keys are those of the file. */
export interface Notification {
  on: readonly (typeof notificationEvents)[number][];
  /** The program and its arguments; no shell reads them. */
  command?: readonly string[] | undefined;
  /** An `https://` address. */
  webhook?: string | undefined;
  /** The environment variable that holds the secret with which calls are signed. */
  secret_env?: string | undefined;
}

/** Names the variable that lists hosts (`host` or `host:port`, with commas) that may be private or without TLS. */
export const allowedHostsVariable = "SCONCE_WEBHOOK_ALLOWED_HOSTS";

/** Returns what is wrong with one notification, each with the key that it is about. */
export function notificationProblems({
  command,
  webhook,
  secret_env,
}: Notification): { key: string; message: string }[] {
  const problems: { key: string; message: string }[] = [];
  const report = (key: string, message: string) => problems.push({ key, message });
  if ((command === undefined) === (webhook === undefined)) {
    const got = command === undefined ? "neither" : "both";
    report("command", `either command or webhook must be set, got ${got}.`);
  }
  const problem = webhook === undefined ? undefined : webhookProblem(webhook);
  if (problem !== undefined) report("webhook", problem);
  if (secret_env !== undefined && webhook === undefined) {
    report("secret_env", "it signs calls of a webhook, and there is none. Delete it.");
  } else if (secret_env !== undefined && !process.env[secret_env]) {
    report("secret_env", `it must name an environment variable that is set, got "${secret_env}".`);
  }
  return problems;
}

/** Says what is wrong with the address of a webhook, or returns undefined. What its name resolves to is seen later. */
export function webhookProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // as it is written: `URL` hides spaces, takes a backslash for a slash, and 0x7f.1 for 127.0.0.1
  const authority = /^https?:\/\/([^/?#]+)/i.exec(text)?.[1];
  // eslint-disable-next-line no-control-regex
  if (url === undefined || authority === undefined || /[\s\\\u0000-\u001f\u007f]/.test(text)) {
    return `it must be an https:// address, got ${JSON.stringify(text.slice(0, 200))}.`;
  }
  if (url.username !== "" || url.password !== "" || authority.includes("@")) {
    return "it must hold no user name and no password. Sign calls with secret_env.";
  }
  const written = authority.replace(/:\d*$/, "").toLowerCase();
  if (written !== url.hostname) {
    return `its host must be written as "${url.hostname}", got ${JSON.stringify(written)}.`;
  }
  if (isAllowedHost(url)) return undefined;
  const allow = `To allow it, set ${allowedHostsVariable}=${url.host}`;
  if (url.protocol !== "https:") return `it must begin with https://, got http://. ${allow}`;
  if (url.hostname.endsWith(".") || /(^|\.)localhost$/.test(url.hostname)) {
    return `its host must be a public name without a dot at its end, got "${url.hostname}". ${allow}`;
  }
  const address = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(address) !== 0 && !isPublicAddress(address)) {
    return `its host must be a public address, got ${address}. ${allow}`;
  }
  return undefined;
}

/** Tells whether the operator of this machine allows a host, private or without TLS as it may be. */
export function isAllowedHost({ host, hostname }: URL): boolean {
  const allowed = (process.env[allowedHostsVariable] ?? "")
    .split(",")
    .map((word) => word.trim().toLowerCase());
  return allowed.includes(host) || allowed.includes(hostname);
}
