// What is told, in the form of MLflow's webhooks (mlflow/webhooks/types.py of 3.17), and which names choose it.
import { randomUUID } from "node:crypto";
import { type Notification, logger } from "../../base/index.ts";

/** Is one thing that happened. `entity.action` is its name; MLflow knows all but `run` and `model_version_stage`. */
export interface NotificationEvent {
  entity:
    | "run"
    | "registered_model"
    | "model_version"
    | "model_version_stage"
    | "model_version_tag"
    | "model_version_alias"
    | "prompt"
    | "prompt_version"
    | "prompt_tag"
    | "prompt_version_tag"
    | "prompt_alias";
  action: "created" | "set" | "deleted" | "finished" | "failed" | "killed";
  data: Record<string, unknown>;
}

const groups: Readonly<Record<string, readonly string[]>> = {
  run_finished: ["run.finished"],
  run_failed: ["run.failed"],
  run_killed: ["run.killed"],
  stage_changed: ["model_version_stage.set"],
  alias_changed: ["model_version_alias.created", "model_version_alias.deleted"],
};

/** Names an event. */
export type EventName = `${NotificationEvent["entity"]}.${NotificationEvent["action"]}`;

/** Hears of what happens. */
export interface Listener {
  /** Tells an event, if there is one, which is then one of `names`; nobody may ask for any of these. Never throws. */
  tell(names: readonly EventName[], event: () => Promise<NotificationEvent | undefined>): Promise<void>;
}

/** Tells whether a notification asks for an event. */
export function asksFor({ on }: Notification, name: EventName): boolean {
  return on.some((word) => (groups[word] ?? [word]).includes(name));
}

/** Says that a change was made and could not be told, which must not look as if it were not made. */
export function warnOfUntold(error: unknown): void {
  logger.warn(`notifications: a change could not be told. ${(error as Error).message}`);
}

/** Makes the delivery of an event: MLflow's envelope, and an id of its own. */
export function deliveryOf(event: NotificationEvent): Delivery {
  const { entity, action, data } = event;
  const body = JSON.stringify({ entity, action, timestamp: new Date().toISOString(), data });
  return { id: randomUUID(), event, body };
}

/** Is an event on its way: the id stays the same in every try, so that a receiver can tell a repetition. */
export interface Delivery {
  id: string;
  event: NotificationEvent;
  /** The JSON that is told. */
  body: string;
}
