// Calls the webhooks that a store keeps, for a server in front of it.
import { openSecret } from "../webhooks/secret.ts";
import type { Webhook, WebhookEvent, WebhookStore } from "../webhooks/webhook.ts";
import { askWebhook, callUntilTaken, refusalIn } from "./call-webhook.ts";
import { deliveryOf, warnOfUntold } from "./event.ts";
import type { EventName, Listener, NotificationEvent } from "./event.ts";
import { exampleOf } from "./example-events.ts";
import { Receiver, closeReceivers } from "./receiver.ts";

const timeoutMs = 10_000;

/** Is what came of trying a webhook out. */
export interface WebhookTest {
  success: boolean;
  responseStatus?: number;
  responseBody?: string;
  errorMessage?: string;
}

/** Tells events to the webhooks of a store, each in its own queue. The store is asked at each event. */
export class StoredWebhooks implements Listener {
  readonly #store: WebhookStore;
  readonly #receivers = new Map<string, Receiver>();

  constructor(store: WebhookStore) {
    this.#store = store;
  }

  async tell(
    names: readonly EventName[],
    event: () => Promise<NotificationEvent | undefined>,
  ): Promise<void> {
    try {
      const webhooks = await this.#store.webhooksAskingFor(names);
      const told = webhooks.length === 0 ? undefined : await event();
      if (told === undefined) return;
      const name = `${told.entity}.${told.action}` as WebhookEvent;
      for (const webhook of webhooks) if (webhook.events.includes(name)) this.#add(webhook, told);
    } catch (error) {
      warnOfUntold(error);
    }
  }

  /** Waits until all is told, but no longer than some time, and gives up what is not. */
  async close({ timeoutMs }: { timeoutMs: number }): Promise<void> {
    await closeReceivers([...this.#receivers.values()], timeoutMs);
  }

  #add(webhook: Webhook, event: NotificationEvent): void {
    const { webhookId, name } = webhook;
    const receiver = this.#receivers.get(webhookId) ?? new Receiver(`webhook "${name}"`);
    this.#receivers.set(webhookId, receiver);
    const delivery = deliveryOf(event);
    receiver.add((stop) =>
      callUntilTaken(webhook.url, delivery, { timeoutMs, stop, secret: secretOf(webhook) }),
    );
    void receiver.idle().then(() => {
      if (receiver.isIdle) this.#receivers.delete(webhookId);
    });
  }
}

/** Calls a webhook once with an example of an event, by default its first, and returns what came of it. */
export async function testWebhook(webhook: Webhook, event = webhook.events[0]!): Promise<WebhookTest> {
  try {
    const { status, body } = await askWebhook(webhook.url, deliveryOf(exampleOf(event)), {
      timeoutMs,
      secret: secretOf(webhook),
    });
    const refusal = refusalIn(status);
    return {
      success: refusal === undefined,
      responseStatus: status,
      responseBody: body,
      ...(refusal !== undefined && { errorMessage: refusal }),
    };
  } catch (error) {
    return { success: false, errorMessage: `Failed to test webhook: ${(error as Error).message}` };
  }
}

function secretOf({ sealedSecret }: Webhook): string | undefined {
  return sealedSecret === undefined ? undefined : openSecret(sealedSecret);
}
