// What each endpoint demands of a user who is no admin, as MLflow 3.17 demands it (server/auth/__init__.py). An endpoint
// that has no line here is refused: a new one is closed until its line is written. Admins may do everything.
import { TrackingError } from "../../../base/index.ts";
import { schemeOf } from "../../artifacts/uri.ts";
import { isPrompt, promptTag } from "../../search/prompts.ts";
import { invalid } from "../../validation.ts";
import type { Access } from "./access.ts";
import { type Action, type ResourceType, resourceTypes } from "./permissions.ts";
import type { UserStore } from "./user-store.ts";

/** Is the input of a request before its endpoint has looked at it. */
export type Fields = Readonly<Record<string, unknown>>;

/** Decides about one request. */
export type Rule = (access: Access, fields: Fields) => boolean | Promise<boolean>;

/** Carries over to the grants what an endpoint did; `answer` is what it answered. */
export type Effect = (
  users: UserStore,
  request: { access: Access; fields: Fields; answer: Record<string, any> }, // oxlint-disable-line no-explicit-any
) => Promise<void>;

const signedIn: Rule = () => true;
const adminOnly: Rule = ({ isAdmin }) => isAdmin;

const experiment =
  (action: Action): Rule =>
  (access, fields) =>
    access.experiment(action, textOf(fields, "experiment_id"));
const run =
  (action: Action): Rule =>
  (access, fields) =>
    access.run(action, runIdOf(fields));
const loggedModel =
  (action: Action): Rule =>
  (access, fields) =>
    access.loggedModel(action, textOf(fields, "model_id"));
const model =
  (action: Action): Rule =>
  (access, fields) =>
    access.model(action, textOf(fields, "name"));
const artifact =
  (action: Action): Rule =>
  (access, { path }) =>
    access.artifact(action, typeof path === "string" ? path : "");
/** A file of a folder that is sent in parts; its own name has no say in whose it is. */
const artifactIn: Rule = (access, { folder }) =>
  access.artifact("update", typeof folder === "string" ? `${folder}/file` : "");

/** Demands the right to write to the run, and to all logged models that are named beside it. */
function runAndModels(modelsOf: (fields: Fields) => unknown[]): Rule {
  return async (access, fields) => {
    const modelIds = modelsOf(fields).filter((id): id is string => typeof id === "string" && id !== "");
    const decisions = [
      access.run("update", runIdOf(fields)),
      ...[...new Set(modelIds)].map((id) => access.loggedModel("update", id)),
    ];
    return (await Promise.all(decisions)).every(Boolean);
  };
}

