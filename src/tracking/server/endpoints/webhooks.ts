// Endpoints of webhooks. A secret comes in and never goes out.
import { z } from "zod";
import { TrackingError } from "../../../base/index.ts";
import { type WebhookTest, testWebhook } from "../../notifications/stored-webhooks.ts";
import { type WebhookStore, keepsWebhooks } from "../../webhooks/webhook.ts";
import { toWireWebhook, wireWebhookEvent, wireWebhookStatus } from "../../webhooks/wire.ts";
import { present, wireInteger } from "../../wire.ts";
import { endpoint, nextPage, required } from "../endpoint.ts";
import type { ServerContext } from "../endpoint.ts";

const byId = z.object({ webhook_id: required });

export const webhookEndpoints = [
  endpoint(
    "POST",
    "/mlflow/webhooks",
    z.object({
      name: required,
      url: required,
      events: z.array(wireWebhookEvent).min(1),
      description: z.string().optional(),
      secret: z.string().optional(),
      status: wireWebhookStatus.optional(),
    }),
    async ({ name, url, events, description, secret, status }, { store }) => {
      const input = {
        name,
        url,
        events,
        ...present({ description: description || undefined, secret, status }),
      };
      return { webhook: toWireWebhook(await webhooksOf(store).createWebhook(input)) };
    },
  ),
  endpoint(
    "GET",
    "/mlflow/webhooks",
    z.object({ max_results: wireInteger.optional(), page_token: z.string().optional() }),
    async ({ max_results, page_token }, { store }) => {
      const page = await webhooksOf(store).listWebhooks(
        present({ maxResults: max_results || undefined, pageToken: page_token || undefined }),
      );
      return { webhooks: page.map(toWireWebhook), ...nextPage(page.token) };
    },
  ),
  endpoint("GET", "/mlflow/webhooks/{webhook_id}", byId, async ({ webhook_id }, { store }) => ({
    webhook: toWireWebhook(await webhooksOf(store).getWebhook(webhook_id)),
  })),
  endpoint(
    "PATCH",
    "/mlflow/webhooks/{webhook_id}",
    byId.extend({
      name: z.string().optional(),
      url: z.string().optional(),
      events: z.array(wireWebhookEvent).optional(),
      description: z.string().optional(),
      secret: z.string().optional(),
      status: wireWebhookStatus.optional(),
    }),
    async ({ webhook_id, name, url, events, description, secret, status }, { store }) => {
      // what is empty stays as it is, as in MLflow; a description and a secret may become empty
      const changes = present({
        name: name || undefined,
        url: url || undefined,
        events: events?.length === 0 ? undefined : events,
        description,
        secret,
        status,
      });
      const webhook = await webhooksOf(store).updateWebhook({ webhookId: webhook_id, ...changes });
      return { webhook: toWireWebhook(webhook) };
    },
  ),
  endpoint("DELETE", "/mlflow/webhooks/{webhook_id}", byId, ({ webhook_id }, { store }) =>
    webhooksOf(store).deleteWebhook(webhook_id),
  ),
  endpoint(
    "POST",
    "/mlflow/webhooks/{webhook_id}/test",
    byId.extend({ event: wireWebhookEvent.optional() }),
    async ({ webhook_id, event }, { store }) => ({
      result: toWireTest(await testWebhook(await webhooksOf(store).getWebhook(webhook_id), event)),
    }),
  ),
];

function webhooksOf(store: ServerContext["store"]): WebhookStore {
  if (keepsWebhooks(store)) return store.webhooks;
  throw new TrackingError(
    `webhooks: ${store.uri} keeps none, as MLflow's file store does not. Use SQLite, PostgreSQL or MongoDB, or --notify.`,
    { code: "NOT_IMPLEMENTED" },
  );
}

function toWireTest({ success, responseStatus, responseBody, errorMessage }: WebhookTest) {
  return {
    success,
    ...present({ response_status: responseStatus, response_body: responseBody, error_message: errorMessage }),
  };
}
