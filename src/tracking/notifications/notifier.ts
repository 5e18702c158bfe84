// Tells events in the background, each receiver in a queue of its own: in order, one at a time, never in the way.
import { SetupError, notificationProblems } from "../../base/index.ts";
import type { Notification } from "../../base/index.ts";
import { callUntilTaken } from "./call-webhook.ts";
import type { CallOptions } from "./call-webhook.ts";
import { asksFor, deliveryOf, warnOfUntold } from "./event.ts";
import type { Delivery, EventName, Listener, NotificationEvent } from "./event.ts";
import { Receiver, closeReceivers } from "./receiver.ts";
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
export class Notifier implements Listener {
  readonly #receivers: readonly { notification: Notification; receiver: Receiver }[];
  readonly #options: NotifierOptions;

  /** @throws SetupError for a list that cannot be used, an address that is not public say */
  constructor(notifications: readonly Notification[], options: NotifierOptions = {}) {
    const problems = notifications.flatMap((notification, index) =>
      notificationProblems(notification).map(
        ({ key, message }) => `notifications.${index}.${key}: ${message}`,
      ),
    );
    if (problems.length > 0) throw new SetupError(problems.join("\n"));
    this.#options = options;
    this.#receivers = notifications.map((notification) => ({
      notification,
      receiver: new Receiver(nameOf(notification), options.maxQueued),
    }));
  }

  /** Takes an event; returns at once. */
  publish(event: NotificationEvent): void {
    const { body } = deliveryOf(event);
    for (const { notification, receiver } of this.#receivers) {
      if (!asksFor(notification, `${event.entity}.${event.action}`)) continue;
      const delivery = { ...deliveryOf(event), body };
      receiver.add((stop) => this.#deliver(notification, delivery, stop));
    }
  }

  async tell(
    names: readonly EventName[],
    event: () => Promise<NotificationEvent | undefined>,
  ): Promise<void> {
    const isAsked = this.#receivers.some(({ notification }) =>
      names.some((name) => asksFor(notification, name)),
    );
    if (!isAsked) return;
    try {
      const told = await event();
      if (told !== undefined) this.publish(told);
    } catch (error) {
      warnOfUntold(error);
    }
  }

  /** Waits until all is told, but no longer than some time, and gives up what is not. @default timeoutMs: 10000 */
  async close({ timeoutMs = 10_000 }: { timeoutMs?: number } = {}): Promise<void> {
    await closeReceivers(
      this.#receivers.map(({ receiver }) => receiver),
      timeoutMs,
    );
  }

  async #deliver(
    { command, webhook, secret_env }: Notification,
    delivery: Delivery,
    stop: AbortSignal,
  ): Promise<void> {
    const { commandTimeoutMs = 30_000, webhookTimeoutMs = 10_000, retryMs, resolve, ca } = this.#options;
    if (command !== undefined) await runCommand(command, delivery, { timeoutMs: commandTimeoutMs, stop });
    if (webhook === undefined) return;
    await callUntilTaken(webhook, delivery, {
      timeoutMs: webhookTimeoutMs,
      stop,
      secret: secret_env === undefined ? undefined : process.env[secret_env],
      ...(retryMs === undefined ? {} : { retryMs }),
      ...(resolve === undefined ? {} : { resolve }),
      ...(ca === undefined ? {} : { ca }),
    });
  }
}

function nameOf({ command, webhook }: Notification): string {
  // the path of an address may be its secret
  return command === undefined ? new URL(webhook!).origin : command[0]!;
}
