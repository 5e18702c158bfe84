// Events that never happened, to try webhooks out with: the examples of MLflow 3.17 (mlflow/webhooks/types.py).
import type { WebhookEvent } from "../webhooks/webhook.ts";
import type { NotificationEvent } from "./event.ts";

const model = { name: "example_model" };
const version = { ...model, version: "1" };
const prompt = { name: "example_prompt" };
const promptVersion = { ...prompt, version: "1" };
const key = { key: "example_key" };
const tag = { ...key, value: "example_value" };
const tags = { example_key: "example_value" };
const alias = { alias: "example_alias" };

const examples: Readonly<Record<WebhookEvent, Record<string, unknown>>> = {
  "registered_model.created": { ...model, tags, description: "An example registered model" },
  "model_version.created": {
    ...version,
    source: "models:/123",
    run_id: "abcd1234abcd5678",
    tags,
    description: "An example model version",
  },
  "model_version_tag.set": { ...version, ...tag },
  "model_version_tag.deleted": { ...version, ...key },
  "model_version_alias.created": { ...version, ...alias },
  "model_version_alias.deleted": { ...model, ...alias },
  "prompt.created": { ...prompt, tags, description: "An example prompt" },
  "prompt_version.created": {
    ...promptVersion,
    template: "Hello {{name}}!",
    tags,
    description: "An example prompt version",
  },
  "prompt_tag.set": { ...prompt, ...tag },
  "prompt_tag.deleted": { ...prompt, ...key },
  "prompt_version_tag.set": { ...promptVersion, ...tag },
  "prompt_version_tag.deleted": { ...promptVersion, ...key },
  "prompt_alias.created": { ...promptVersion, ...alias },
  "prompt_alias.deleted": { ...prompt, ...alias },
  "budget_policy.exceeded": {
    budget_policy_id: "bp-abc123",
    budget_unit: "USD",
    budget_amount: 100,
    current_spend: 105.5,
    duration_unit: "MONTHS",
    duration_value: 1,
    target_scope: "ENDPOINT",
    workspace: "default",
    target_value: "ep-abc123",
    window_start: 1_704_067_200_000,
  },
};

/** Returns the example of an event. */
export function exampleOf(name: WebhookEvent): NotificationEvent {
  const [entity, action] = name.split(".") as [NotificationEvent["entity"], NotificationEvent["action"]];
  return { entity, action, data: examples[name] };
}
