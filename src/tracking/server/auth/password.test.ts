import { expect, test } from "vitest";
import { checkPassword, hashPassword, verifyPassword } from "./password.ts";

test("a password fits its own hash alone, and two hashes of it differ", async () => {
  const password = "correct horse: bätterie";
  const [first, second] = await Promise.all([hashPassword(password), hashPassword(password)]);
  expect(first).toMatch(/^scrypt:32768:8:1\$[A-Za-z0-9]{16}\$[0-9a-f]{128}$/);
  expect(first).not.toBe(second);
  expect(await verifyPassword(password, first)).toBe(true);
  expect(await verifyPassword(password, second)).toBe(true);
  expect(await verifyPassword(`${password} `, first)).toBe(false);
  expect(await verifyPassword("", first)).toBe(false);
});

test("a hash that werkzeug made for MLflow is read", async () => {
  // python -c 'from werkzeug.security import generate_password_hash as g; print(g("a password of MLflow"))'
  const kept =
    "scrypt:32768:8:1$8OjWhBNXctRYHAib$" +
    "2b599d3b455288b9cbdab7be8fad669bbe7d100a23b19c5c5f8d96bb9e1b971fdcdf89855a234574b6e1f2bf7a6feb125fd68b3cfbbd199c3fa7afda0e744ada";
  expect(await verifyPassword("a password of MLflow", kept)).toBe(true);
  expect(await verifyPassword("a password of mlflow", kept)).toBe(false);
});

test("a hash of another method fits nothing", async () => {
  expect(await verifyPassword("x", "pbkdf2:sha256:600000$salt$00")).toBe(false);
  expect(await verifyPassword("x", "x")).toBe(false);
});

test("the time of a check does not tell how much of a password is right", async () => {
  const password = "a password of 30 characters ..";
  const kept = await hashPassword(password);
  const time = async (guess: string) => {
    const started = performance.now();
    await verifyPassword(guess, kept);
    return performance.now() - started;
  };
  const median = (times: number[]) => times.sort((a, b) => a - b)[times.length >> 1]!;
  const near: number[] = [];
  const far: number[] = [];
  for (let round = 0; round < 5; round++) {
    near.push(await time(`${password.slice(0, -1)}!`));
    far.push(await time("!"));
  }
  expect(median(near) / median(far)).toBeGreaterThan(0.33);
  expect(median(near) / median(far)).toBeLessThan(3);
}, 30_000);

test("a password is long enough, and neither the name nor a well-known one", () => {
  expect(() => checkPassword("eleven chars".slice(1), "ada")).toThrow(/12 to 512 characters, got 11/);
  expect(() => checkPassword("x".repeat(513), "ada")).toThrow(/got 513/);
  expect(() => checkPassword("password1234", "ada")).toThrow(/well-known/);
  expect(() => checkPassword("ada lovelace", "ada lovelace")).toThrow(/user's name/);
  expect(() => checkPassword("twelve chars", "ada")).not.toThrow();
});