/** Are the rules by method and path; a path of MLflow's API 3.0 begins with it. */
export const rules: Readonly<Record<string, Rule>> = {
  "GET /metrics": signedIn,
  "GET /ajax-api/2.0/sconce/events": signedIn, // each change is decided on its own

  "POST /mlflow/experiments/create": mayCreateExperiment,
  "GET /mlflow/experiments/get": experiment("read"),
  "GET /mlflow/experiments/get-by-name": (access, fields) =>
    access.experimentByName("read", textOf(fields, "experiment_name")),
  "GET /mlflow/experiments/search": signedIn, // what may not be read is left out
  "POST /mlflow/experiments/search": signedIn,
  "POST /mlflow/experiments/delete": experiment("delete"),
  "POST /mlflow/experiments/restore": experiment("delete"),
  "POST /mlflow/experiments/update": experiment("update"),
  "POST /mlflow/experiments/set-experiment-tag": experiment("update"),
  "POST /mlflow/experiments/delete-experiment-tag": experiment("update"),
  "POST /mlflow/experiments/search-datasets": async (access, fields) =>
    every(listOf(fields, "experiment_ids"), (id) => access.experiment("read", id)),

  "POST /mlflow/runs/create": (access, fields) =>
    access.experiment(
      "update",
      fields["experiment_id"] === undefined ? "0" : textOf(fields, "experiment_id"),
    ),
  "GET /mlflow/runs/get": run("read"),
  "POST /mlflow/runs/update": run("update"),
  "POST /mlflow/runs/delete": run("delete"),
  "POST /mlflow/runs/restore": run("delete"),
  "POST /mlflow/runs/search": signedIn,
  "POST /mlflow/runs/log-metric": runAndModels(({ model_id }) => [model_id]),
  "POST /mlflow/runs/log-parameter": run("update"),
  "POST /mlflow/runs/set-tag": run("update"),
  "POST /mlflow/runs/delete-tag": run("update"),
  "POST /mlflow/runs/log-batch": runAndModels(({ metrics }) => modelIdsIn(metrics)),
  "POST /mlflow/runs/log-model": run("update"),
  "POST /mlflow/runs/log-inputs": runAndModels(({ models }) => modelIdsIn(models)),
  "POST /mlflow/runs/outputs": runAndModels(({ models }) => modelIdsIn(models)),
  "GET /mlflow/metrics/get-history": run("read"),
  "GET /mlflow/metrics/get-history-bulk-interval": async (access, fields) =>
    every(listOf(fields, "run_ids"), (id) => access.run("read", id)),
  "GET /mlflow/artifacts/list": run("read"),
  "GET /get-artifact": run("read"),

  "POST /mlflow/logged-models": async (access, fields) => {
    const runId = fields["source_run_id"];
    const mayName = !hasText(runId) || (await access.run("read", runId)); // what its versions come from
    return mayName && access.experiment("update", textOf(fields, "experiment_id"));
  },
  "POST /mlflow/logged-models/search": signedIn,
  "GET /mlflow/logged-models/{model_id}": loggedModel("read"),
  "PATCH /mlflow/logged-models/{model_id}": loggedModel("update"),
  "DELETE /mlflow/logged-models/{model_id}": loggedModel("delete"),
  "PATCH /mlflow/logged-models/{model_id}/tags": loggedModel("update"),
  "DELETE /mlflow/logged-models/{model_id}/tags/{tag_key}": loggedModel("delete"),
  "POST /mlflow/logged-models/{model_id}/params": loggedModel("update"),
  "GET /mlflow/logged-models/{model_id}/artifacts/directories": loggedModel("read"),

  "POST /mlflow/registered-models/create": (access, fields) =>
    access.mayCreate(hasPromptTag(fields) ? "prompt" : "registered_model", textOf(fields, "name")),
  "GET /mlflow/registered-models/get": model("read"),
  "GET /mlflow/registered-models/search": signedIn,
  "POST /mlflow/registered-models/search": signedIn,
  "POST /mlflow/registered-models/rename": mayRename,
  "PATCH /mlflow/registered-models/update": model("update"),
  "DELETE /mlflow/registered-models/delete": model("delete"),
  "POST /mlflow/registered-models/set-tag": model("update"),
  "DELETE /mlflow/registered-models/delete-tag": model("update"),
  "GET /mlflow/registered-models/get-latest-versions": model("read"),
  "POST /mlflow/registered-models/get-latest-versions": model("read"),
  "POST /mlflow/registered-models/alias": model("update"),
  "DELETE /mlflow/registered-models/alias": model("delete"),
  "GET /mlflow/registered-models/alias": model("read"),
  "POST /mlflow/model-versions/create": mayCreateVersion,
  "GET /mlflow/model-versions/get": model("read"),
  "GET /mlflow/model-versions/search": signedIn,
  "POST /mlflow/model-versions/search": signedIn,
  "PATCH /mlflow/model-versions/update": model("update"),
  "POST /mlflow/model-versions/transition-stage": model("update"),
  "DELETE /mlflow/model-versions/delete": model("delete"),
  "POST /mlflow/model-versions/set-tag": model("update"),
  "DELETE /mlflow/model-versions/delete-tag": model("delete"),
  "GET /mlflow/model-versions/get-download-uri": model("read"),
  "GET /model-versions/get-artifact": model("read"),

  "GET /mlflow-artifacts/artifacts": artifact("read"),
  "GET /mlflow-artifacts/artifacts/{path}": artifact("read"),
  "PUT /mlflow-artifacts/artifacts/{path}": artifact("update"),
  "DELETE /mlflow-artifacts/artifacts/{path}": artifact("manage"),
  "POST /mlflow-artifacts/mpu/create/{folder*}": artifactIn,
  "POST /mlflow-artifacts/mpu/complete/{folder*}": artifactIn,
  "POST /mlflow-artifacts/mpu/abort/{folder*}": artifactIn,
  "GET /mlflow-artifacts/presigned/{path*}": artifact("read"),
  "POST /mlflow/artifacts/presigned-upload-url": (access, fields) =>
    hasText(fields["model_id"])
      ? access.loggedModel("update", fields["model_id"])
      : access.run("update", textOf(fields, "run_id")),
  "POST /mlflow/artifacts/presigned-download-url": run("read"),

  "POST /mlflow/webhooks": adminOnly,
  "GET /mlflow/webhooks": adminOnly,
  "GET /mlflow/webhooks/{webhook_id}": adminOnly,
  "PATCH /mlflow/webhooks/{webhook_id}": adminOnly,
  "DELETE /mlflow/webhooks/{webhook_id}": adminOnly,
  "POST /mlflow/webhooks/{webhook_id}/test": adminOnly,

  "GET /sconce/registry-history": model("read"),
  "GET /sconce/deleted-runs": adminOnly,
  "POST /sconce/purge-run": adminOnly,
  "GET /sconce/deleted-logged-models": adminOnly,
  "POST /sconce/purge-logged-model": adminOnly,
  "POST /sconce/purge-experiment": adminOnly,

  "POST /mlflow/users/create": adminOnly,
  "GET /mlflow/users/get": isSelf,
  "GET /mlflow/users/list": signedIn,
  "GET /mlflow/users/current": signedIn,
  "PATCH /mlflow/users/update-password": isSelf,
  "PATCH /mlflow/users/update-admin": adminOnly,
  "DELETE /mlflow/users/delete": adminOnly,
  "GET /3.0/mlflow/users/current/permissions": signedIn,
  "GET /3.0/mlflow/users/permissions/list": isSelf,
  "GET /3.0/mlflow/users/permissions/get": isSelf,
  "POST /3.0/mlflow/users/permissions/grant": mayManage,
  "POST /3.0/mlflow/users/permissions/revoke": mayManage,
  "GET /3.0/mlflow/users/roles/list": isSelf,

  "POST /3.0/mlflow/roles/create": adminOnly,
  "GET /3.0/mlflow/roles/get": adminOnly,
  "GET /3.0/mlflow/roles/list": adminOnly,
  "PATCH /3.0/mlflow/roles/update": adminOnly,
  "DELETE /3.0/mlflow/roles/delete": adminOnly,
  "POST /3.0/mlflow/roles/permissions/add": adminOnly,
  "DELETE /3.0/mlflow/roles/permissions/remove": adminOnly,
  "GET /3.0/mlflow/roles/permissions/list": adminOnly,
  "PATCH /3.0/mlflow/roles/permissions/update": adminOnly,
  "POST /3.0/mlflow/roles/assign": adminOnly,
  "DELETE /3.0/mlflow/roles/unassign": adminOnly,
  "GET /3.0/mlflow/roles/users/list": adminOnly,
};

