// Places of artifacts as MLflow stores them: a plain absolute path, or a `file:` URI where a path needs escapes.
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { TrackingError } from "../../base/index.ts";

/**
 * Spells a local folder as MLflow would store it; URIs of other schemes stay as they are.
 * Python unquotes plain paths, so one with `%`, `#`, `?` or `;` becomes a `file:` URI.
 */
export function localUri(location: string): string {
  if (/^[a-z][a-z0-9+.-]+:/i.test(location)) return location;
  const path = resolve(location);
  return /[%#?;]/.test(path) ? pathToFileURL(path).href : path;
}

/** Adds path segments to a path or URI. */
export function childUri(location: string, ...segments: string[]): string {
  const base = localUri(location).replace(/\/+$/, "");
  const escape = base.startsWith("file:") ? encodeURIComponent : (segment: string) => segment;
  return [base, ...segments.map(escape)].join("/");
}

/** Returns the local folder that a stored path or URI means; one that is elsewhere throws. */
export function localPath(uri: string): string {
  if (uri.startsWith("file:")) return pathOfFileUri(uri);
  if (isAbsolute(uri)) return uri.includes("%") ? decodePath(uri) : uri;
  throw new TrackingError(
    `artifacts: the location must be a local folder, got "${uri}". Set the experiment's artifactLocation to a folder.`,
    { code: "INVALID_PARAMETER_VALUE" },
  );
}

function pathOfFileUri(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (error) {
    throw new TrackingError(
      `artifacts: a file URI must be file:///path without an encoded "/" or NUL, got "${uri.slice(0, 200)}".`,
      { code: "INVALID_PARAMETER_VALUE", cause: error },
    );
  }
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a lone "%" is itself, as Python has it
  }
}

/** Returns the scheme of a URI in lower case, or undefined for a path. */
export function schemeOf(uri: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase();
}

/** Tells whether a place is a folder of this machine. */
export function isLocalPlace(uri: string): boolean {
  const scheme = schemeOf(uri);
  return scheme === undefined || scheme === "file";
}
