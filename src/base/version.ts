// This package itself: where it lies, and its version, from its own package.json.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const found = find();

/** Version of this package, `0.1.0`. */
export const sconceVersion: string = found?.version ?? "unknown";

/** Folder of this package, which holds its package.json. */
export const packageFolder: string | undefined = found?.folder;

function find(): { folder: string; version: string } | undefined {
  // src/base and dist/src/base lie at different depths
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    dirname(folder) !== folder;
    folder = dirname(folder)
  ) {
    const path = join(folder, "package.json");
    if (!existsSync(path)) continue;
    const { name, version } = JSON.parse(readFileSync(path, "utf8")) as { name?: string; version?: string };
    if (name === "sconce" && version !== undefined) return { folder, version };
  }
  return undefined;
}
