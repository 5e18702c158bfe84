import { afterEach, expect, test, vi } from "vitest";
import { notificationProblems, webhookProblem } from "./notifications.ts";
import { isPublicAddress } from "./public-address.ts";

afterEach(() => void vi.unstubAllEnvs());

test.each([
  "https://0x7f.1/",
  "https://0177.0.0.1/",
  "https://2130706433/",
  "https://127.1/",
  "https://127.0.0.1/",
  "https://0.0.0.0/",
  "https://[::ffff:127.0.0.1]/",
  "https://[::ffff:7f00:1]/",
  "https://[0:0:0:0:0:0:0:1]/",
  "https://[::1]/",
  "https://[::]/",
  "https://[fe80::1]/",
  "https://[fd00::1]/",
  "https://[64:ff9b::7f00:1]/",
  "https://[2002:7f00:1::]/",
  "https://169.254.169.254/latest/meta-data",
  "https://10.0.0.1/",
  "https://192.168.1.1:8443/",
  "https://100.64.0.1/",
  "https://255.255.255.255/",
  "https://localhost/",
  "https://LOCALHOST/",
  "https://localhost./",
  "https://api.localhost/",
  "https://example.com./",
  "https://%6c%6f%63alhost/",
  "https://127。0。0。1/",
  "https://exa\tmple.com/",
  " https://example.com/",
  "https://user:password@example.com/",
  "https://user@example.com/",
  "https://@example.com/",
  "https://example.com\\@127.0.0.1/",
  "https:/example.com/",
  "https:example.com",
  "http://example.com/",
  "ftp://example.com/",
  "file:///etc/passwd",
  "//example.com/",
  "example.com",
  "",
])("%s is no address of a webhook", (address) => {
  expect(webhookProblem(address)).toMatch(/^it(s host)? must /);
});

test.each([
  "https://example.com",
  "https://hooks.example.com:8443/services/a?b=c#d",
  "https://HOOKS.example.com/",
  "https://93.184.215.14/",
  "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
])("%s is one", (address) => {
  expect(webhookProblem(address)).toBeUndefined();
});

test("the operator may allow a host, private or without TLS, by the variable alone", () => {
  expect(webhookProblem("http://hooks.internal:8080/a")).toBe(
    "it must begin with https://, got http://. To allow it, set SCONCE_WEBHOOK_ALLOWED_HOSTS=hooks.internal:8080",
  );
  vi.stubEnv("SCONCE_WEBHOOK_ALLOWED_HOSTS", "hooks.internal:8080, 127.0.0.1");
  expect(webhookProblem("http://hooks.internal:8080/a")).toBeUndefined();
  expect(webhookProblem("https://127.0.0.1:9/a")).toBeUndefined();
  expect(webhookProblem("http://hooks.internal:8081/a")).toContain("https://");
  expect(webhookProblem("http://me:you@hooks.internal:8080/a")).toContain("no password");
});

test("public addresses are those that the registries of special addresses leave", () => {
  const isPublic = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111"];
  expect(isPublic.filter((address) => !isPublicAddress(address))).toEqual([]);
  const isNot = ["172.31.0.1", "198.19.0.1", "224.0.0.1", "240.0.0.1", "2001::1", "2001:db8::1", "3fff::1"];
  expect([...isNot, "fe80::1%eth0", "::ffff:8.8.8.8", "", "x"].filter(isPublicAddress)).toEqual([]);
});

test("a notification goes to one place, and what signs it is there", () => {
  const webhook = "https://example.com/";
  const problems = (given: object) =>
    notificationProblems({ on: ["run_failed"], ...given }).map(({ key, message }) => `${key}: ${message}`);
  expect(problems({})).toEqual(["command: either command or webhook must be set, got neither."]);
  expect(problems({ webhook, command: ["a"] })).toEqual([
    "command: either command or webhook must be set, got both.",
  ]);
  expect(problems({ command: ["a"], secret_env: "HOOK_SECRET" })[0]).toMatch(/^secret_env: it signs/);
  expect(problems({ webhook, secret_env: "HOOK_SECRET" })).toEqual([
    'secret_env: it must name an environment variable that is set, got "HOOK_SECRET".',
  ]);
  vi.stubEnv("HOOK_SECRET", "x");
  expect(problems({ webhook, secret_env: "HOOK_SECRET" })).toEqual([]);
});
