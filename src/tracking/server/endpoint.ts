// What one endpoint of the REST API is, and how its input is read.
import { z } from "zod";
import type { RegistryStore, TrackingStore } from "../store.ts";
import { invalid } from "../validation.ts";
import type { ArtifactFolders } from "./artifact-folders.ts";
import type { Access } from "./auth/access.ts";
import type { ChangeFeed } from "./change-feed.ts";

/** Holds what endpoints work with. */
export interface ServerContext {
  store: TrackingStore & RegistryStore;
  changes: ChangeFeed;
  folders: ArtifactFolders;
  /** Returns where whoever asks reaches the server, with a slash at its end. */
  publicUrl(): string;
  /** What the user who asks may do, on a server with users. */
  access?: Access;
}

/** Methods of HTTP that the API uses. */
export type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";

/** Is one endpoint: `path` follows `/api/2.0`; a segment `{name}` becomes a field of the input. */
export interface Endpoint {
  methods: readonly Method[];
  path: string;
  /** Answers with the object that becomes the JSON of the response. */
  handle(input: Record<string, unknown>, context: ServerContext): Promise<object>;
}

/** Makes an endpoint from the shape of its input and a function of the input that fits it. */
export function endpoint<S extends z.ZodType>(
  method: Method | readonly Method[],
  path: string,
  shape: S,
  handle: (input: z.output<S>, context: ServerContext) => Promise<object | void>,
): Endpoint {
  return {
    methods: typeof method === "string" ? [method] : method,
    path,
    async handle(input, context) {
      return (await handle(parseInput(path, shape, input), context)) ?? {};
    },
  };
}

function parseInput<S extends z.ZodType>(
  path: string,
  shape: S,
  input: Record<string, unknown>,
): z.output<S> {
  const parsed = shape.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join(".") || "the body"}: ${issue.message}`);
  throw invalid(`${path}: ${problems.join("; ")}.`);
}

/** Reads a list that a query string may spell as one value, or leave out. */
export function listOf<S extends z.ZodType>(item: S) {
  return z.preprocess(
    (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]),
    z.array(item),
  );
}

/** Reads a text that must not be empty. */
export const required = z.string().min(1);

/** Reads the id of a run, by its name now or by MLflow's old one. */
export const runIdFields = { run_id: z.string().optional(), run_uuid: z.string().optional() };

/** Returns the run that a request names. */
export function runIdOf(input: { run_id?: string | undefined; run_uuid?: string | undefined }): string {
  const runId = input.run_id || input.run_uuid;
  if (runId === undefined || runId === "") throw invalid("run_id: it must name a run, and it is missing.");
  return runId;
}

/** Names the next page where there is one. */
export function nextPage(token: string | undefined): { next_page_token?: string } {
  return token === undefined ? {} : { next_page_token: token };
}
