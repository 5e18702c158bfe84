// Writes a part of a project from a template: templates/plugins/KIND is laid out as the project is.
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { UsageError, packageFolder, snakeCase } from "../base/index.ts";
import { advise, checkName } from "./new-name.ts";

/** Lists the kinds of parts that there are templates for. */
export const partKinds = [
  "callback",
  "dataset",
  "domain",
  "logger",
  "loss",
  "metric",
  "model",
  "optimizer",
  "scheduler",
] as const;
/** Names a kind of part. */
export type PartKind = (typeof partKinds)[number];

/** Tells whether there is a template for a kind of part. */
export function isPartKind(text: string): text is PartKind {
  return (partKinds as readonly string[]).includes(text);
}

interface NewPartOptions {
  /** As messages call it: `new model`. */
  command: string;
  kind: PartKind;
  /** Folder in whose project the part is written. */
  folder: string;
}

/** Writes the files of a part, overwriting nothing, and returns what to tell of them. */
export async function writePart(given: string, { command, kind, folder }: NewPartOptions): Promise<string> {
  checkName(command, given);
  const name = snakeCase(given.charAt(0).toLowerCase() + given.slice(1)).replaceAll("-", "_");
  const { findProjectRoot } = await import("../config/index.ts");
  const root = findProjectRoot(folder);
  const files = draftFiles(kind, name);
  refuseClassName(command, { name, kind, code: readTemplate(kind, "plugins/my_part.ts") });
  refuseExisting(command, { root, folder, name, paths: Object.keys(files) });
  await refuseTaken(command, { root, kind, name, paths: Object.keys(files) });
  for (const [path, text] of Object.entries(files)) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text, { flag: "wx" });
  }
  const shown = Object.keys(files).map((path) => `  ${relative(folder, join(root, path))}`);
  const ownConfig = join(root, "conf", "config.yaml");
  const ready = nextCommands(kind, name, existsSync(ownConfig) ? readFileSync(ownConfig, "utf8") : undefined);
  return ["Made", ...shown, "", "Next", ...ready.map((line) => `  ${line}`)].join("\n");
}

function templateFolder(kind: PartKind): string {
  return join(packageFolder ?? ".", "templates", "plugins", kind);
}

function readTemplate(kind: PartKind, path: string): string {
  return readFileSync(join(templateFolder(kind), path), "utf8");
}

/** Fills the templates of a kind in, by the path that each file will have in the project. */
function draftFiles(kind: PartKind, name: string): Record<string, string> {
  const fill = (text: string) => text.replaceAll("my_part", name).replaceAll("MyPart", className(name));
  const folder = templateFolder(kind);
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort((a, b) => b.localeCompare(a)); // the code before its options
  return Object.fromEntries(paths.map((path) => [fill(path), fill(readTemplate(kind, path))]));
}

function className(name: string): string {
  return name
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

/** A class that is called as something that the file uses, or as one of JavaScript's own, would hide it. */
function refuseClassName(
  command: string,
  { name, kind, code }: { name: string; kind: PartKind; code: string },
): void {
  const wanted = className(name);
  if (!new RegExp(`\\b${wanted}\\b`, "u").test(code) && !(wanted in globalThis)) return;
  throw new UsageError(
    `sconce ${command}: the class would be called ${wanted}, which code uses for something else. ${advise(command, `${name}_${kind}`)}`,
  );
}

function refuseExisting(
  command: string,
  { root, folder, name, paths }: { root: string; folder: string; name: string; paths: readonly string[] },
): void {
  const plugins = join(root, "plugins");
  const siblings = existsSync(plugins) ? readdirSync(plugins) : [];
  const alike = siblings
    .filter((file) => file.slice(0, file.length - extname(file).length).toLowerCase() === name.toLowerCase())
    .map((file) => join(plugins, file));
  const existing = [...paths.map((path) => join(root, path)).filter((path) => existsSync(path)), ...alike];
  if (existing.length === 0) return;
  const shown = [...new Set(existing)].map((path) => relative(folder, path));
  throw new UsageError(
    `sconce ${command}: ${shown.join(", ")} must not exist, since nothing is overwritten. Choose another name, or move what is there.`,
  );
}

/** Refuses names that are registered already, by Sconce or by a plugin, or that choose a config that comes along. */
async function refuseTaken(
  command: string,
  { root, kind, name, paths }: { root: string; kind: PartKind; name: string; paths: readonly string[] },
): Promise<void> {
  const { loadPlugins } = await import("../plugins/index.ts");
  const { registry } = await import("../contracts/index.ts");
  await import("../tasks/index.ts"); // registers what comes along
  await loadPlugins(root);
  const taken = namesOf(kind, name).find(([each, part]) => registry.has(each, part));
  const advice = advise(command, `my_${name}`);
  if (taken !== undefined) {
    const owner = registry.owner(...taken) ?? "Sconce itself";
    throw new UsageError(
      `sconce ${command}: there is a ${taken[0]} "${taken[1]}" already, of ${owner}. ${advice}`,
    );
  }
  const shipped = paths.find(
    (path) => path.startsWith("conf/") && existsSync(join(packageFolder ?? ".", path)),
  );
  if (shipped !== undefined)
    throw new UsageError(
      `sconce ${command}: the name would hide ${shipped}, which comes with Sconce. ${advice}`,
    );
}

/** Lists what a part registers. */
function namesOf(kind: PartKind, name: string): [PartKind, string][] {
  if (kind !== "domain") return [[kind, name]];
  return [
    ["domain", name],
    ["model", `${name}_net`],
    ["dataset", `${name}_data`],
  ];
}

/** What the config of a project's own is composed of, it need not have; that which comes along has a rate for fine-tuning. */
function nextCommands(kind: PartKind, name: string, ownConfig: string | undefined): string[] {
  const group = (key: string): string => {
    const isComposed = ownConfig === undefined || new RegExp(`\\b${key}:`, "u").test(ownConfig);
    return `${isComposed ? "" : "+"}${key}=${name}`;
  };
  const choices: Partial<Record<PartKind, string>> = {
    model: `model=${name} dataset=blobs`,
    dataset: `model=mlp dataset=${name}`,
    domain: `model=${name}_net dataset=${name}_data`,
    callback: `model=mlp dataset=blobs +callbacks.${name}={}`,
    logger: `model=mlp dataset=blobs +loggers.${name}={}`,
    optimizer: `model=mlp dataset=blobs ${group("optimizer")}`,
    scheduler: `model=mlp dataset=blobs ${group("scheduler")}`,
  };
  const test = `node --test plugins/${name}.test.mjs`;
  const choice = choices[kind];
  if (choice === undefined) return [test];
  const rate = ownConfig === undefined && kind !== "optimizer" ? " optimizer.lr=0.01" : "";
  return [`sconce train ${choice}${rate}`, test];
}
