// What a receiver that was written for MLflow's webhooks expects: names, fields and signature, from MLflow itself.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Notifier, SqliteStore, notifyingStore, registerModelVersion } from "sconce/tracking";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { startReceiver } from "../../webhook-receiver.ts";
import { compatPython, compatSkipReason, runPython } from "../python.ts";

const ask = `
import json, sys
from mlflow.entities.webhook import WebhookEvent
from mlflow.webhooks.delivery import _generate_hmac_signature
from mlflow.webhooks.types import get_example_payload_for_event
def look(call):
    body = json.loads(call["body"])
    event = WebhookEvent.from_str(body["entity"] + "." + body["action"])
    return {
        "fields": {key: type(value).__name__ for key, value in get_example_payload_for_event(event).items()},
        "sent": {key: type(value).__name__ for key, value in body["data"].items()},
        "envelope": sorted(body),
        "signature": _generate_hmac_signature("hush", call["id"], call["timestamp"], call["body"]),
    }
print(json.dumps([look(call) for call in json.loads(sys.argv[1])]))
`;

describe.skipIf(compatSkipReason !== undefined)(
  `MLflow in Python (${compatSkipReason ?? "asked for"})`,
  () => {
    beforeAll(() => void compatPython(), 1_800_000);

    test("each event that MLflow knows has MLflow's fields, and a signature that MLflow makes too", async () => {
      const receiver = await startReceiver();
      vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", receiver.host);
      vi.stubEnv("HOOK_SECRET", "hush");
      const path = join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db");
      const notifier = new Notifier([
        {
          on: [
            "registered_model.created",
            "model_version.created",
            "model_version_tag.set",
            "model_version_tag.deleted",
            "alias_changed",
          ],
          webhook: receiver.url,
          secret_env: "HOOK_SECRET",
        },
      ]);
      const store = notifyingStore(await SqliteStore.open({ path }), notifier);
      await store.createRegisteredModel({ name: "späm", description: "ü" });
      const run = await store.createRun({ experimentId: "0" });
      await registerModelVersion(store, {
        name: "späm",
        source: "/m",
        runId: run.info.runId,
        description: "first",
        aliases: ["champion"],
      });
      await store.setModelVersionTags("späm", 1, { checked: "yes" });
      await store.deleteModelVersionTag("späm", 1, "checked");
      await store.deleteModelAlias("späm", "champion");
      await store.close();
      expect(receiver.calls).toHaveLength(6);
      const calls = receiver.calls.map(({ headers, body }) => ({
        id: headers["x-mlflow-delivery-id"],
        timestamp: headers["x-mlflow-timestamp"],
        body,
      }));
      const answers = runPython(ask, JSON.stringify(calls)) as Record<string, unknown>[];
      for (const [index, { headers }] of receiver.calls.entries()) {
        const answer = answers[index]!;
        expect(answer["sent"]).toEqual(answer["fields"]);
        expect(answer["envelope"]).toEqual(["action", "data", "entity", "timestamp"]);
        expect(headers["x-mlflow-signature"]).toBe(answer["signature"]);
      }
      receiver.close();
      vi.unstubAllEnvs();
    });
  },
);
