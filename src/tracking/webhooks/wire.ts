// Webhooks as MLflow's REST API spells them in JSON, both ways. Source: MLflow's webhooks.proto.
import { z } from "zod";
import { present, wireInteger } from "../wire.ts";
import { type Webhook, type WebhookEvent, webhookEvents } from "./webhook.ts";

/** Reads an event: `{ entity: "MODEL_VERSION", action: "CREATED" }`. */
export const wireWebhookEvent = z
  .object({ entity: z.string(), action: z.string() })
  .transform(({ entity, action }) => `${entity}.${action}`.toLowerCase())
  .pipe(z.enum(webhookEvents));

/** Reads whether a webhook is called. */
export const wireWebhookStatus = z.enum(["ACTIVE", "DISABLED"]);

/** Reads a webhook, which has no secret. */
export const wireWebhook = z
  .object({
    webhook_id: z.string(),
    name: z.string(),
    url: z.string(),
    events: z.array(wireWebhookEvent),
    description: z.string().optional(),
    status: wireWebhookStatus.default("ACTIVE"),
    creation_timestamp: wireInteger.default(0),
    last_updated_timestamp: wireInteger.default(0),
  })
  .transform((wire): Webhook => ({
    webhookId: wire.webhook_id,
    name: wire.name,
    url: wire.url,
    ...present({ description: wire.description || undefined }),
    status: wire.status,
    events: wire.events.sort(),
    creationTimestamp: wire.creation_timestamp,
    lastUpdatedTimestamp: wire.last_updated_timestamp,
  }));

/** Writes an event. */
export function toWireWebhookEvent(event: WebhookEvent) {
  const [entity, action] = event.toUpperCase().split(".");
  return { entity, action };
}

/** Writes a webhook, without its secret. */
export function toWireWebhook(webhook: Webhook) {
  return {
    webhook_id: webhook.webhookId,
    name: webhook.name,
    url: webhook.url,
    events: webhook.events.map(toWireWebhookEvent),
    ...present({ description: webhook.description || undefined }),
    status: webhook.status,
    creation_timestamp: webhook.creationTimestamp,
    last_updated_timestamp: webhook.lastUpdatedTimestamp,
  };
}
