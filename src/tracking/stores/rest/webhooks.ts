// Webhooks that a server keeps. It calls them itself, and tells nobody their secrets.
import { z } from "zod";
import { type PagedList, pagedList } from "../../paged-list.ts";
import type {
  CreateWebhookInput,
  UpdateWebhookInput,
  Webhook,
  WebhookStore,
} from "../../webhooks/webhook.ts";
import { toWireWebhookEvent, wireWebhook } from "../../webhooks/wire.ts";
import { present } from "../../wire.ts";
import type { RestApi } from "./rest-api.ts";

const path = "/mlflow/webhooks";
const answer = z.object({ webhook: wireWebhook });

/** Keeps webhooks on a server, MLflow's or ours. */
export class RestWebhooks implements WebhookStore {
  readonly #api: RestApi;

  constructor(api: RestApi) {
    this.#api = api;
  }

  async createWebhook(input: CreateWebhookInput): Promise<Webhook> {
    return (await this.#api.call("POST", path, answer, toWireFields(input))).webhook;
  }

  async getWebhook(webhookId: string): Promise<Webhook> {
    return (await this.#api.call("GET", pathOf(webhookId), answer)).webhook;
  }

  async listWebhooks({
    maxResults = 100,
    pageToken,
  }: { maxResults?: number; pageToken?: string } = {}): Promise<PagedList<Webhook>> {
    const shape = z.object({
      webhooks: z.array(wireWebhook).default([]),
      next_page_token: z.string().optional(),
    });
    const fields = { max_results: maxResults, ...present({ page_token: pageToken }) };
    const page = await this.#api.call("GET", path, shape, fields);
    return pagedList(page.webhooks, page.next_page_token || undefined);
  }

  async updateWebhook({ webhookId, ...changes }: UpdateWebhookInput): Promise<Webhook> {
    return (await this.#api.call("PATCH", pathOf(webhookId), answer, toWireFields(changes))).webhook;
  }

  async deleteWebhook(webhookId: string): Promise<void> {
    await this.#api.call("DELETE", pathOf(webhookId), z.object({}));
  }

  async webhooksAskingFor(): Promise<Webhook[]> {
    return []; // the server calls them
  }
}

function pathOf(webhookId: string): string {
  return `${path}/${encodeURIComponent(webhookId)}`;
}

function toWireFields({ events, ...others }: Partial<CreateWebhookInput>): Record<string, unknown> {
  return { ...others, ...(events !== undefined && { events: events.map(toWireWebhookEvent) }) };
}
