// Tells events in the background, each receiver in a queue of its own: in order, one at a time, never in the way.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { SetupError, logger, notificationProblems } from "../../base/index.ts";
import type { Notification } from "../../base/index.ts";
import { withoutSecrets } from "../client/end-tags.ts";
import { WebhookError, callWebhook } from "./call-webhook.ts";
import type { CallOptions } from "./call-webhook.ts";
import { asksFor } from "./event.ts";
import type { Delivery, NotificationEvent } from "./event.ts";
import { runCommand } from "./run-command.ts";

/** Says how patient a notifier is. */
export interface NotifierOptions extends Partial<Pick<CallOptions, "resolve" | "ca">> {
  /** Time that a command may take, in milliseconds. @default 30000 */
  commandTimeoutMs?: number;
  /** Time that one call of a webhook may take, in milliseconds. @default 10000 */
  webhookTimeoutMs?: number;
  /** Waits between the tries of a webhook, in milliseconds. @default 1000, 5000, 30000, 120000 */
  retryMs?: readonly number[];
  /** Deliveries that may wait for one receiver; what comes on top is dropped with a warning. @default 1000 */
  maxQueued?: number;
}

/**
 * Tells events to commands and webhooks. Nothing that goes wrong there is thrown: it is logged as a warning.
 * A webhook is tried again until it takes an event, some times, while the process lives.
 */
export class Notifier {
  readonly #receivers: readonly Receiver[];

  /** @throws SetupError for a list that cannot be used, an address that is not public say */
  constructor(notifications: readonly Notification[], options: NotifierOptions = {}) {
    const problems = notifications.flatMap((notification, index) =>
      notificationProblems(notification).map(
        ({ key, message }) => `notifications.${index}.${key}: ${message}`,
      ),
    );
    if (problems.length > 0) throw new SetupError(problems.join("\n"));
    this.#receivers = notifications.map((notification) => new Receiver(notification, options));
  }

  /** Takes an event; returns at once. */
  publish(event: NotificationEvent): void {
    const { entity, action, data } = event;
    const body = JSON.stringify({ entity, action, timestamp: new Date().toISOString(), data });
    for (const receiver of this.#receivers) {
      if (asksFor(receiver.notification, event)) receiver.add({ id: randomUUID(), event, body });
    }
  }

  /** Waits until all is told, but no longer than some time, and gives up what is not. @default timeoutMs: 10000 */
  async close({ timeoutMs = 10_000 }: { timeoutMs?: number } = {}): Promise<void> {
    const done = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: done.signal }).catch(() => {});
    await Promise.race([Promise.all(this.#receivers.map((receiver) => receiver.idle())), late]);
    done.abort();
    for (const receiver of this.#receivers) receiver.stop();
  }
}

class Receiver {
  readonly notification: Notification;
  readonly #options: NotifierOptions;
  readonly #queue: Delivery[] = [];
  readonly #stopped = new AbortController();
  #working: Promise<void> = Promise.resolve();
  #isWorking = false;
  #isFull = false;

  constructor(notification: Notification, options: NotifierOptions) {
    this.notification = notification;
    this.#options = options;
  }

  add(delivery: Delivery): void {
    const { maxQueued = 1000 } = this.#options;
    if (this.#stopped.signal.aborted) return;
    if (this.#queue.length >= maxQueued) {
      if (!this.#isFull)
        this.#warn(`${maxQueued} events wait for it already; more are dropped until it takes some`);
      this.#isFull = true;
      return;
    }
    this.#queue.push(delivery);
    if (!this.#isWorking) this.#working = this.#work();
  }

  idle(): Promise<void> {
    return this.#working;
  }

  stop(): void {
    const left = this.#queue.length;
    if (left > 0) this.#warn(`${left} ${left === 1 ? "event was" : "events were"} not told to it`);
    this.#stopped.abort();
    this.#queue.length = 0;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      try {
        await this.#deliver(next);
      } catch (error) {
        if (!this.#stopped.signal.aborted) this.#warn(withoutSecrets((error as Error).message));
      }
      this.#queue.shift();
      this.#isFull = false;
    }
    this.#isWorking = false;
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { command, webhook } = this.notification;
    const { commandTimeoutMs = 30_000 } = this.#options;
    if (command !== undefined)
      await runCommand(command, delivery, {
        timeoutMs: commandTimeoutMs,
        stop: this.#stopped.signal,
      });
    if (webhook !== undefined) await this.#call(webhook, delivery);
  }

  async #call(webhook: string, delivery: Delivery): Promise<void> {
    const { secret_env } = this.notification;
    const { webhookTimeoutMs = 10_000, retryMs = [1000, 5000, 30_000, 120_000], resolve, ca } = this.#options;
    const options: CallOptions = {
      timeoutMs: webhookTimeoutMs,
      stop: this.#stopped.signal,
      secret: secret_env === undefined ? undefined : process.env[secret_env],
      ...(resolve === undefined ? {} : { resolve }),
      ...(ca === undefined ? {} : { ca }),
    };
    for (const waitMs of [...retryMs, undefined]) {
      try {
        return await callWebhook(webhook, delivery, options);
      } catch (error) {
        const isFinal = error instanceof WebhookError && error.isFinal;
        if (isFinal || waitMs === undefined) throw error;
        // not alone in the world: receivers that come back are not called by all at once
        const jitteredMs = waitMs * (1 + Math.random() / 4);
        await sleep(jitteredMs, undefined, { signal: this.#stopped.signal, ref: false });
      }
    }
  }

  #warn(message: string): void {
    const { command, webhook } = this.notification;
    // the path of an address may be its secret
    const who = command === undefined ? new URL(webhook!).origin : command[0];
    logger.warn(`notifications: ${who}: ${message}`);
  }
}
