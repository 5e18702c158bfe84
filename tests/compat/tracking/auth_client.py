"""Uses a server with users through MLflow's own clients, as an admin and as others; prints what each call came to."""

import base64
import json
import os
import re
import sys

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.server.auth.client import AuthServiceClient

url, admin, password = sys.argv[1:4]
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
results = {}
PASSWORD = "a long password"


def sign_in(username, password=PASSWORD):
    os.environ["MLFLOW_TRACKING_USERNAME"] = username
    os.environ["MLFLOW_TRACKING_PASSWORD"] = password


def status_of(error):
    named = re.search(r"(?:error code|HTTPError:|^) ?(\d{3})\b", error.message)
    return int(named.group(1)) if named else error.get_http_status_code()


def attempt(name, call):
    """Records what a call returned, or the status of its error."""
    assert name not in results, name
    try:
        results[name] = call()
    except MlflowException as error:
        results[name] = f"error {status_of(error)}"
    except requests.HTTPError as error:  # of uploads
        results[name] = f"error {error.response.status_code}"


def done(call):
    """Makes a call whose result has ids and times: that it works is what is recorded."""

    def checked():
        call()
        return "done"

    return checked


auth = AuthServiceClient(url)
client = MlflowClient(url)


def user(u):
    return [u.username, u.is_admin]


def raw(method, path, **kwargs):
    header = f"{os.environ['MLFLOW_TRACKING_USERNAME']}:{os.environ['MLFLOW_TRACKING_PASSWORD']}".encode()
    headers = {"Authorization": "Basic " + base64.b64encode(header).decode()}
    return requests.request(method, url + path, headers=headers, timeout=60, **kwargs)


# users
sign_in(admin, password)
for name in ["owner", "reader", "editor", "manager", "denied", "zoë"]:
    attempt(f"create {name}", lambda: user(auth.create_user(name, PASSWORD)))
attempt("create a user who is there", lambda: user(auth.create_user("owner", PASSWORD)))
attempt("create with a short password", lambda: user(auth.create_user("short", "eleven char")))
attempt("get", lambda: user(auth.get_user("owner")))
attempt("get an unknown user", lambda: user(auth.get_user("nobody")))
attempt("make an admin", lambda: [auth.update_user_admin("zoë", True), user(auth.get_user("zoë"))])
attempt("make no admin", lambda: [auth.update_user_admin("zoë", False), user(auth.get_user("zoë"))])
attempt("admin sets a password", done(lambda: auth.update_user_password("zoë", "another password")))
attempt("admin deletes itself", lambda: auth.delete_user(admin))
names = sorted(u["username"] for u in raw("GET", "/api/2.0/mlflow/users/list").json()["users"])
results["list"] = names
sign_in("zoë", "another password")
attempt("zoë reads herself", lambda: user(auth.get_user("zoë")))
attempt("zoë reads another", lambda: user(auth.get_user("owner")))
attempt("zoë creates a user", lambda: user(auth.create_user("more", PASSWORD)))
attempt("zoë makes herself admin", lambda: auth.update_user_admin("zoë", True))
attempt("zoë deletes another", lambda: auth.delete_user("owner"))
attempt("zoë sets her password without the old one", lambda: auth.update_user_password("zoë", PASSWORD))
attempt("zoë sets her password with a wrong one", lambda: auth.update_user_password("zoë", PASSWORD, "wrong"))
attempt("zoë sets her password", lambda: auth.update_user_password("zoë", PASSWORD, "another password"))
attempt("the old password", lambda: user(auth.get_user("zoë")))
sign_in("zoë")
attempt("the new password", lambda: user(auth.get_user("zoë")))
results["current"] = raw("GET", "/api/2.0/mlflow/users/current").json()["user"]["username"]
sign_in("nobody")
attempt("an unknown user", lambda: client.search_experiments())

# what owner makes
sign_in("owner")
mlflow.set_tracking_uri(url)
experiment = client.create_experiment("owned")
run = client.create_run(experiment).info.run_id
client.log_metric(run, "m", 1.0)
client.log_text(run, "hello", "note.txt")
client.create_registered_model("owned")
version = client.create_model_version("owned", f"runs:/{run}/model", run).version
model = client.create_logged_model(experiment, name="net").model_id

