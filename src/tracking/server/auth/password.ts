// Passwords: what one must be, and how it is kept. The form is werkzeug's (`scrypt:N:r:p$salt$hex`), so that MLflow's
// server takes the same database. https://datatracker.ietf.org/doc/html/rfc7914
import { randomInt, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { invalid } from "../../validation.ts";

const derive = promisify<string, string, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);

const cost = { N: 2 ** 15, r: 8, p: 1 }; // 32 MiB and about 60 ms
const keyBytes = 64;
const saltLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Are the shortest and longest password, in characters; the shortest is MLflow's. */
export const passwordLength = { min: 12, max: 512 };

/** Refuses a password that is too short, too long, the user's name, or the one that MLflow used to ship. */
export function checkPassword(password: string, username: string): void {
  const { min, max } = passwordLength;
  const length = [...password].length;
  if (length < min || length > max) {
    throw invalid(`password: it must have ${min} to ${max} characters, got ${length}. Choose another.`);
  }
  if (password === username || password === "password1234") {
    throw invalid("password: it must be neither the user's name nor a well-known one. Choose another.");
  }
}

/** Returns what is kept of a password. */
export async function hashPassword(password: string): Promise<string> {
  const salt = Array.from({ length: 16 }, () => saltLetters[randomInt(saltLetters.length)]).join("");
  const { N, r, p } = cost;
  return `scrypt:${N}:${r}:${p}$${salt}$${(await key(password, salt, cost)).toString("hex")}`;
}

/** Tells whether a password is the one that is kept; how long it takes says nothing about where they differ. */
export async function verifyPassword(password: string, kept: string): Promise<boolean> {
  const [, N, r, p, salt, hex] = /^scrypt:(\d+):(\d+):(\d+)\$([^$]+)\$([0-9a-f]{128})$/.exec(kept) ?? [];
  if (salt === undefined || hex === undefined) return false; // another method: a new password must be set
  const derived = await key(password, salt, { N: Number(N), r: Number(r), p: Number(p) });
  return timingSafeEqual(derived, Buffer.from(hex, "hex"));
}

function key(password: string, salt: string, { N, r, p }: typeof cost): Promise<Buffer> {
  return derive(password, salt, keyBytes, { N, r, p, maxmem: 132 * N * r * p });
}
