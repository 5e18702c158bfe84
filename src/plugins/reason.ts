// Says why a plugin could not be loaded, in terms of the files that its author wrote.
import { existsSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import type { SourceMapPayload } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { SconceError, packageFolder } from "../base/index.ts";
import { exportsOfSconce } from "./exports.ts";

/** Returns the reason: Node tells of imports by the paths of compiled files, and of other errors without their place. */
export function reasonOf(error: unknown, projectRoot: string): string {
  if (!(error instanceof Error)) return String(error);
  const { message } = error;
  if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return missingModule(message);
  const [, url, name] =
    /^The requested module '(.+)' does not provide an export named '(.+)'/u.exec(message) ?? [];
  if (url !== undefined && name !== undefined)
    return `it imports "${name}" from "${importedAs(url)}", which has no such export.`;
  if (SconceError.is(error)) return message; // names the place itself
  const place = placeOf(error, projectRoot);
  return place === undefined ? message : `${place}: ${message}`;
}

function missingModule(message: string): string {
  const [, what, missing] = /^Cannot find (package|module) '([^']+)'/u.exec(message) ?? [];
  if (missing === undefined) return message;
  return what === "package"
    ? `it imports the package "${missing}", which is not installed. Run: npm install ${missing}`
    : `it imports ${missing}, which does not exist.`;
}

/** Turns the URL of one of this package's entries back into what is imported. */
function importedAs(url: string): string {
  const entry = Object.entries(exportsOfSconce()).find(
    ([, file]) => pathToFileURL(join(packageFolder!, file)).href === url,
  );
  return entry === undefined ? url : `sconce${entry[0].slice(1)}`;
}

/** Finds the line of a project's file that an error comes from, through the map of a compiled one. */
function placeOf({ stack = "" }: Error, projectRoot: string): string | undefined {
  for (const [, url, line, column] of stack.matchAll(/\(?(file:\/\/[^\s()]+?):(\d+):(\d+)\)?$/gmu)) {
    const file = fileURLToPath(url!);
    const position = { line: Number(line), column: Number(column) };
    const original = originalOf(file, position) ?? { file, ...position };
    const shown = relativeTo(projectRoot, original.file);
    if (!shown.startsWith("/") && !shown.split("/").includes("node_modules"))
      return `${shown}:${original.line}:${original.column}`;
  }
  return undefined;
}

interface Position {
  line: number;
  column: number;
}

function originalOf(file: string, { line, column }: Position): (Position & { file: string }) | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  const [, encoded] = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/u.exec(text) ?? [];
  if (encoded === undefined) return undefined;
  const map = JSON.parse(Buffer.from(encoded, "base64").toString()) as SourceMapPayload;
  const entry = new SourceMap(map).findEntry(line - 1, column - 1);
  if (!("originalSource" in entry)) return undefined;
  return {
    file: resolve(entry.originalSource), // esbuild names files from the current folder on
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  };
}

/** Shortens the path of a file within the project; one that is not absolute goes from the current folder. */
export function relativeTo(projectRoot: string, file: string): string {
  const absolute = resolve(file);
  return absolute.startsWith(`${projectRoot}/`) ? absolute.slice(projectRoot.length + 1) : absolute;
}
