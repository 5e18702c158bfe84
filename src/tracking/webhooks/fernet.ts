// Fernet tokens (github.com/fernet/spec), in which MLflow keeps the secrets of webhooks: AES-128 in CBC mode, and an HMAC.
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const version = 0x80;
const headBytes = 1 + 8 + 16; // version, time, initialization vector
const macBytes = 32;

/** Returns the 32 bytes of a key in URL-safe base64, or undefined for what is no key. */
export function fernetKey(text: string): Buffer | undefined {
  const key = Buffer.from(text, "base64url");
  return key.length === 32 && /^[\w-]{43}=?$/.test(text) ? key : undefined;
}

/** Encrypts a text. */
export function encryptFernet(text: string, key: Buffer): string {
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(version);
  head.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000)), 1);
  const iv = randomBytes(16);
  iv.copy(head, 9);
  const cipher = createCipheriv("aes-128-cbc", key.subarray(16), iv);
  const signed = Buffer.concat([head, cipher.update(text, "utf8"), cipher.final()]);
  return padded(Buffer.concat([signed, macOf(signed, key)]).toString("base64url"));
}

/** Decrypts a token; undefined for what was not encrypted with the key. */
export function decryptFernet(token: string, key: Buffer): string | undefined {
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length < headBytes + 16 + macBytes || bytes[0] !== version) return undefined;
  const signed = bytes.subarray(0, -macBytes);
  if (!timingSafeEqual(macOf(signed, key), bytes.subarray(-macBytes))) return undefined;
  const decipher = createDecipheriv("aes-128-cbc", key.subarray(16), signed.subarray(9, headBytes));
  return Buffer.concat([decipher.update(signed.subarray(headBytes)), decipher.final()]).toString("utf8");
}

function macOf(signed: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key.subarray(0, 16)).update(signed).digest();
}

function padded(text: string): string {
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}
