// Webhooks that a store keeps, as MLflow 3.17 does: what they are, and what is refused (mlflow/utils/validation.py).
import { TrackingError, registryEvents, webhookProblem } from "../../base/index.ts";
import type { PagedList } from "../paged-list.ts";
import { readPage } from "../search/page.ts";
import type { Page } from "../search/page.ts";
import { invalid } from "../validation.ts";
import { sealSecret } from "./secret.ts";

/** What a webhook can ask for; `budget_policy.exceeded` is MLflow's, and nothing here tells it. */
export const webhookEvents = [
  ...registryEvents,
  "prompt.created",
  "prompt_version.created",
  "prompt_tag.set",
  "prompt_tag.deleted",
  "prompt_version_tag.set",
  "prompt_version_tag.deleted",
  "prompt_alias.created",
  "prompt_alias.deleted",
  "budget_policy.exceeded",
] as const;

/** Names what a webhook asks for. */
export type WebhookEvent = (typeof webhookEvents)[number];

/** Says whether a webhook is called. */
export type WebhookStatus = "ACTIVE" | "DISABLED";

/** Is an address that is called when something happens in the registry. */
export interface Webhook {
  webhookId: string;
  name: string;
  url: string;
  description?: string;
  status: WebhookStatus;
  /** In the order of their names; there is at least one. */
  events: readonly WebhookEvent[];
  /** The secret that calls are signed with, encrypted; absent where there is none, and where a server keeps it. */
  sealedSecret?: string;
  creationTimestamp: number;
  lastUpdatedTimestamp: number;
}

/** Describes a new webhook. */
export interface CreateWebhookInput {
  /** 1 to 63 letters, digits, dots, underscores and hyphens; need not be the only one of this name. */
  name: string;
  /** An `https://` address. */
  url: string;
  events: readonly WebhookEvent[];
  description?: string;
  /** Signs the calls. */
  secret?: string;
  /** @default "ACTIVE" */
  status?: WebhookStatus;
}

/** Says what of a webhook becomes another; an empty secret takes the old one away. */
export type UpdateWebhookInput = Partial<CreateWebhookInput> & { webhookId: string };

/** Says which page of webhooks is wanted. */
export interface WebhooksWanted {
  maxResults?: number;
  pageToken?: string;
}

/** Keeps webhooks. Errors as `TrackingStore`. */
export interface WebhookStore {
  createWebhook(input: CreateWebhookInput): Promise<Webhook>;
  getWebhook(webhookId: string): Promise<Webhook>;
  /** Returns webhooks, the newest first. @default maxResults: 100, at most 1000 */
  listWebhooks(wanted?: WebhooksWanted): Promise<PagedList<Webhook>>;
  updateWebhook(input: UpdateWebhookInput): Promise<Webhook>;
  deleteWebhook(webhookId: string): Promise<void>;
  /** Returns the active webhooks that ask for any of some events, and that whoever has the store is to call. */
  webhooksAskingFor(events: readonly string[]): Promise<Webhook[]>;
}

/** Tells whether a store keeps webhooks; a folder of files does not. */
export function keepsWebhooks<S extends object>(store: S): store is S & { webhooks: WebhookStore } {
  return "webhooks" in store;
}

/** Reads which page of its webhooks a store is to give. */
export function readWebhookPage({ maxResults = 100, ...wanted }: WebhooksWanted = {}): Page {
  return readPage({ maxResults, ...wanted }, { maxResults: 1000 });
}

/** Makes the error of a webhook that a store does not have. */
export function noWebhook(webhookId: string): TrackingError {
  return new TrackingError(`webhook "${webhookId}": it must exist, and the store has none of this id.`, {
    code: "RESOURCE_DOES_NOT_EXIST",
  });
}

// what the columns of MLflow's table hold
const maxUrlLength = 500;
const maxDescriptionLength = 1000;

/** Is what a store writes of a webhook. */
export type WebhookColumns = Omit<Webhook, "webhookId" | "creationTimestamp" | "lastUpdatedTimestamp">;

/** Checks a new webhook, and returns what a store writes of it. */
export function newWebhook(input: CreateWebhookInput): WebhookColumns {
  const { name, url, events } = input;
  return { status: "ACTIVE", ...changedColumns({ ...input, name, url, events }) } as WebhookColumns;
}

/** Checks what is to change, and returns what a store writes; `sealedSecret` is undefined where one is taken away. */
export function changedColumns({
  name,
  url,
  events,
  description,
  secret,
  status,
}: Partial<CreateWebhookInput>) {
  if (name !== undefined) checkName(name);
  if (url !== undefined) checkUrl(url);
  if (events !== undefined) checkEvents(events);
  if (description !== undefined) checkLength("description", description, maxDescriptionLength);
  if (status !== undefined && status !== "ACTIVE" && status !== "DISABLED") {
    throw invalid(`webhook status: it must be ACTIVE or DISABLED, got ${JSON.stringify(status)}.`);
  }
  return {
    ...(name !== undefined && { name }),
    ...(url !== undefined && { url }),
    ...(events !== undefined && { events: [...new Set(events)].sort() }),
    ...(description !== undefined && { description }),
    ...(status !== undefined && { status }),
    ...(secret !== undefined && { sealedSecret: secret === "" ? undefined : sealSecret(secret) }),
  };
}

function checkName(name: string): void {
  if (/^(?=.{1,63}$)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i.test(name)) return;
  throw invalid(
    "webhook name: it must have 1 to 63 letters, digits, dots, underscores and hyphens, and begin and end with a letter " +
      `or digit, got ${JSON.stringify(name.slice(0, 80))}.`,
  );
}

function checkUrl(url: string): void {
  checkLength("url", url, maxUrlLength);
  const problem = webhookProblem(url);
  if (problem !== undefined) throw invalid(`webhook url: ${problem}`);
}

function checkEvents(events: readonly string[]): void {
  if (events.length === 0) throw invalid("webhook events: at least one must be named.");
  const unknown = events.find((event) => !(webhookEvents as readonly string[]).includes(event));
  if (unknown === undefined) return;
  throw invalid(
    `webhook events: ${JSON.stringify(unknown.slice(0, 80))} is none. There are ${webhookEvents.join(", ")}.`,
  );
}

function checkLength(what: string, text: string, most: number): void {
  if (text.length > most) {
    throw invalid(`webhook ${what}: it must have at most ${most} characters, got ${text.length}.`);
  }
}
