// Webhooks in MLflow's tables `webhooks` and `webhook_events`. A deleted one stays, without its secret, where nothing sees it.
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
import { groupRows, optionalText } from "./rows.ts";
import { type Sql, type SqlDatabase, type SqlRow, allIn, insertRows, marks } from "./sql.ts";

const columns =
  "webhook_id, name, url, description, status, secret, creation_timestamp, last_updated_timestamp";
const inUse = "deleted_timestamp IS NULL AND workspace = 'default'";

/** Keeps webhooks in a SQL database. */
export class SqlWebhooks implements WebhookStore {
  readonly #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  async createWebhook(input: CreateWebhookInput): Promise<Webhook> {
    const now = Date.now();
    const times = { creationTimestamp: now, lastUpdatedTimestamp: now };
    const webhook = { webhookId: randomUUID(), ...newWebhook(input), ...times };
    await this.importWebhook(webhook);
    return webhook;
  }

  /** Takes a webhook as it was in another store. */
  async importWebhook(webhook: Webhook): Promise<void> {
    const { webhookId, name, url, description = null, status, sealedSecret = null, events } = webhook;
    const times = [webhook.creationTimestamp, webhook.lastUpdatedTimestamp];
    const values = [webhookId, name, url, description, status, sealedSecret, ...times];
    await this.#db.write(async (sql) => {
      const isDeleted = "webhook_id = ? AND deleted_timestamp IS NOT NULL"; // and takes up the id still
      await sql.run(`DELETE FROM webhooks WHERE ${isDeleted}`, webhookId);
      await sql.run(`INSERT INTO webhooks (${columns}) VALUES (${marks(values.length)})`, ...values);
      await insertEvents(sql, webhookId, events);
    });
  }

  getWebhook(webhookId: string): Promise<Webhook> {
    return this.#db.read((sql) => selectWebhook(sql, webhookId));
  }

  async listWebhooks(wanted?: WebhooksWanted): Promise<PagedList<Webhook>> {
    const page = readWebhookPage(wanted);
    return this.#db.read(async (sql) => {
      const rows = await sql.all(
        `SELECT ${columns} FROM webhooks WHERE ${inUse} ORDER BY creation_timestamp DESC, webhook_id LIMIT ? OFFSET ?`,
        page.size + 1,
        page.offset,
      );
      return toPagedList(await toWebhooks(sql, rows), page);
    });
  }

  async updateWebhook({ webhookId, ...input }: UpdateWebhookInput): Promise<Webhook> {
    const { events, sealedSecret, ...others } = changedColumns(input);
    return this.#db.write(async (sql) => {
      await selectWebhook(sql, webhookId, sql.dialect.forUpdate);
      const changes = {
        ...others,
        ...(input.secret !== undefined && { secret: sealedSecret ?? null }),
        last_updated_timestamp: Date.now(),
      };
      const names = Object.keys(changes).map((name) => `${name} = ?`);
      await sql.run(
        `UPDATE webhooks SET ${names.join(", ")} WHERE webhook_id = ?`,
        ...Object.values(changes),
        webhookId,
      );
      if (events !== undefined) {
        await sql.run("DELETE FROM webhook_events WHERE webhook_id = ?", webhookId);
        await insertEvents(sql, webhookId, events);
      }
      return selectWebhook(sql, webhookId);
    });
  }

  async deleteWebhook(webhookId: string): Promise<void> {
    await this.#db.write(async (sql) => {
      await selectWebhook(sql, webhookId, sql.dialect.forUpdate);
      const now = Date.now();
      await sql.run(
        "UPDATE webhooks SET deleted_timestamp = ?, last_updated_timestamp = ?, secret = NULL WHERE webhook_id = ?",
        now,
        now,
        webhookId,
      );
    });
  }

  webhooksAskingFor(events: readonly string[]): Promise<Webhook[]> {
    return this.#db.read(async (sql) => {
      const asking = await allIn(
        sql,
        (list) => `SELECT webhook_id FROM webhook_events WHERE entity || '.' || action IN (${list})`,
        events,
      );
      const ids = [...new Set(asking.map((row) => row["webhook_id"]!))];
      const rows = await allIn(
        sql,
        (list) =>
          `SELECT ${columns} FROM webhooks WHERE ${inUse} AND status = 'ACTIVE' AND webhook_id IN (${list})`,
        ids,
      );
      return toWebhooks(sql, rows);
    });
  }
}

async function selectWebhook(sql: Sql, webhookId: string, forUpdate = ""): Promise<Webhook> {
  const row = await sql.first(
    `SELECT ${columns} FROM webhooks WHERE ${inUse} AND webhook_id = ? ${forUpdate}`,
    webhookId,
  );
  if (row !== undefined) return (await toWebhooks(sql, [row]))[0]!;
  throw noWebhook(webhookId);
}

async function insertEvents(sql: Sql, webhookId: string, events: readonly WebhookEvent[]): Promise<void> {
  const rows = events.map((event) => [webhookId, ...event.split(".")]);
  await insertRows(sql, "webhook_events", ["webhook_id", "entity", "action"], rows);
}

async function toWebhooks(sql: Sql, rows: readonly SqlRow[]): Promise<Webhook[]> {
  const eventsOf = groupRows(
    await allIn(
      sql,
      (list) => `SELECT webhook_id, entity, action FROM webhook_events WHERE webhook_id IN (${list})`,
      rows.map((row) => row["webhook_id"]!),
    ),
    "webhook_id",
  );
  return rows.map((row) => ({
    webhookId: String(row["webhook_id"]),
    name: String(row["name"]),
    url: String(row["url"]),
    ...optionalText("description", row["description"]),
    status: row["status"] === "DISABLED" ? "DISABLED" : "ACTIVE",
    events: eventsOf(row["webhook_id"])
      .map(({ entity, action }) => `${entity}.${action}` as WebhookEvent)
      .sort(),
    ...optionalText("sealedSecret", row["secret"]),
    creationTimestamp: Number(row["creation_timestamp"]),
    lastUpdatedTimestamp: Number(row["last_updated_timestamp"]),
  }));
}
