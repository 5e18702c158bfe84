// Which places a client may name for artifacts. A name is checked in its decoded form, and in no other.
import { localPath, schemeOf } from "../artifacts/uri.ts";
import { invalid } from "../validation.ts";

/** Schemes whose URIs name a host that the server would connect to. */
const hostSchemes = new Set([
  "http",
  "https",
  "ftp",
  "sftp",
  "hdfs",
  "viewfs",
  "dbfs",
  "mlflow-artifacts",
  "smb",
  "ws",
  "wss",
]);

const maxDecodings = 10;

/** Decodes percent escapes until nothing changes: what is checked is what any later reader may see. */
export function decodeFully(text: string): string {
  let decoded = text;
  for (let count = 0; count < maxDecodings; count++) {
    let next: string;
    try {
      next = decodeURIComponent(decoded);
    } catch {
      return decoded; // a lone "%" is itself
    }
    if (next === decoded) return decoded;
    decoded = next;
  }
  throw invalid(`"${text.slice(0, 80)}": it is percent-encoded more than ${maxDecodings} times.`);
}

/** Refuses what could lead a later reader out of the place that a URI seems to name. */
export function checkNoEscape(what: string, uri: string): void {
  const decoded = decodeFully(uri);
  const problem = /[\0-\x1f\x7f]/.test(decoded) // oxlint-disable-line no-control-regex
    ? "no control characters"
    : decoded.includes("\\")
      ? "no backslash"
      : /[#;]/.test(decoded)
        ? 'no "#" or ";"'
        : decoded.split(/[/?&=]/).includes("..")
          ? 'no ".." part'
          : undefined;
  if (problem !== undefined)
    throw invalid(`${what}: it may have ${problem}, got ${JSON.stringify(uri.slice(0, 200))}.`);
}

/** Refuses a URI that would make the server connect to a host of the client's choice. */
export function checkNoHost(what: string, uri: string): void {
  const scheme = schemeOf(uri);
  if (scheme === "file") {
    if (/^file:(\/\/\/(?!\/)|\/(?!\/))/i.test(uri)) return;
    throw invalid(`${what}: a file URI must be file:///path, got "${uri.slice(0, 200)}".`);
  }
  if (scheme === undefined) {
    if (!uri.startsWith("//")) return;
    throw invalid(`${what}: a path must begin with one "/", got "${uri.slice(0, 200)}".`);
  }
  if (!hostSchemes.has(scheme)) return;
  if (scheme === "mlflow-artifacts" && !uri.slice(scheme.length + 1).startsWith("//")) return;
  throw invalid(
    `${what}: ${scheme}: names a host that the server would connect to, got "${uri.slice(0, 200)}". Use a path, ` +
      "s3://bucket/prefix or mlflow-artifacts:/path.",
  );
}

/** Checks the place that a client names for the artifacts of an experiment. */
export function checkArtifactLocation(location: string): void {
  const what = "artifact_location";
  checkNoEscape(what, location);
  checkNoHost(what, location);
  const scheme = schemeOf(location);
  if (scheme === "file") localPath(location); // throws for a URI that means no path
  if (scheme === "runs" || scheme === "models") {
    throw invalid(`${what}: it must be a place of its own, got "${location.slice(0, 200)}".`);
  }
}