# what is granted
for name, level in [("editor", "EDIT"), ("manager", "MANAGE"), ("denied", "DENY")]:
    for kind, key in [("experiment", experiment), ("registered_model", "owned")]:
        attempt(
            f"owner grants {name} {kind}",
            lambda: auth.grant_user_permission(name, kind, key, level),
        )
attempt("grant again", lambda: auth.grant_user_permission("editor", "experiment", experiment, "READ"))
attempt("grant an unknown level", lambda: auth.grant_user_permission("reader", "experiment", experiment, "ALL"))
attempt("grant to nobody", lambda: auth.grant_user_permission("nobody", "experiment", experiment, "READ"))
attempt("grant all experiments", lambda: auth.grant_user_permission("reader", "experiment", "*", "READ"))
attempt("revoke what is not there", lambda: auth.revoke_user_permission("reader", "experiment", experiment))
attempt("owner asks about another", lambda: auth.get_user_permission("editor", "experiment", experiment).permission)


def permission(name, kind, key):
    found = auth.get_user_permission(name, kind, key)
    return [found.allowed, found.permission]


for name in ["owner", "reader", "editor", "manager", "denied"]:
    sign_in(name)
    attempt(f"{name}: experiment permission", lambda: permission(name, "experiment", experiment))
    attempt(f"{name}: model permission", lambda: permission(name, "registered_model", "owned"))

# what each may do
for name in ["reader", "editor", "denied", "manager"]:
    sign_in(name)

    def may(what, call):
        attempt(f"{name}: {what}", done(call))

    may("get experiment", lambda: client.get_experiment(experiment))
    may("get experiment by name", lambda: client.get_experiment_by_name("owned"))
    may("get run", lambda: client.get_run(run))
    may("history", lambda: client.get_metric_history(run, "m"))
    may("list artifacts", lambda: client.list_artifacts(run))
    may("download", lambda: mlflow.artifacts.load_text(f"runs:/{run}/note.txt"))
    may("get logged model", lambda: client.get_logged_model(model))
    may("log metric", lambda: client.log_metric(run, "m", 2.0))
    may("log metric on a model", lambda: client.log_metric(run, "m", 2.0, model_id=model))
    may("log batch", lambda: client.log_batch(run, params=[mlflow.entities.Param(f"by {name}", "1")]))
    may("set tag", lambda: client.set_tag(run, "t", name))
    may("create run", lambda: client.create_run(experiment))
    may("rename experiment", lambda: client.rename_experiment(experiment, "owned"))
    may("tag experiment", lambda: client.set_experiment_tag(experiment, "t", name))
    may("upload", lambda: client.log_text(run, name, "note.txt"))
    may("create logged model", lambda: client.create_logged_model(experiment, name=f"of {name}"))
    may("tag logged model", lambda: client.set_logged_model_tags(model, {"t": name}))
    may("untag logged model", lambda: client.delete_logged_model_tag(model, "t"))
    may("delete run", lambda: client.delete_run(run))
    may("restore run", lambda: client.restore_run(run))
    may("delete experiment", lambda: client.delete_experiment(experiment))
    may("restore experiment", lambda: client.restore_experiment(experiment))
    may("get model", lambda: client.get_registered_model("owned"))
    may("get version", lambda: client.get_model_version("owned", version))
    may("download uri", lambda: client.get_model_version_download_uri("owned", version))
    may("update model", lambda: client.update_registered_model("owned", name))
    may("update version", lambda: client.update_model_version("owned", version, name))
    may("set alias", lambda: client.set_registered_model_alias("owned", "a", version))
    may("get alias", lambda: client.get_model_version_by_alias("owned", "a"))
    may("delete alias", lambda: client.delete_registered_model_alias("owned", "a"))
    may("create version", lambda: client.create_model_version("owned", f"runs:/{run}/model", run))
    may("tag version", lambda: client.set_model_version_tag("owned", version, "t", name))
    may("untag version", lambda: client.delete_model_version_tag("owned", version, "t"))
    may("grant", lambda: auth.grant_user_permission("zoë", "experiment", experiment, "READ"))
    may("revoke", lambda: auth.revoke_user_permission("zoë", "experiment", experiment))
    may("get a run that is not there", lambda: client.get_run("0" * 32))
    attempt(f"{name}: experiments", lambda: sorted(e.name for e in client.search_experiments()))
    attempt(f"{name}: runs", lambda: len(client.search_runs([experiment])) > 0)
    attempt(f"{name}: logged models", lambda: len(client.search_logged_models([experiment])) > 0)
    attempt(f"{name}: models", lambda: [m.name for m in client.search_registered_models()])
    attempt(f"{name}: versions", lambda: len(client.search_model_versions("name = 'owned'")) > 0)

