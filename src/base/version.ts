// Our own version, from the package's own package.json.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Version of this package, `0.1.0`. */
export const sconceVersion: string = read();

function read(): string {
  // src/base and dist/src/base lie at different depths
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    dirname(folder) !== folder;
    folder = dirname(folder)
  ) {
    const path = join(folder, "package.json");
    if (!existsSync(path)) continue;
    const { name, version } = JSON.parse(readFileSync(path, "utf8")) as { name?: string; version?: string };
    if (name === "sconce" && version !== undefined) return version;
  }
  return "unknown";
}
