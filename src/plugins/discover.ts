// Which plugins there are: files of the project's plugins/, packages that say so, and what a config lists.
import { existsSync, readFileSync, readdirSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, extname, isAbsolute, join, relative, resolve } from "node:path";
import { UsageError } from "../base/index.ts";

/** Is a plugin that was found and is not loaded yet. */
export interface PluginSource {
  /** As messages call it: `plugins/my_model.ts`, or the package's name. */
  name: string;
  /** The file to load, absolute. */
  path: string;
  from: "folder" | "package" | "config";
}

/** Is a plugin that cannot be loaded, with the reason. */
export interface PluginProblem {
  name: string;
  message: string;
}

const extensions = [".ts", ".mts", ".js", ".mjs"];

/**
 * Finds the plugins of a project, in the order in which they are loaded: packages that it depends on and whose
 * package.json has a `sconce` field, files and folders of `plugins/`, and those that a config lists. Nothing is run.
 */
export function discoverPlugins(
  projectRoot: string,
  listed: readonly string[] = [],
): { sources: PluginSource[]; problems: PluginProblem[] } {
  const problems: PluginProblem[] = [];
  const attempt = (name: string, find: () => PluginSource | undefined): PluginSource[] => {
    try {
      return [find() ?? []].flat();
    } catch (error) {
      problems.push({ name, message: (error as Error).message });
      return [];
    }
  };
  const found = [
    ...dependencies(projectRoot).flatMap((name) =>
      attempt(name, () => packagePlugin(projectRoot, name, "package")),
    ),
    ...folderPlugins(projectRoot, problems),
    ...listed.flatMap((entry) => attempt(entry, () => listedPlugin(projectRoot, entry))),
  ];
  const sources = [...new Map(found.map((source) => [source.path, source])).values()];
  return { sources, problems };
}

/** Finds files of `plugins/`; a folder in it is a plugin by its index, or holds one in each file. */
function folderPlugins(projectRoot: string, problems: PluginProblem[]): PluginSource[] {
  const root = join(projectRoot, "plugins");
  const inside = (folder: string): string[] => {
    const names = existsSync(folder) ? readdirSync(folder).sort() : [];
    const paths = names
      .filter((name) => !/^[._]|^node_modules$/u.test(name))
      .map((name) => join(folder, name));
    return paths.filter((path) => {
      if (existsSync(path)) return true;
      const message = "it is a link to a file that is not there. Delete it, or link it anew.";
      problems.push({ name: relative(projectRoot, path), message });
      return false;
    });
  };
  return inside(root)
    .flatMap((path) => (statSync(path).isDirectory() ? (indexOf(path) ?? inside(path)) : path))
    .filter(isCode)
    .map((path) => ({ name: relative(projectRoot, path), path, from: "folder" as const }));
}

function isCode(path: string): boolean {
  return (
    extensions.includes(extname(path)) && !/\.(d|test|spec)\.\w+$/u.test(path) && statSync(path).isFile()
  );
}

function indexOf(folder: string): string | undefined {
  return extensions.map((extension) => join(folder, `index${extension}`)).find((path) => existsSync(path));
}

function dependencies(projectRoot: string): string[] {
  const path = join(projectRoot, "package.json");
  if (!existsSync(path)) return [];
  try {
    const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<
      string,
      Record<string, string> | undefined
    >;
    const names = ["dependencies", "devDependencies", "optionalDependencies"];
    return [...new Set(names.flatMap((key) => Object.keys(manifest[key] ?? {})))].sort();
  } catch {
    return []; // npm complains of it before we could
  }
}

/** Returns a package's plugin by its `sconce` field; undefined where it has none or is not installed. */
function packagePlugin(
  projectRoot: string,
  name: string,
  from: PluginSource["from"],
): PluginSource | undefined {
  const folder = packageFolder(projectRoot, name);
  if (folder === undefined) return undefined;
  const { sconce } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { sconce?: unknown };
  if (sconce === undefined) return undefined;
  const file = typeof sconce === "string" ? sconce : (sconce as { plugin?: unknown } | null)?.plugin;
  if (typeof file !== "string")
    throw new UsageError(
      'the field "sconce" of its package.json must be the path of a file, or { "plugin": path }.',
    );
  const path = join(folder, file);
  if (!isInside(folder, path)) throw new UsageError(`the field "sconce" leads out of the package: ${file}.`);
  if (!existsSync(path)) throw new UsageError(`the file ${file} of its field "sconce" does not exist.`);
  return { name, path: realpathSync(path), from };
}

function packageFolder(projectRoot: string, name: string): string | undefined {
  const paths = createRequire(join(projectRoot, "package.json")).resolve.paths(name) ?? [];
  return paths.map((path) => join(path, name)).find((folder) => existsSync(join(folder, "package.json")));
}

/** Returns what a config lists: a file within the project, or a package that it depends on. */
function listedPlugin(projectRoot: string, entry: string): PluginSource {
  if (/^(\.{0,2}\/|[A-Za-z]:|.*\.\w+$)/u.test(entry) || isAbsolute(entry)) {
    const path = resolve(projectRoot, entry);
    if (!existsSync(path)) throw new UsageError(`the file does not exist. Paths begin at ${projectRoot}.`);
    if (!isInside(realpathSync(projectRoot), realpathSync(path)))
      throw new UsageError("a plugin that a config lists must lie within the project. Copy it to plugins/.");
    const file = statSync(path).isDirectory() ? indexOf(path) : path;
    if (file === undefined || !extensions.includes(extname(file)))
      throw new UsageError(
        `a plugin is a ${extensions.join(", ")} file, or a folder with an index, got ${basename(path)}.`,
      );
    return { name: relative(projectRoot, file), path: realpathSync(file), from: "config" };
  }
  if (!dependencies(projectRoot).includes(entry))
    throw new UsageError("the project does not depend on a package of this name. Run: npm install " + entry);
  const found = packagePlugin(projectRoot, entry, "config");
  if (found !== undefined) return found;
  throw new UsageError('it is not installed, or its package.json has no field "sconce". Run: npm install');
}

function isInside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside !== "" && !inside.startsWith("..") && !isAbsolute(inside);
}
