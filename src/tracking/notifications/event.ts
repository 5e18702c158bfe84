// What is told, in the form of MLflow's webhooks (mlflow/webhooks/types.py of 3.17), and which names choose it.
import type { Notification } from "../../base/index.ts";

/** Is one thing that happened. `entity.action` is its name; MLflow knows all but `run` and `model_version_stage`. */
export interface NotificationEvent {
  entity:
    | "run"
    | "registered_model"
    | "model_version"
    | "model_version_stage"
    | "model_version_tag"
    | "model_version_alias";
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

/** Tells whether a notification asks for an event. */
export function asksFor({ on }: Notification, { entity, action }: NotificationEvent): boolean {
  const name = `${entity}.${action}`;
  return on.some((word) => (groups[word] ?? [word]).includes(name));
}

/** Is an event on its way: the id stays the same in every try, so that a receiver can tell a repetition. */
export interface Delivery {
  id: string;
  event: NotificationEvent;
  /** The JSON that is told. */
  body: string;
}
