// The folder of one run among others of a name: version_0, version_1 ...
import { existsSync, readdirSync } from "node:fs";

/** Returns the name of a version's folder: as given, or with the next free number. */
export function versionName(folder: string, version: string | number | undefined): string {
  if (typeof version === "string") return version;
  if (version !== undefined) return `version_${version}`;
  const taken = existsSync(folder) ? readdirSync(folder) : [];
  const numbers = taken.map((name) => Number(/^version_(\d+)$/.exec(name)?.[1] ?? -1));
  return `version_${Math.max(-1, ...numbers) + 1}`;
}
