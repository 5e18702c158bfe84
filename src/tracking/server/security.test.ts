import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { Guard } from "./security.ts";

function request(method: string, headers: Record<string, string>): IncomingMessage {
  return { method, headers } as unknown as IncomingMessage;
}

test.each([
  ["127.0.0.1:5000", true],
  ["localhost", true],
  ["localhost:5000", true],
  ["[::1]:5000", true],
  ["10.1.2.3:5000", true],
  ["172.31.0.9", true],
  ["172.32.0.9", false],
  ["192.168.0.2:80", true],
  ["evil.example", false],
  ["localhost.evil.example", false],
  ["127.0.0.1.evil.example", false],
  ["", false],
  ["10.evil.example", false],
  ["10.1.2.3.evil.example", false],
  ["192.168.evil.example:80", false],
  ["172.16.0.1.nip.example", false],
  ["[fc00:evil", false],
  ["[fd00::1]:5000", true],
  ["[2001:db8::1]", false],
  ["0.0.0.0:5000", true],
  ["8.8.8.8", false],
  ["010.1.1.1", false],
  ["127.0.0.1:5000:80", false],
  ["LOCALHOST:5000", true],
])("the Host header %j is answered: %s", (host, isAnswered) => {
  const refusal = new Guard().refusal(request("GET", { host }), false);
  expect(refusal === undefined).toBe(isAnswered);
});

test("hosts can be named, with * for any characters", () => {
  const guard = new Guard({ allowedHosts: ["mlflow.example", "*.lab.example:5000"] });
  const isAnswered = (host: string) => guard.refusal(request("GET", { host }), false) === undefined;
  expect(isAnswered("mlflow.example")).toBe(true);
  expect(isAnswered("a.lab.example:5000")).toBe(true);
  expect(isAnswered("a.lab.example:5001")).toBe(false);
  expect(isAnswered("localhost")).toBe(false);
  expect(new Guard({ allowedHosts: ["*"] }).refusal(request("GET", { host: "any" }), false)).toBeUndefined();
});

test("health probes are answered whatever their host", () => {
  expect(new Guard().refusal(request("GET", { host: "evil.example" }), true)).toBeUndefined();
});

test.each([
  ["https://evil.example", false],
  ["null", false],
  ["http://localhost.evil.example", false],
  ["http://127.0.0.1:9", true],
  ["http://localhost:3000", true],
  ["http://mlflow.example:5000", true],
  ["https://friend.example", true],
])("a page of %s may write: %s", (origin, mayWrite) => {
  const guard = new Guard({
    allowedHosts: ["mlflow.example:5000"],
    allowedOrigins: ["https://friend.example"],
  });
  const headers = { host: "mlflow.example:5000", origin };
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    expect(guard.refusal(request(method, headers), false) === undefined).toBe(mayWrite);
  }
  expect(guard.refusal(request("GET", headers), false)).toBeUndefined();
});

test("a long pattern with many stars takes no time", () => {
  const guard = new Guard({ allowedHosts: [`${"*a".repeat(200)}b`] });
  const started = performance.now();
  expect(guard.refusal(request("GET", { host: "a".repeat(5000) }), false)).toBeDefined();
  expect(performance.now() - started).toBeLessThan(1000);
});
