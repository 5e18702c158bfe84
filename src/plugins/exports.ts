// The entries of this package, `./torch` and so on, with their files.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "../base/index.ts";

let exported: Record<string, string> | undefined;

/** Returns the files of the package's entries, as its package.json names them. */
export function exportsOfSconce(): Record<string, string> {
  if (exported === undefined) {
    const manifest = JSON.parse(readFileSync(join(packageFolder!, "package.json"), "utf8")) as {
      exports: Record<string, string | { default: string }>;
    };
    exported = Object.fromEntries(
      Object.entries(manifest.exports).map(([key, target]) => [
        key,
        typeof target === "string" ? target : target.default,
      ]),
    );
  }
  return exported;
}
