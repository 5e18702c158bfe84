// Reads URIs of MongoDB. Nothing of a password may come into a message.
import { invalid } from "../../validation.ts";

const defaultDatabase = "sconce";

/** Returns the URI without user, password and options. */
export function withoutCredentials(uri: string): string {
  const [, scheme = "mongodb", rest = ""] = /^(mongodb(?:\+srv)?):\/\/(.*)$/is.exec(uri) ?? [];
  const address = rest.slice(rest.lastIndexOf("@") + 1).replace(/\?.*$/s, "");
  return `${scheme.toLowerCase()}://${address}`;
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
