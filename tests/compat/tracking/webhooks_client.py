"""Makes, changes, tries and deletes webhooks through MLflow's client, and changes a registry that tells them."""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

url = sys.argv[1]
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.webhooks.delivery import _generate_hmac_signature  # noqa: E402

calls = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status = 403 if self.path == "/refuse" else 200
        calls.append((self.path, dict(self.headers), body))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"taken" if status == 200 else b"no")

    def log_message(self, *_):
        pass


port = int(sys.argv[2])
receiver = HTTPServer(("127.0.0.1", port), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{port}"

mlflow.set_tracking_uri(url)
client = MlflowClient()
result = {}


def seen(webhook):
    return {
        "name": webhook.name,
        "url": webhook.url.replace(base, ""),
        "events": sorted(map(str, webhook.events)),
        "description": webhook.description,
        "status": str(webhook.status),
        "secret": webhook.secret,
        "times": [type(webhook.creation_timestamp).__name__, webhook.last_updated_timestamp >= webhook.creation_timestamp],
    }


def refused(call):
    try:
        return call()
    except MlflowException as error:
        return error.error_code


every = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
]

# made, read, changed, listed
made = client.create_webhook("all", base + "/all", every, description="hears all", secret="hush")
result["made"] = seen(made)
result["read"] = seen(client.get_webhook(made.webhook_id))
plain = client.create_webhook("plain.1", base + "/plain", ["registered_model.created"])
result["plain"] = seen(plain)
off = client.create_webhook("off", base + "/off", ["registered_model.created"], status="DISABLED")
twin = client.create_webhook("plain.1", base + "/twin", ["model_version.created", "budget_policy.exceeded"])
result["same name"] = twin.webhook_id != plain.webhook_id
result["changed"] = seen(
    client.update_webhook(
        twin.webhook_id, name="other", url=base + "/refuse", events=["prompt.created"], description="", status="DISABLED"
    )
)
result["changed again"] = seen(client.update_webhook(twin.webhook_id, status="ACTIVE", secret="more"))
result["unchanged"] = seen(client.update_webhook(twin.webhook_id))
result["listed"] = [webhook.name for webhook in client.list_webhooks()]
pages, token = [], None
while True:
    page = client.list_webhooks(max_results=3, page_token=token)
    pages.append([webhook.name for webhook in page])
    token = page.token
    if not token:
        break
result["pages"] = pages

# refused
result["refused"] = [
    refused(lambda: client.create_webhook("", base, ["prompt.created"])),
    refused(lambda: client.create_webhook("a b", base, ["prompt.created"])),
    refused(lambda: client.create_webhook("-a", base, ["prompt.created"])),
    refused(lambda: client.create_webhook("x" * 64, base, ["prompt.created"])),
    refused(lambda: client.create_webhook("x", "ftp://example.com", ["prompt.created"])),
    refused(lambda: client.create_webhook("x", "https://", ["prompt.created"])),
    refused(lambda: client.create_webhook("x", " ", ["prompt.created"])),
    refused(lambda: client.create_webhook("x", base, [])),
    refused(lambda: client.get_webhook("missing")),
    refused(lambda: client.update_webhook("missing", name="x")),
    refused(lambda: client.update_webhook(made.webhook_id, name="a/b")),
    refused(lambda: client.update_webhook(made.webhook_id, url="ftp://example.com")),
    refused(lambda: client.delete_webhook("missing")),
    refused(lambda: client.test_webhook("missing")),
    refused(lambda: client.list_webhooks(max_results=1001)),
    refused(lambda: client.list_webhooks(page_token="nonsense")),
]


# tried out
def tried(webhook, event=None):
    before = len(calls)
    test = client.test_webhook(webhook.webhook_id, event)
    path, headers, body = calls[before]
    headers = {key.lower(): value for key, value in headers.items()}
    envelope = json.loads(body)
    envelope.pop("timestamp")
    secret = {"/all": "hush", "/refuse": "more"}.get(path)
    signed = secret and _generate_hmac_signature(
        secret, headers["x-mlflow-delivery-id"], headers["x-mlflow-timestamp"], body
    )
    return {
        "success": test.success,
        "status": test.response_status,
        "body": test.response_body,
        "told": envelope,
        "signature": headers.get("x-mlflow-signature") == signed,
    }


result["tried"] = [tried(plain), tried(twin), tried(off)] + [tried(made, event) for event in every]
result["tried budget"] = tried(made, "budget_policy.exceeded")
client.update_webhook(plain.webhook_id, url="http://127.0.0.1:9/")
result["nobody there"] = refused(lambda: [client.test_webhook(plain.webhook_id).success])

# told
client.delete_webhook(off.webhook_id)
client.delete_webhook(plain.webhook_id)
client.delete_webhook(twin.webhook_id)
result["deleted"] = [refused(lambda: client.get_webhook(off.webhook_id)), [w.name for w in client.list_webhooks()]]
time.sleep(float(sys.argv[3]))  # MLflow remembers for a while who asks for what
calls.clear()
client.create_registered_model("spam", tags={"a": "b"}, description="mails")
client.create_registered_model("bare")
client.create_model_version("spam", "s3://models/a", tags={"c": "d"}, description="first")
client.create_model_version("spam", "s3://models/b")
client.set_model_version_tag("spam", "1", "checked", "yes")
client.delete_model_version_tag("spam", "1", "checked")
client.set_registered_model_alias("spam", "champion", "1")
client.delete_registered_model_alias("spam", "champion")
client.set_registered_model_tag("spam", "quiet", "yes")
client.delete_registered_model_tag("spam", "quiet")
client.transition_model_version_stage("spam", "1", "Production")
client.register_prompt("greeting", "Hello {{name}}!", commit_message="first", tags={"e": "f"})
client.set_prompt_tag("greeting", "g", "h")
client.delete_prompt_tag("greeting", "g")
client.set_prompt_version_tag("greeting", "1", "i", "j")
client.delete_prompt_version_tag("greeting", "1", "i")
client.set_prompt_alias("greeting", "latest-good", 1)
client.delete_prompt_alias("greeting", "latest-good")
expected = int(sys.argv[4])
deadline = time.time() + 20
while len(calls) < expected and time.time() < deadline:
    time.sleep(0.05)
time.sleep(1)  # none comes on top
told = []
for path, _, body in calls:
    envelope = json.loads(body)
    told.append([path, sorted(envelope), envelope["entity"], envelope["action"], envelope["data"]])
result["told"] = sorted(told, key=json.dumps)
print(json.dumps(result))
