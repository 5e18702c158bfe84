// Paths of configs inside a search path. They may never lead out of it.
import { isAbsolute, relative } from "node:path";
import { forbiddenKeys } from "../value.ts";

/** Says why a path names no config or group, or returns undefined where it may. */
export function pathProblem(path: string): string | undefined {
  if (path.length > 1024) return `a path has at most 1024 characters, got ${path.length}.`;
  for (const part of path.split("/")) {
    if (part === ".." || part === ".")
      return `a path stays inside the search path, so "${part}" cannot stand in it. Begin it with "/" to start at the root.`;
    if (forbiddenKeys.includes(part)) return `the name "${part}" is reserved. Choose another name.`;
    if (/[\\\p{Cc}]/u.test(part)) return "backslashes and control characters cannot stand in a path.";
  }
  return undefined;
}

/** Writes a path as the user knows it: from the current folder, where it lies in it. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") || isAbsolute(near) ? path : near;
}
