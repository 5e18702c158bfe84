// Webhooks in a collection of their own.
import { randomUUID } from "node:crypto";
import type { PagedList } from "../../paged-list.ts";
import { toPagedList } from "../../search/page.ts";
import { changedColumns, newWebhook, noWebhook, readWebhookPage } from "../../webhooks/webhook.ts";
import type {
  CreateWebhookInput,
  UpdateWebhookInput,
  Webhook,
  WebhookEvent,
  WebhookStore,
  WebhooksWanted,
} from "../../webhooks/webhook.ts";
import type { MongoConnection } from "./connection.ts";

/** Is a webhook; `sealedSecret` is null where one was taken away. */
export interface WebhookDocument extends Omit<Webhook, "webhookId" | "sealedSecret" | "events"> {
  _id: string;
  events: WebhookEvent[];
  sealedSecret?: string | null;
}

/** Keeps webhooks in a MongoDB database. */
export class MongoWebhooks implements WebhookStore {
  readonly #connection: MongoConnection;

  constructor(connection: MongoConnection) {
    this.#connection = connection;
  }

  async createWebhook(input: CreateWebhookInput): Promise<Webhook> {
    const now = Date.now();
    const times = { creationTimestamp: now, lastUpdatedTimestamp: now };
    const webhook = { webhookId: randomUUID(), ...newWebhook(input), ...times };
    await this.importWebhook(webhook);
    return webhook;
  }

  /** Takes a webhook as it was in another store. */
  async importWebhook({ webhookId, events, ...columns }: Webhook): Promise<void> {
    const document: WebhookDocument = { _id: webhookId, ...columns, events: [...events] };
    await this.#connection.do(({ webhooks }) => webhooks.insertOne(document));
  }

  async getWebhook(webhookId: string): Promise<Webhook> {
    return found(
      webhookId,
      await this.#connection.do(({ webhooks }) => webhooks.findOne({ _id: { $eq: webhookId } })),
    );
  }

  async listWebhooks(wanted?: WebhooksWanted): Promise<PagedList<Webhook>> {
    const page = readWebhookPage(wanted);
    const documents = await this.#connection.do(({ webhooks }) =>
      webhooks
        .find()
        .sort({ creationTimestamp: -1, _id: 1 })
        .skip(page.offset)
        .limit(page.size + 1)
        .toArray(),
    );
    return toPagedList(documents.map(toWebhook), page);
  }

  async updateWebhook({ webhookId, ...input }: UpdateWebhookInput): Promise<Webhook> {
    const { sealedSecret, ...others } = changedColumns(input);
    const $set = {
      ...others,
      ...(input.secret !== undefined && { sealedSecret: sealedSecret ?? null }),
      lastUpdatedTimestamp: Date.now(),
    };
    const changed = await this.#connection.do(({ webhooks }) =>
      webhooks.findOneAndUpdate({ _id: { $eq: webhookId } }, { $set }, { returnDocument: "after" }),
    );
    return found(webhookId, changed);
  }

  async deleteWebhook(webhookId: string): Promise<void> {
    found(
      webhookId,
      await this.#connection.do(({ webhooks }) => webhooks.findOneAndDelete({ _id: { $eq: webhookId } })),
    );
  }

  async webhooksAskingFor(events: readonly string[]): Promise<Webhook[]> {
    const filter = { status: "ACTIVE" as const, events: { $in: [...events] as WebhookEvent[] } };
    return (await this.#connection.do(({ webhooks }) => webhooks.find(filter).toArray())).map(toWebhook);
  }
}

function found(webhookId: string, document: WebhookDocument | null): Webhook {
  if (document !== null) return toWebhook(document);
  throw noWebhook(webhookId);
}

function toWebhook({ _id, sealedSecret, ...columns }: WebhookDocument): Webhook {
  return { webhookId: _id, ...columns, ...(typeof sealedSecret === "string" && { sealedSecret }) };
}