/** Are the endpoints whose work changes who may do what. Who makes something manages it. */
export const effects: Readonly<Record<string, Effect>> = {
  "POST /mlflow/experiments/create": async (users, { access, answer }) => {
    const id = answer["experiment_id"];
    await users.forget(["experiment"], id); // SQLite gives the id of an experiment that gc removed again
    await users.grant(access.user.username, {
      resourceType: "experiment",
      pattern: id,
      permission: "MANAGE",
    });
  },
  "POST /sconce/purge-experiment": async (users, { fields }) =>
    users.forget(["experiment"], textOf(fields, "experiment_id")),
  "POST /mlflow/registered-models/create": async (users, { access, fields, answer }) => {
    const { name } = answer["registered_model"];
    await users.forget(["registered_model", "prompt"], name); // left by a model that went without this server
    await users.grant(access.user.username, {
      resourceType: hasPromptTag(fields) ? "prompt" : "registered_model",
      pattern: name,
      permission: "MANAGE",
    });
  },
  "POST /mlflow/registered-models/rename": async (users, { fields, answer }) =>
    users.rename(["registered_model", "prompt"], {
      from: textOf(fields, "name"),
      to: answer["registered_model"].name,
    }),
  "DELETE /mlflow/registered-models/delete": async (users, { fields }) =>
    users.forget(["registered_model", "prompt"], textOf(fields, "name")),
};