# names and what is gone
sign_in("manager")
attempt("manager renames the model", done(lambda: client.rename_registered_model("owned", "renamed")))
sign_in("editor")
attempt("editor follows the name", done(lambda: client.update_registered_model("renamed", "x")))
sign_in("manager")
attempt("manager deletes the model", done(lambda: client.delete_registered_model("renamed")))
sign_in("reader")
attempt("reader takes the name", done(lambda: client.create_registered_model("renamed")))
sign_in("editor")
attempt("the old grant is gone", done(lambda: client.update_registered_model("renamed", "x")))
sign_in("owner")
attempt("owner revokes", lambda: auth.revoke_user_permission("denied", "experiment", experiment))
sign_in("denied")
attempt("denied reads by default now", done(lambda: client.get_run(run)))
sign_in(admin, password)
attempt("admin deletes a user", lambda: auth.delete_user("editor"))
sign_in("editor")
attempt("a deleted user", done(lambda: client.get_run(run)))

# roles
sign_in(admin, password)
shared = client.create_experiment("shared")


def role(r):
    permissions = [[p.resource_type, p.resource_pattern, p.permission] for p in r.permissions]
    return [r.name, r.workspace, r.description, permissions]


made = auth.create_role("default", "readers", "read it all")
results["role"] = role(made)
attempt("a role that is there", lambda: auth.create_role("default", "readers"))
attempt("a role with a user's own name", lambda: auth.create_role("default", "__user_1__"))
attempt("rename a role", lambda: role(auth.update_role(made.id, name="editors")))
attempt("change nothing of a role", lambda: auth.update_role(made.id))
attempt("a role that is not there", lambda: auth.get_role(10**6))
granted = auth.add_role_permission(made.id, "experiment", shared, "READ")
attempt("the same permission again", lambda: auth.add_role_permission(made.id, "experiment", shared, "EDIT"))
attempt("a workspace's level", lambda: auth.add_role_permission(made.id, "workspace", "*", "READ"))
attempt("update a permission", lambda: auth.update_role_permission(granted.id, "EDIT").permission)
attempt("get a role", lambda: role(auth.get_role(made.id)))
attempt("list permissions", lambda: len(auth.list_role_permissions(made.id)))
attempt("assign", lambda: auth.assign_role("reader", made.id).role_id == made.id)
attempt("assign again", lambda: auth.assign_role("reader", made.id))
attempt("users of a role", lambda: len(auth.list_role_users(made.id)))
attempt("roles of a workspace", lambda: "editors" in [r.name for r in auth.list_roles("default")])
attempt("all roles", lambda: "editors" in [r.name for r in auth.list_all_roles()])
sign_in("reader")
attempt("reader sees the role", lambda: [r.name for r in auth.list_user_roles("reader") if r.name == "editors"])
attempt("reader writes by the role", done(lambda: client.create_run(shared)))
attempt("reader makes a role", lambda: auth.create_role("default", "mine"))
attempt("reader assigns a role", lambda: auth.assign_role("denied", made.id))
attempt("reader sees another's roles", lambda: auth.list_user_roles("denied"))
sign_in(admin, password)
everything = auth.add_role_permission(made.id, "workspace", "*", "MANAGE")
sign_in("reader")
attempt("the workspace's manager deletes", done(lambda: client.delete_experiment(shared)))
attempt("the workspace's manager restores", done(lambda: client.restore_experiment(shared)))
sign_in(admin, password)
attempt("remove a permission", lambda: auth.remove_role_permission(everything.id))
attempt("remove it again", lambda: auth.remove_role_permission(everything.id))
sign_in("reader")
attempt("no manager any more", done(lambda: client.delete_experiment(shared)))
sign_in(admin, password)
attempt("unassign", lambda: auth.unassign_role("reader", made.id))
attempt("unassign again", lambda: auth.unassign_role("reader", made.id))
attempt("delete a role", lambda: auth.delete_role(made.id))
attempt("delete it again", lambda: auth.delete_role(made.id))
sign_in("reader")
attempt("reader writes no more", done(lambda: client.create_run(shared)))

print(json.dumps(results))
