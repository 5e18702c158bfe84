import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SignIn, SignInError } from "./sign-in.ts";
import { UserStore } from "./user-store.ts";

const password = "a long password";
let users: UserStore;

beforeAll(async () => {
  users = await UserStore.open(join(mkdtempSync(join(tmpdir(), "sconce-")), "basic_auth.db"));
  for (const username of ["ada", "grace", "Zoë 🌍"]) await users.create({ username, password });
  await users.create({ username: "root", password, isAdmin: true });
});

afterAll(() => users.close());

function basic(username: string, word = password): string {
  return `Basic ${Buffer.from(`${username}:${word}`).toString("base64")}`;
}

async function failure(work: Promise<unknown>): Promise<SignInError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SignInError);
  return error as SignInError;
}

test("the right name and password sign in, in UTF-8 and with any case of the scheme", async () => {
  const signIn = new SignIn(users);
  expect((await signIn.check(basic("Zoë 🌍"), "a")).username).toBe("Zoë 🌍");
  expect((await signIn.check(basic("ada").replace("Basic", "bAsIc"), "a")).username).toBe("ada");
  expect((await failure(signIn.check(basic("ADA"), "a"))).code).toBe("UNAUTHENTICATED");
});

test("what was checked is remembered, and ends with a new password or the user", async () => {
  const signIn = new SignIn(users);
  await users.create({ username: "short-lived", password });
  await signIn.check(basic("short-lived"), "a");
  const started = performance.now();
  for (let request = 0; request < 200; request++) await signIn.check(basic("short-lived"), "a");
  expect(performance.now() - started).toBeLessThan(2000); // 200 checks would take at least 8 seconds

  await users.setPassword("short-lived", "another password");
  expect((await failure(signIn.check(basic("short-lived"), "a"))).code).toBe("UNAUTHENTICATED");
  await signIn.check(basic("short-lived", "another password"), "a");
  await users.delete("short-lived");
  const gone = await failure(signIn.check(basic("short-lived", "another password"), "a"));
  expect(gone.code).toBe("UNAUTHENTICATED");
});

test("many guesses at once, or one after the other, have to wait; who is signed in does not", async () => {
  const signIn = new SignIn(users);
  await signIn.check(basic("ada"), "here");
  const guesses = Array.from({ length: 40 }, (_, index) =>
    failure(signIn.check(basic("ada", `guess ${index}`), "here")),
  );
  const codes = (await Promise.all(guesses)).map(({ code }) => code);
  expect(codes.filter((code) => code === "UNAUTHENTICATED")).toHaveLength(5);
  expect(codes.filter((code) => code === "RESOURCE_EXHAUSTED")).toHaveLength(35);
  const refused = await failure(signIn.check(basic("ada", "again"), "here"));
  expect(Number(refused.headers["Retry-After"])).toBeGreaterThan(0);
  await signIn.check(basic("ada"), "here");
  expect((await failure(signIn.check(basic("ada", "again"), "elsewhere"))).code).toBe("UNAUTHENTICATED");
}, 30_000);

test("many requests at once with one name and password are one check", async () => {
  const signIn = new SignIn(users);
  const answers = await Promise.all(Array.from({ length: 100 }, () => signIn.check(basic("grace"), "a")));
  expect(answers).toHaveLength(100);
});

test("a flood of names is turned away before it fills the memory", async () => {
  const signIn = new SignIn(users);
  const flood = Array.from({ length: 200 }, (_, index) =>
    failure(signIn.check(basic(`nobody ${index}`), "a")),
  );
  const answers = await Promise.all(flood);
  const turnedAway = answers.filter(({ code }) => code === "TEMPORARILY_UNAVAILABLE");
  expect(turnedAway.length).toBeGreaterThanOrEqual(160);
  expect(turnedAway[0]?.headers).toEqual({ "Retry-After": "1" });
}, 60_000);

test("an unknown name takes as long as a wrong password", async () => {
  const signIn = new SignIn(users);
  const time = async (username: string, round: number) => {
    const started = performance.now();
    await failure(signIn.check(basic(username, `guess ${round}`), String(round)));
    return performance.now() - started;
  };
  const median = (times: number[]) => times.sort((a, b) => a - b)[times.length >> 1]!;
  const known: number[] = [];
  const unknown: number[] = [];
  await time("nobody", -1); // makes the hash that unknown names are checked against
  for (let round = 0; round < 5; round++) {
    known.push(await time("ada", round));
    unknown.push(await time("nobody", round));
  }
  expect(median(known) / median(unknown)).toBeGreaterThan(0.33);
  expect(median(known) / median(unknown)).toBeLessThan(3);
}, 30_000);

test("only the owner may read the file of users, the last admin stays, and a name has no colon", async () => {
  expect(statSync(users.path).mode & 0o777).toBe(0o600);
  await expect(users.setAdmin("root", false)).rejects.toThrow(/one admin must stay/);
  await expect(users.delete("root")).rejects.toThrow(/one admin must stay/);
  await expect(users.create({ username: "a:b", password })).rejects.toThrow(/no colon/);
  await expect(users.create({ username: "ada", password })).rejects.toThrow(/the name is taken/);
});
