// The contract of stores that keep webhooks.
import assert from "node:assert/strict";
import { type Webhook, type WebhookStore, eachPage, keepsWebhooks } from "../../tracking/index.ts";
import {
  type Store,
  type StoreTest,
  invalidValue,
  nextMillisecond,
  notThere,
  refused,
  uniqueName,
} from "./contract.ts";

const url = "https://hooks.example.com/registry";

export function webhookContract(test: StoreTest): void {
  test("a webhook is read as it was made, changed in what is given, and gone when it is deleted", async (store) => {
    const webhooks = webhooksOf(store);
    const name = uniqueName("hook");
    const made = await webhooks.createWebhook({
      name,
      url,
      events: ["prompt.created", "model_version.created", "prompt.created"],
      description: "über alles",
    });
    const { webhookId, creationTimestamp, lastUpdatedTimestamp, ...rest } = made;
    assert.deepEqual(rest, {
      name,
      url,
      description: "über alles",
      status: "ACTIVE",
      events: ["model_version.created", "prompt.created"],
    });
    assert.equal(creationTimestamp, lastUpdatedTimestamp);
    assert.deepEqual(await webhooks.getWebhook(webhookId), made);
    await nextMillisecond();
    const changed = await webhooks.updateWebhook({
      webhookId,
      events: ["prompt_tag.set"],
      status: "DISABLED",
    });
    assert(changed.lastUpdatedTimestamp > lastUpdatedTimestamp);
    assert.deepEqual(
      { ...changed, lastUpdatedTimestamp },
      { ...made, events: ["prompt_tag.set"], status: "DISABLED" },
    );
    assert.deepEqual(await webhooks.getWebhook(webhookId), changed);
    await webhooks.deleteWebhook(webhookId);
    await refused(webhooks.getWebhook(webhookId), notThere);
    await refused(webhooks.deleteWebhook(webhookId), notThere);
    await refused(webhooks.updateWebhook({ webhookId, name }), notThere);
    assert(!(await allOf(webhooks)).some((webhook) => webhook.webhookId === webhookId));
  });

  test("webhooks are listed by page, the newest first", async (store) => {
    const webhooks = webhooksOf(store);
    const names = [1, 2, 3, 4].map((number) => uniqueName(`hook${number}`));
    for (const name of names) {
      await webhooks.createWebhook({ name, url, events: ["prompt.created"] });
      await nextMillisecond();
    }
    const listed = (await allOf(webhooks)).map(({ name }) => name).filter((name) => names.includes(name));
    assert.deepEqual(listed, names.toReversed());
    await refused(webhooks.listWebhooks({ maxResults: 1001 }), invalidValue);
    await refused(webhooks.listWebhooks({ pageToken: "x" }), invalidValue);
  });

  test("addresses that lead inside, and names, events and texts that are none, are refused", async (store) => {
    const webhooks = webhooksOf(store);
    const good = { name: "x", url, events: ["prompt.created"] } as const;
    for (const bad of [
      { url: "http://hooks.example.com" },
      { url: "https://127.0.0.1/x" },
      { url: "https://169.254.169.254/latest" },
      { url: "https://user:password@hooks.example.com" },
      { url: `${url}/${"x".repeat(500)}` },
      { name: "" },
      { name: "a b" },
      { name: "x".repeat(64) },
      { events: [] },
      { events: ["run.finished"] as never },
      { description: "x".repeat(1001) },
      { status: "ASLEEP" as never },
      { secret: "x".repeat(700) },
    ]) {
      await refused(
        webhooks.createWebhook({ ...good, ...bad }),
        invalidValue,
        JSON.stringify(bad).slice(0, 80),
      );
    }
    const { webhookId } = await webhooks.createWebhook(good);
    await refused(webhooks.updateWebhook({ webhookId, url: "https://10.0.0.1" }), invalidValue);
    assert.equal((await webhooks.getWebhook(webhookId)).url, url);
    await webhooks.deleteWebhook(webhookId);
  });
}

/** Of stores whose webhooks this process is to call. */
export function webhookCallContract(test: StoreTest): void {
  test("active webhooks are found by what they ask for", async (store, open) => {
    const webhooks = webhooksOf(store);
    const name = uniqueName("asking");
    const make = (...events: Webhook["events"]) => webhooks.createWebhook({ name, url, events });
    const both = await make("prompt_alias.created", "prompt_alias.deleted");
    const one = await make("prompt_alias.deleted");
    const off = await make("prompt_alias.deleted");
    await webhooks.updateWebhook({ webhookId: off.webhookId, status: "DISABLED" });
    const gone = await make("prompt_alias.deleted");
    await webhooks.deleteWebhook(gone.webhookId);
    const asking = async (...events: string[]) =>
      (await webhooksOf(await open()).webhooksAskingFor(events))
        .filter((webhook) => webhook.name === name)
        .map(({ webhookId }) => webhookId)
        .sort();
    assert.deepEqual(await asking("prompt_alias.created", "model_version_alias.created"), [both.webhookId]);
    assert.deepEqual(
      await asking("prompt_alias.deleted", "prompt_alias.created"),
      [both.webhookId, one.webhookId].sort(),
    );
    assert.deepEqual(await asking("run.finished"), []);
  });

  test("a secret needs a key, is kept encrypted, and can be taken away", async (store) => {
    const webhooks = webhooksOf(store);
    const variable = "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY";
    const before = process.env[variable];
    const hook = { name: uniqueName("hook"), url, events: ["prompt.created"], secret: "hush" } as const;
    try {
      for (const key of ["", "short"]) {
        process.env[variable] = key;
        await refused(webhooks.createWebhook(hook), invalidValue);
      }
      process.env[variable] = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
      const { webhookId } = await webhooks.createWebhook(hook);
      const { sealedSecret } = await webhooks.getWebhook(webhookId);
      assert.match(sealedSecret ?? "", /^gAAAA[\w-]+=*$/);
      const kept = await webhooks.updateWebhook({ webhookId, description: "x" });
      assert.equal(kept.sealedSecret, sealedSecret);
      const without = await webhooks.updateWebhook({ webhookId, secret: "" });
      assert.equal(without.sealedSecret, undefined);
      await webhooks.deleteWebhook(webhookId);
    } finally {
      if (before === undefined) delete process.env[variable];
      else process.env[variable] = before;
    }
  });
}

function webhooksOf(store: Store): WebhookStore {
  assert(keepsWebhooks(store), "the store must keep webhooks");
  return store.webhooks;
}

async function allOf(webhooks: WebhookStore): Promise<Webhook[]> {
  const found: Webhook[] = [];
  const pages = eachPage((pageToken) =>
    webhooks.listWebhooks({ maxResults: 2, ...(pageToken !== undefined && { pageToken }) }),
  );
  for await (const webhook of pages) found.push(webhook);
  return found;
}
