// One request of MLflow's REST API, and its answer in the form that the API promises.
import { z } from "zod";
import { TrackingError } from "../../../base/index.ts";
import type { SearchInput } from "../../store.ts";
import { present } from "../../wire.ts";
import type { CallOptions, RestClient } from "./rest-client.ts";

/** Is the token of the next page in an answer; `""` on the last page of some servers. */
export const nextPage = { next_page_token: z.string().optional() };

/** Is an answer of which nothing is needed. */
export const nothing = z.object({});

/** Marks a request that may be sent again. */
export const idempotent = { isIdempotent: true } as const;

/** Sends requests to a server, and checks what comes back. */
export class RestApi {
  readonly uri: string;
  readonly client: RestClient;

  constructor(uri: string, client: RestClient) {
    this.uri = uri;
    this.client = client;
  }

  /** Returns what an endpoint answers; a form that is not the API's throws. */
  async call<S extends z.ZodType>(
    method: string,
    path: string,
    shape: S,
    fields: Record<string, unknown> = {},
    options: CallOptions = {},
  ): Promise<z.output<S>> {
    const answer = shape.safeParse(await this.client.call(method, path, fields, options));
    if (answer.success) return answer.data;
    const [issue] = answer.error.issues;
    throw new TrackingError(
      `${method} ${path}: the server's answer does not have the form of MLflow's API ` +
        `(${issue?.path.join(".")}: ${issue?.message}).`,
      { code: "INVALID_STATE" },
    );
  }

  /** Calls an endpoint that answers with nothing. */
  async write(path: string, fields: Record<string, unknown>, options: CallOptions = {}): Promise<void> {
    await this.call("POST", path, nothing, fields, options);
  }

  /** Calls an endpoint that only our own server has. */
  async own<S extends z.ZodType>(
    method: string,
    path: string,
    shape: S,
    fields: Record<string, unknown>,
  ): Promise<z.output<S>> {
    try {
      return await this.call(method, path, shape, fields);
    } catch (error) {
      if (!(error instanceof TrackingError) || error.code !== "ENDPOINT_NOT_FOUND") throw error;
      throw notImplemented(`${path}: ${this.uri} is not a sconce server, and MLflow has no such call`);
    }
  }
}

/** Returns the fields of a search. */
export function searchFields({ filter, orderBy, maxResults, pageToken }: SearchInput, defaultResults = 1000) {
  return {
    max_results: maxResults ?? defaultResults,
    ...present({ filter, page_token: pageToken }),
    order_by: orderBy ?? [],
  };
}

/** Says what a server cannot do. */
export function notImplemented(message: string): TrackingError {
  return new TrackingError(`${message}.`, { code: "NOT_IMPLEMENTED" });
}
