// Paths of artifacts: relative, and never leading out.
import { TrackingError } from "../../base/index.ts";

/** Checks a relative path with `/` between segments and returns it without `./`; all else throws. */
export function checkArtifactPath(artifactPath: string): string {
  if (artifactPath === "") throw unsafe(artifactPath, "it is empty");
  if (/[\0\\]/.test(artifactPath)) throw unsafe(artifactPath, "it holds a backslash or a NUL");
  if (artifactPath.startsWith("/") || /^[a-z][a-z0-9+.-]*:/i.test(artifactPath)) {
    throw unsafe(artifactPath, "it is absolute or a URI");
  }
  // a path may be decoded once more on its way (by a server, by MLflow), so what it would decode to counts as well
  for (const form of decodedForms(artifactPath)) {
    if (/[\0\\]/.test(form) || form.startsWith("/") || form.split("/").includes("..")) {
      throw unsafe(artifactPath, 'it holds ".." or is absolute');
    }
  }
  const path = normalize(artifactPath);
  if (path === "") throw unsafe(artifactPath, "it names the folder itself");
  return path;
}

/** Returns a path without its empty and `.` segments. */
export function normalize(artifactPath: string): string {
  return artifactPath
    .split("/")
    .filter((segment) => segment !== "" && segment !== ".")
    .join("/");
}

const maxDecodings = 10;

function decodedForms(path: string): string[] {
  const forms = [path];
  for (let form = path; forms.length <= maxDecodings;) {
    const decoded = form.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    if (decoded === form) return forms;
    forms.push((form = decoded));
  }
  throw unsafe(path, `it is percent-encoded more than ${maxDecodings} times`);
}

/** Tells whether a path is one that `checkArtifactPath` returns as it is. */
export function isArtifactPath(path: string): boolean {
  try {
    return checkArtifactPath(path) === path;
  } catch {
    return false;
  }
}

/** Spells a name as the disks of macOS and Windows compare names: in one case and form, without what has no width. */
export function plainName(name: string): string {
  return name
    .normalize("NFKC")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .toLowerCase()
    .replace(/[. ]+$/, "")
    .replace(/:.*$/, ""); // a stream of a file, on Windows
}

/** Returns the error for a path that is refused. */
export function unsafe(path: string, reason: string): TrackingError {
  return new TrackingError(
    `artifact path ${JSON.stringify(path)}: it must be relative and stay inside the run's artifacts, but ${reason}.`,
    { code: "INVALID_PARAMETER_VALUE" },
  );
}
