// What the hub says of a file before it is downloaded: the HEAD answer of its resolve address.
import { HubError } from "./errors.ts";
import { type HubResponse, sendToHub, unreachable } from "./http.ts";
import { isCommit } from "./cache.ts";
import type { HubSettings } from "./settings.ts";

/** Describes one file of one commit. */
export interface FileMetadata {
  commit: string;
  /** SHA-256 of a large file, git's SHA-1 of a small one; names the blob in the cache. */
  etag: string;
  /** Bytes. */
  size: number;
}

/** Says which file of a repository is meant. */
export interface FileAddress {
  repo: string;
  revision: string;
  file: string;
}

/** Returns where a file is downloaded from. */
export function fileUrl({ endpoint }: HubSettings, { repo, revision, file }: FileAddress): string {
  const path = file.split("/").map(encodeURIComponent).join("/");
  return `${endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${path}`;
}

/**
 * Asks the hub for a file's commit, hash and size. Returns the commit alone where it has no such file.
 *
 * @throws HubError for a repository or revision that is not there or not open, and where the hub is out of reach.
 */
export async function fetchMetadata(
  address: FileAddress,
  settings: HubSettings,
): Promise<FileMetadata | { commit: string; etag?: never }> {
  const url = fileUrl(settings, address);
  const { status, headers, body } = await sendToHub({ method: "HEAD", url, stayOnSite: true }, settings);
  body.resume();
  const commit = headers["x-repo-commit"] ?? "";
  const reason = headers["x-error-code"] ?? "EntryNotFound"; // a mirror may leave it out
  if (status === 404 && reason === "EntryNotFound" && isCommit(commit)) return { commit };
  if (status >= 400) throw refusal(address, { status, headers }, settings);

  const etag = (headers["x-linked-etag"] ?? headers["etag"])?.replace(/^W\//u, "").replaceAll('"', "");
  const size = Number(headers["x-linked-size"] ?? (status < 300 ? headers["content-length"] : undefined));
  // a proxy's login page, say; names from outside must be no paths
  if (!isCommit(commit) || etag === undefined || !/^\w[\w.+=-]{0,127}$/u.test(etag) || !(size >= 0)) {
    throw unreachable(
      settings,
      `an answer without the commit, hash and size of a file (status ${status}), as from a proxy in its place`,
    );
  }
  return { commit, etag, size };
}

/** Makes the error for an answer of 4xx, from the hub's `X-Error-Code` where it gives one. */
export function refusal(
  { repo, revision, file }: FileAddress,
  { status, headers }: Pick<HubResponse, "status" | "headers">,
  settings: HubSettings,
): HubError {
  const { endpoint, token } = settings;
  const code = headers["x-error-code"];
  if (code === undefined && headers["x-error-message"] === undefined) {
    return unreachable(settings, `status ${status} without the hub's reason, as from a proxy in its place`);
  }
  const page = `${endpoint}/${repo}`;
  const withToken =
    token === undefined ? "set HF_TOKEN to a token of an account that may read it" : "check HF_TOKEN";
  if (code === "GatedRepo") {
    return new HubError(
      "hub_denied",
      `${repo}: the hub gives this model to those who accepted its terms, got status ${status} ` +
        `${token === undefined ? "without a token" : "for the token in use"}. Accept them at ${page}, then ${withToken}.`,
    );
  }
  if (code === "RevisionNotFound") {
    return new HubError(
      "hub_not_found",
      `${repo}: the revision must be a branch, tag or commit of the repository, got "${revision}". ` +
        `See ${page}/tree/main for those there are.`,
    );
  }
  if (code === "EntryNotFound") return fileNotFound({ repo, revision, file }, endpoint);
  if (/invalid credentials/iu.test(headers["x-error-message"] ?? "")) {
    return new HubError(
      "hub_denied",
      `${repo}: HF_TOKEN or the token of \`hf auth login\` must be valid, got status ${status}. ` +
        `Make a new one at ${endpoint}/settings/tokens, or unset it for public models.`,
    );
  }
  // the hub answers 401 for what does not exist and for what is private alike
  if (code === "RepoNotFound" || status === 401 || status === 404) {
    return new HubError(
      "hub_not_found",
      `${repo}: the hub must have this repository, got status ${status}. ` +
        `Check the name at ${page}; if it is private, ${withToken}.`,
    );
  }
  return new HubError(
    "hub_denied",
    `${repo}: ${file} must be readable, got status ${status}${describe(headers["x-error-message"])}. ` +
      `See ${page}, and ${withToken}.`,
  );
}

/** Makes the error for a file that a repository lacks. */
export function fileNotFound({ repo, revision, file }: FileAddress, endpoint: string): HubError {
  return new HubError(
    "hub_not_found",
    `${repo}: revision "${revision}" must hold ${file}, got no such file. ` +
      `See ${endpoint}/${repo}/tree/${revision} for those there are.`,
  );
}

function describe(message: string | undefined): string {
  return message === undefined ? "" : ` ("${message}")`;
}