function isSelf({ user, isAdmin }: Access, fields: Fields): boolean {
  return isAdmin || user.username === textOf(fields, "username");
}

/** Whoever manages a resource may share it; grants for all of a kind are the admins'. */
async function mayManage(access: Access, fields: Fields): Promise<boolean> {
  const type = textOf(fields, "resource_type");
  const id = textOf(fields, "resource_id");
  if (!(resourceTypes as readonly string[]).includes(type)) return true; // refused with the kinds that there are
  return id !== "*" && access.may("manage", type as ResourceType, id);
}

/**
 * Says where artifacts are only for admins: the server reads and writes there, and the place could be another
 * experiment's.
 */
function mayCreateExperiment(access: Access, { artifact_location: location }: Fields): boolean {
  if (!access.mayCreate("experiment")) return false;
  if (location === undefined || location === "" || access.isAdmin) return true;
  throw denied("artifact_location: only an admin may choose it. Leave it out, and the server does");
}

/** Demands of the new name what making a model of that name does. */
async function mayRename(access: Access, fields: Fields): Promise<boolean> {
  const to = textOf(fields, "new_name");
  const mayHave = access.mayCreate("registered_model", to) && access.mayCreate("prompt", to);
  return (await access.model("update", textOf(fields, "name"))) && mayHave;
}

/** Demands the right to read what the version is made of: it becomes readable to all who may read the model. */
async function mayCreateVersion(access: Access, fields: Fields): Promise<boolean> {
  if (!(await access.model("update", textOf(fields, "name")))) return false;
  const source = textOf(fields, "source");
  const { run_id: runId, model_id: modelId } = fields;
  const scheme = schemeOf(source);
  if (scheme === "models") {
    const [, name = ""] = /^models:\/+([^/@]+)/i.exec(source) ?? [];
    const isLoggedModel = /^m-[0-9a-f]+$/.test(name);
    if (!(await (isLoggedModel ? access.loggedModel("read", name) : access.model("read", name))))
      return false;
  }
  if (hasText(runId) && !(await access.run("read", runId))) return false;
  if (hasText(modelId) && !(await access.loggedModel("read", modelId))) return false;
  return !isInObjectStorage(scheme) || access.ownsPlace(source, { runId, modelId });
}

/** The other places are bound to the run or logged model by the endpoint itself. */
function isInObjectStorage(scheme: string | undefined): boolean {
  return scheme !== undefined && !["models", "runs", "file", "mlflow-artifacts"].includes(scheme);
}

async function every(ids: readonly string[], decide: (id: string) => Promise<boolean>): Promise<boolean> {
  for (const id of new Set(ids)) if (!(await decide(id))) return false;
  return true;
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string" && value !== "") return value;
  throw invalid(`${name}: it must be a text that is not empty.`);
}

function runIdOf(fields: Fields): string {
  return textOf(fields, hasText(fields["run_id"]) ? "run_id" : "run_uuid");
}

function hasText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function listOf(fields: Fields, name: string): string[] {
  const value = fields[name];
  const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
  if (list.every((item): item is string => hasText(item))) return list;
  throw invalid(`${name}: it must be a list of texts.`);
}

function modelIdsIn(list: unknown): unknown[] {
  return Array.isArray(list) ? list.map((item: { model_id?: unknown } | null) => item?.model_id) : [];
}

function hasPromptTag({ tags }: Fields): boolean {
  if (!Array.isArray(tags)) return false;
  const values = tags.filter((tag: { key?: unknown } | null) => tag?.key === promptTag);
  return isPrompt({
    tags: { [promptTag]: String((values.at(-1) as { value?: unknown } | undefined)?.value) },
  });
}

function denied(message: string): TrackingError {
  return new TrackingError(`${message}.`, { code: "PERMISSION_DENIED" });
}
