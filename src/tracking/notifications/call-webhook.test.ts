// Calls of webhooks, and attacks by them on what stands behind the caller; all servers are real.
import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { hostname } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { selfSigned, startReceiver } from "../../../tests/webhook-receiver.ts";
import { callWebhook } from "./call-webhook.ts";
import type { Delivery } from "./event.ts";

const delivery: Delivery = {
  id: "0d0a",
  event: { entity: "run", action: "failed", data: {} },
  body: '{"entity":"run","action":"failed","data":{"name":"späm"}}',
};
const timeoutMs = 5000;
const closing: (() => void)[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

async function receiver(...options: Parameters<typeof startReceiver>) {
  const started = await startReceiver(...options);
  closing.push(started.close);
  return started;
}

function allow(host: string): void {
  vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", host);
}

test("a call carries the event, its id and a signature", async () => {
  const { calls, url, host } = await receiver();
  allow(host);
  await callWebhook(url, delivery, { timeoutMs, secret: "hush" });
  const [call] = calls;
  expect(call).toMatchObject({
    url: "/hook",
    body: delivery.body,
    headers: { host, "content-type": "application/json", "x-mlflow-delivery-id": "0d0a" },
  });
  const timestamp = String(call!.headers["x-mlflow-timestamp"]);
  expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(10);
  const signed = createHmac("sha256", "hush").update(`0d0a.${timestamp}.${delivery.body}`).digest("base64");
  expect(call!.headers["x-mlflow-signature"]).toBe(`v1,${signed}`);

  await callWebhook(url, delivery, { timeoutMs });
  expect(calls[1]!.headers["x-mlflow-signature"]).toBeUndefined();
});

test("over TLS the address that was looked up is called, and the certificate is that of the name", async () => {
  const tls = selfSigned("hooks.example.com");
  const { calls, port } = await receiver(undefined, tls);
  allow(`hooks.example.com:${port},other.example.com:${port}`);
  let lookUps = 0;
  const options = {
    timeoutMs,
    ca: tls.cert,
    resolve: async () => {
      lookUps++;
      return [{ address: "127.0.0.1", family: 4 }];
    },
  };
  await callWebhook(`https://hooks.example.com:${port}/x`, delivery, options);
  expect([calls.length, lookUps]).toEqual([1, 1]);
  expect(calls[0]!.headers.host).toBe(`hooks.example.com:${port}`);
  await expect(callWebhook(`https://other.example.com:${port}/x`, delivery, options)).rejects.toThrow(
    /does not match certificate/,
  );
  await expect(
    callWebhook(`https://hooks.example.com:${port}/x`, delivery, { ...options, ca: undefined! }),
  ).rejects.toThrow(/self-signed certificate/);
  expect(calls).toHaveLength(1);
});

test.each([
  ["127.0.0.1", 4],
  ["169.254.169.254", 4],
  ["10.1.2.3", 4],
  ["0.0.0.0", 4],
  ["::1", 6],
  ["::ffff:127.0.0.1", 6],
  ["fe80::1", 6],
  ["fd12::1", 6],
])("a public name that leads to %s is not called", async (address, family) => {
  const { calls, port } = await receiver();
  const resolve = async () => [{ address, family }];
  await expect(
    callWebhook(`https://hooks.example.com:${port}/`, delivery, { timeoutMs, resolve }),
  ).rejects.toThrow(
    `hooks.example.com leads to ${address}, which is no public address. To allow it, set SCONCE_WEBHOOK_ALLOWED_HOSTS=hooks.example.com:${port}`,
  );
  expect(calls).toEqual([]);
});

test("one private address among public ones is enough to refuse", async () => {
  const resolve = async () => [
    { address: "93.184.215.14", family: 4 },
    { address: "127.0.0.1", family: 4 },
  ];
  await expect(callWebhook("https://hooks.example.com/", delivery, { timeoutMs, resolve })).rejects.toThrow(
    /leads to 127\.0\.0\.1/,
  );
});

test("a name that leads elsewhere the second time is asked once: the first answer is called", async () => {
  const { calls, port } = await receiver();
  const answers = ["203.0.113.1", "127.0.0.1"]; // not public, and then what the attacker is after
  const resolve = async () => [{ address: answers.shift()!, family: 4 }];
  await expect(
    callWebhook(`https://rebinding.example.com:${port}/`, delivery, { timeoutMs, resolve }),
  ).rejects.toThrow(/leads to 203\.0\.113\.1/);
  expect([answers, calls]).toEqual([["127.0.0.1"], []]);

  // a public answer first: what is connected to is that answer, which nothing listens at in here
  const publicFirst = ["93.184.215.14", "127.0.0.1"];
  const rebinding = async () => [{ address: publicFirst.shift()!, family: 4 }];
  await expect(
    callWebhook(`https://rebinding.example.com:${port}/`, delivery, { timeoutMs: 300, resolve: rebinding }),
  ).rejects.toThrow();
  expect([publicFirst, calls]).toEqual([["127.0.0.1"], []]);
});

test("names of this machine are looked up for real and refused", async () => {
  await expect(callWebhook("https://localhost:1/", delivery, { timeoutMs })).rejects.toThrow(/public name/);
  await expect(
    callWebhook(`https://${hostname().toLowerCase()}:1/`, delivery, { timeoutMs }),
  ).rejects.toThrow(/no public address|is not found|must be/);
});

test.each([301, 302, 303, 307, 308])("a redirect by %i is not followed", async (status) => {
  const inner = await receiver();
  const outer = await receiver((response) =>
    response.writeHead(status, { Location: `http://${inner.host}/secret` }).end(),
  );
  allow(`${outer.host},${inner.host}`);
  await expect(callWebhook(outer.url, delivery, { timeoutMs })).rejects.toMatchObject({
    message: `it answered with ${status}, and redirects are not followed`,
    isFinal: true,
  });
  expect(inner.calls).toEqual([]);
});

test("an endless answer is read for a while only, and an answer that never comes is waited for no longer", async () => {
  let sent = 0;
  const endless = await receiver((response) => {
    const chunk = Buffer.alloc(16_384);
    const more = () => {
      while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });
  const silent = await receiver(() => {});
  const dripping = await receiver((response) => {
    const timer = setInterval(() => response.write("."), 20);
    response.once("close", () => clearInterval(timer));
  });
  allow(`${endless.host},${silent.host},${dripping.host}`);
  await callWebhook(endless.url, delivery, { timeoutMs });
  expect(sent).toBeLessThan(32 << 20);
  await expect(callWebhook(silent.url, delivery, { timeoutMs: 100 })).rejects.toMatchObject({
    message: "it did not answer in time",
    isFinal: false,
  });
  const before = performance.now();
  await callWebhook(dripping.url, delivery, { timeoutMs: 200 }).catch(() => {});
  expect(performance.now() - before).toBeLessThan(2000);
});

test.each([
  [400, true],
  [404, true],
  [408, false],
  [429, false],
  [500, false],
  [503, false],
])("an answer with %i is final: %s", async (status, isFinal) => {
  const { url, host } = await receiver((response) => response.writeHead(status).end("why"));
  allow(host);
  await expect(callWebhook(url, delivery, { timeoutMs })).rejects.toMatchObject({
    message: `it answered with ${status}`,
    isFinal,
  });
});

test("what nobody listens at fails, and may be tried again", async () => {
  const { url, host, port, close } = await receiver();
  close();
  await new Promise((resolve) => connect(port, "127.0.0.1").once("error", resolve));
  allow(host);
  await expect(callWebhook(url, delivery, { timeoutMs })).rejects.toMatchObject({ isFinal: false });
});
