// Pages of a search: how many results, and the token that asks for the next ones.
import { createHash } from "node:crypto";
import { pagedList } from "../paged-list.ts";
import type { PagedList } from "../paged-list.ts";
import type { SearchInput } from "../store.ts";
import { invalid } from "../validation.ts";
import type { SearchSchema } from "./schemas.ts";

/** Says which results of a search are wanted. */
export interface Page {
  /** Results that come before this page. */
  offset: number;
  size: number;
  /** Ties a token to the search that it continues. */
  fingerprint: string;
}

/**
 * Reads which page a search wants. `scope` is what else decides about the results: experiments, view type.
 *
 * @throws TrackingError for a size out of bounds, and for a token that is damaged or of another search
 */
export function readPage(
  {
    filter,
    orderBy,
    maxResults = 1000,
    pageToken,
  }: Omit<SearchInput, "orderBy"> & { orderBy?: readonly unknown[] },
  { maxResults: limit }: Pick<SearchSchema, "maxResults">,
  scope: unknown = null,
): Page {
  if (!Number.isSafeInteger(maxResults) || maxResults < 1 || maxResults > limit) {
    throw invalid(`maxResults: it must be a whole number from 1 to ${limit}, got ${maxResults}.`);
  }
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([filter ?? "", orderBy ?? [], scope]))
    .digest("base64url")
    .slice(0, 12);
  return {
    offset: pageToken === undefined ? 0 : readToken(pageToken, fingerprint),
    size: maxResults,
    fingerprint,
  };
}

/** Makes a page of `results`, which hold one more than the page where there is a next one. */
export function toPagedList<T>(results: T[], { offset, size, fingerprint }: Page): PagedList<T> {
  if (results.length <= size) return pagedList(results, undefined);
  const token = Buffer.from(JSON.stringify([offset + size, fingerprint])).toString("base64url");
  return pagedList(results.slice(0, size), token);
}

function readToken(token: string, fingerprint: string): number {
  const [offset, tied] = parseToken(token);
  if (!Number.isSafeInteger(offset) || (offset as number) < 0 || typeof tied !== "string") {
    throw invalid(
      `page token: it must be one that a search gave, got ${JSON.stringify(token.slice(0, 80))}.`,
    );
  }
  if (tied !== fingerprint) {
    throw invalid(
      "page token: it belongs to another search. Ask with the filter, order and experiments as before.",
    );
  }
  return offset as number;
}

function parseToken(token: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
