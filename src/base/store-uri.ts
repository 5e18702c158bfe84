// What the URI of a tracking store names. Opening it: src/tracking/open-store.ts.
import { existsSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Registry } from "./registry.ts";

export const storeKinds = ["sqlite", "postgresql", "mongodb", "rest", "databricks", "file"] as const;

/** Is a kind of tracking store; `registered` is one that a plugin opens. */
export type StoreKind = (typeof storeKinds)[number] | "registered";

/** What opens the stores of URIs with a scheme of their own, `NAME:...`, by that name. */
export const registeredStores = new Registry<{ open(options: any): Promise<object> }>("store");

/** Says how stores are named, for messages. */
export const storeUriForms =
  "sqlite:///path, postgresql://user@host/database, mongodb://host/database, http://host:port, databricks or a folder (./name, file:///absolute/path)";

/** Returns the kind of store that a URI names, or undefined. */
export function storeKind(uri: string): StoreKind | undefined {
  if (/^sqlite:/i.test(uri)) return sqlitePath(uri) === undefined ? undefined : "sqlite";
  if (/^(postgres|postgresql)(\+\w+)?:\/\//i.test(uri)) return "postgresql";
  if (/^mongodb(\+srv)?:\/\//i.test(uri)) return "mongodb";
  if (/^https?:\/\//i.test(uri)) return URL.canParse(uri) ? "rest" : undefined;
  if (/^databricks($|:\/\/)/i.test(uri)) return "databricks";
  if (storeFolder(uri) !== undefined) return "file";
  return registeredStores.has(schemeOf(uri)) ? "registered" : undefined;
}

/** Returns what stands before the first colon of a URI. */
export function schemeOf(uri: string): string {
  return uri.slice(0, Math.max(0, uri.indexOf(":")));
}

/** Tells whether a URI names a database, which keeps no files of others. */
export function isDatabaseUri(uri: string): boolean {
  const kind = storeKind(uri);
  return kind === "sqlite" || kind === "postgresql" || kind === "mongodb";
}

/** Tells whether a URI names a server, which stands before a store of its own. */
export function isServerUri(uri: string): boolean {
  const kind = storeKind(uri);
  return kind === "rest" || kind === "databricks";
}

/** Returns the file of `sqlite:///relative/path` or `sqlite:////absolute/path`, as SQLAlchemy reads them. */
export function sqlitePath(uri: string): string | undefined {
  const path = /^sqlite:\/\/\/([^?#]+)$/i.exec(uri)?.[1];
  return path === undefined || path === ":memory:" ? undefined : decode(path);
}

/** Returns the folder of a `file:` URI or path; a bare word is one only where it is sure to be no other kind of store. */
export function storeFolder(uri: string): string | undefined {
  if (/^file:\/\//i.test(uri)) {
    try {
      return fileURLToPath(uri);
    } catch {
      return undefined; // file://host/path, of another machine
    }
  }
  if (/^file:/i.test(uri)) return decode(uri.slice("file:".length)); // file:mlruns, as MLflow reads it
  if (/^[a-z][a-z0-9+.-]*:/i.test(uri)) return undefined;
  return uri.includes("/") || uri.startsWith(".") || uri === "mlruns" || existsSync(uri) ? uri : undefined;
}

/** Returns a URI whose path, if it has one, does not depend on the current folder. */
export function absoluteStoreUri(uri: string, root: string): string {
  const file = sqlitePath(uri);
  if (file !== undefined) {
    return `sqlite:///${resolve(root, file).replace(/[%?#]/g, encodeURIComponent)}`;
  }
  const folder = storeKind(uri) === "file" ? storeFolder(uri) : undefined;
  return folder === undefined ? uri : pathToFileURL(resolve(root, folder)).href;
}

/** Writes a URI for people: without password, and its path relative to a folder that holds it. */
export function showStoreUri(uri: string, root: string): string {
  const short = (path: string) => {
    const inside = relative(root, path);
    return inside.startsWith("..") || isAbsolute(inside) ? path : inside;
  };
  const file = sqlitePath(uri);
  if (file !== undefined) return `sqlite:///${short(resolve(file))}`;
  const folder = storeFolder(uri);
  return folder === undefined ? withoutPassword(uri) : short(resolve(folder));
}

/** Tells whether a word names a model of a store (`runs:/...`, `models:/...`), and not a folder. */
export function isModelUri(word: string): boolean {
  return /^(runs|models):/.test(word);
}

/** Returns a URI without user, password and options, whatever characters they have. */
export function withoutPassword(uri: string): string {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is.exec(uri) ?? [];
  return rest === undefined ? uri : `${scheme}${rest.slice(rest.lastIndexOf("@") + 1).replace(/\?.*$/s, "")}`;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a lone "%" is itself
  }
}
