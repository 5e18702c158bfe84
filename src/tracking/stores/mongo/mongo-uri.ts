// Reads URIs of MongoDB. Nothing of a password may come into a message.
import { withoutPassword } from "../../../base/index.ts";
import { invalid } from "../../validation.ts";

const defaultDatabase = "sconce";

/** Returns the URI without user, password and options. */
export function withoutCredentials(uri: string): string {
  return withoutPassword(uri).replace(/^[^:]+/, (scheme) => scheme.toLowerCase());
}

/**
 * Returns the database of a URI's path.
 *
 * @throws TrackingError for a name that MongoDB does not allow
 */
export function databaseOf(uri: string): string {
  const [, name = ""] = /^mongodb(?:\+srv)?:\/\/[^/]*\/?(.*)$/.exec(withoutCredentials(uri)) ?? [];
  const database = decodeName(name) || defaultDatabase;
  if (!/[/\\. "$*<>:|?\0]/.test(database) && Buffer.byteLength(database) < 64) return database;
  throw invalid(
    `MongoDB URI: a database has a name of up to 63 bytes without / \\ . " $ * < > : | ? and spaces, got ` +
      `${JSON.stringify(database)}.`,
  );
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // a % that encodes nothing
  }
}
