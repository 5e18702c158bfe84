// Secrets of webhooks at rest, encrypted as MLflow encrypts them. MLflow invents a key where none is given, and cannot read
// what it wrote once it has started anew; here a key must be given.
import { invalid } from "../validation.ts";
import { decryptFernet, encryptFernet, fernetKey } from "./fernet.ts";

/** The variable that holds the key of secrets, MLflow's. */
export const secretKeyVariable = "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY";

const maxSecretBytes = 687; // what fits MLflow's column once it is encrypted

/** Encrypts a secret; throws where there is no key. */
export function sealSecret(secret: string): string {
  const bytes = Buffer.byteLength(secret);
  if (bytes > maxSecretBytes) {
    throw invalid(`webhook secret: it must have at most ${maxSecretBytes} bytes, got ${bytes}.`);
  }
  return encryptFernet(secret, key());
}

/** Decrypts a secret; throws where the key is not the one that it was encrypted with. */
export function openSecret(sealed: string): string {
  const secret = decryptFernet(sealed, key());
  if (secret !== undefined) return secret;
  throw invalid(
    `webhook secret: it was encrypted with another key than ${secretKeyVariable} holds. Set that key, or the secret anew.`,
  );
}

function key(): Buffer {
  const found = fernetKey(process.env[secretKeyVariable] ?? "");
  if (found !== undefined) return found;
  throw invalid(
    `webhook secret: ${secretKeyVariable} must be set where the store is open, to 32 random bytes in URL-safe base64, ` +
      "so that secrets are kept encrypted (openssl rand -base64 32 | tr +/ -_).",
  );
}
