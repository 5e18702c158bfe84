// Loads plugins one after the other. One that is broken is named, and takes neither the program nor others down.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Plugin } from "esbuild";
import {
  SetupError,
  UsageError,
  logger,
  packageFolder,
  sconceVersion,
  writeFileAtomic,
} from "../base/index.ts";
import { registerAs, registry } from "../contracts/index.ts";
import { readCompileNote, writeCompileNote } from "./compile-notes.ts";
import { discoverPlugins } from "./discover.ts";
import type { PluginSource } from "./discover.ts";
import { exportsOfSconce } from "./exports.ts";
import { reasonOf, relativeTo } from "./reason.ts";

/** What became of one plugin. */
export interface LoadedPlugin {
  name: string;
  from: PluginSource["from"];
  /** What it registered, as `model my_model`. */
  registered: string[];
  /** Why it could not be loaded; what it had registered before is taken out again. */
  error?: string;
}

/** Says which plugins are loaded, and for how long each is waited for. */
export interface LoadPluginsOptions {
  /** What a config lists under `plugins`. */
  listed?: readonly string[];
  /** Milliseconds that a plugin's code may take to come up. @default 10000 */
  timeoutMs?: number;
}

const loaded = new Map<string, LoadedPlugin>();

/**
 * Loads the plugins of a project, each file once a process. A plugin registers its components when it is imported, or in
 * a function `register(registry)` that it exports. TypeScript is compiled on the way.
 */
export async function loadPlugins(
  projectFolder: string,
  { listed = [], timeoutMs = 10_000 }: LoadPluginsOptions = {},
): Promise<LoadedPlugin[]> {
  const projectRoot = resolve(projectFolder); // a file is the same one by any path
  const { sources, problems } = discoverPlugins(projectRoot, listed);
  const reports: LoadedPlugin[] = problems.map(({ name, message }) => ({
    name,
    from: listed.includes(name) ? "config" : "package",
    registered: [],
    error: message,
  }));
  for (const { name, error } of reports) logger.warn(`plugin ${name}: ${error}`);
  for (const source of sources) {
    let report = loaded.get(source.path);
    if (report === undefined) {
      report = await load(source, projectRoot, timeoutMs);
      loaded.set(source.path, report);
      if (report.error !== undefined) logger.warn(`plugin ${source.name}: ${report.error}`);
    }
    reports.push(report);
  }
  return reports;
}

async function load(source: PluginSource, projectRoot: string, timeoutMs: number): Promise<LoadedPlugin> {
  const { name, from, path } = source;
  try {
    // a package is compiled already, and finds its own dependencies from where it is
    const url =
      from === "folder" || isTypeScript(path) ? await compile(source, projectRoot) : pathToFileURL(path).href;
    return { name, from, registered: await registerAs(name, () => withTimeout(run(url), timeoutMs)) };
  } catch (error) {
    return { name, from, registered: [], error: reasonOf(error, projectRoot) };
  }
}

async function run(url: string): Promise<void> {
  const { register } = (await import(url)) as { register?: unknown };
  if (register === undefined) return;
  if (typeof register !== "function")
    throw new UsageError("its export register must be a function that takes the registry.");
  await (register as (given: typeof registry) => unknown)(registry);
}

function isTypeScript(path: string): boolean {
  return [".ts", ".mts"].includes(extname(path));
}

/** Compiles a plugin with its own files to one module, which lies where its packages are found. Returns its URL. */
async function compile({ path }: PluginSource, projectRoot: string): Promise<string> {
  const folder = cacheFolder(projectRoot);
  // what is compiled depends on the compiler's options, and has in it where this package and zod are
  const options = statSync(join(projectRoot, "tsconfig.json"), { throwIfNoEntry: false })?.mtimeMs;
  const settings = JSON.stringify([path, options, packageFolder, sconceVersion, hasOwnZod(projectRoot)]);
  const note = join(folder, `${hashOf(settings)}.json`);
  const known = readCompileNote(note);
  if (known !== undefined) return pathToFileURL(known).href;
  const { build } = await import("esbuild").catch((error: unknown) => {
    throw new SetupError("TypeScript plugins need esbuild. Run: npm install esbuild", { cause: error });
  });
  const result = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    metafile: true,
    logLevel: "silent",
    define: { "import.meta.url": JSON.stringify(pathToFileURL(path).href) },
    plugins: [ownPackages(projectRoot)],
  }).catch((error: unknown) => {
    throw new UsageError(compileErrors(error, projectRoot), { cause: error });
  });
  const code = result.outputFiles[0]!.text;
  const output = join(folder, `${hashOf(code)}.mjs`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(output)) writeFileAtomic(output, code);
  const inputs = Object.keys(result.metafile.inputs).map((input) => resolve(input));
  writeCompileNote(note, output, inputs);
  return pathToFileURL(output).href;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/**
 * Leads imports of `sconce` to the package that is running, so that there is one registry, and those of zod to the one that
 * comes with it where the project has none of its own.
 */
function ownPackages(projectRoot: string): Plugin {
  return {
    name: "sconce",
    setup(build) {
      build.onResolve({ filter: /^sconce(\/.*)?$/ }, ({ path }) => {
        const target = exportsOfSconce()[`.${path.slice("sconce".length)}`];
        if (target === undefined) return { errors: [{ text: `there is no ${path}` }] };
        return { path: pathToFileURL(join(packageFolder!, target)).href, external: true };
      });
      build.onResolve({ filter: /^zod(\/.*)?$/ }, ({ path }) => ({
        path: hasOwnZod(projectRoot) ? path : import.meta.resolve(path),
        external: true,
      }));
    },
  };
}

function hasOwnZod(projectRoot: string): boolean {
  try {
    createRequire(join(projectRoot, "package.json")).resolve("zod");
    return true;
  } catch {
    return false;
  }
}

/** Returns the nearest node_modules/.cache, or a folder of the project where nothing is installed. */
function cacheFolder(projectRoot: string): string {
  const modules = join(projectRoot, "node_modules");
  return existsSync(modules)
    ? join(modules, ".cache", "sconce", "plugins")
    : join(projectRoot, ".sconce", "plugins");
}

function compileErrors(error: unknown, projectRoot: string): string {
  const { errors = [] } = error as {
    errors?: { text: string; location: { file: string; line: number; column: number } | null }[];
  };
  if (errors.length === 0) return (error as Error).message;
  return errors
    .slice(0, 5)
    .map(({ text, location }) => {
      const told = text.replace(/^Could not resolve ("[^"]*")$/u, "it imports $1, which does not exist.");
      if (location === null) return told;
      return `${relativeTo(projectRoot, location.file)}:${location.line}:${location.column + 1}: ${told}`;
    })
    .join("; ");
}

async function withTimeout<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new UsageError(`its code did not come up within ${timeoutMs / 1000} s.`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
