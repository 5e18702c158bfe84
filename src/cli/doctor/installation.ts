// What Sconce itself is made of on this machine: Node, compiler, libtorch, addon, build, packages. Loads no libtorch.
import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cpuLimit, memoryLimitBytes, sconceVersion } from "../../base/index.ts";
import { formatBytes } from "../units.ts";
import { shortPath } from "./finding.ts";
import type { Finding } from "./finding.ts";

const setUp = "Run: sconce setup";
const oldestNode = [20, 19] as const;

/** Checks what is installed; nothing is loaded but the small native packages. */
export async function checkInstallation(): Promise<Finding[]> {
  const root = packageRoot();
  const libtorch = readLibtorch(root);
  return [
    { name: "sconce", state: "ok", detail: `${sconceVersion} in ${shortPath(root)}` },
    checkNode(process.versions.node),
    checkMachine(),
    await checkCompiler(hasAddon(root)),
    checkLibtorch(libtorch),
    checkAddon(root, libtorch),
    checkBuild(root),
    await checkPackage("tokenizers", () => import("tokenizers")),
    await checkPackage("libsql", () => import("libsql")),
  ];
}

/** Judges a version of Node, `20.19.0`. */
export function checkNode(version: string): Finding {
  const [major, minor] = version.split(".").map(Number) as [number, number];
  const isRecent = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  const detail = `${version}, ${process.platform} ${process.arch}`;
  if (isRecent) return { name: "node", state: "ok", detail };
  return {
    name: "node",
    state: "missing",
    detail: `${detail}; ${oldestNode.join(".")} or newer is needed`,
    remedy: "Install a newer one from nodejs.org, or with nvm: nvm install 22",
  };
}

function checkMachine(): Finding {
  const [cores, memory] = [cpuLimit(), memoryLimitBytes()];
  const few = cores < availableParallelism() ? ` granted of ${availableParallelism()}` : "";
  return {
    name: "machine",
    state: "ok",
    detail: `${Number(cores.toFixed(2))} processors${few}, ${formatBytes(memory)} of memory`,
  };
}

async function checkCompiler(hasAddon: boolean): Promise<Finding> {
  const named = process.env["CXX"];
  for (const name of named === undefined || named === "" ? ["g++", "clang++"] : [named]) {
    try {
      const { stdout } = await promisify(execFile)(name, ["--version"], { timeout: 5000 });
      return { name: "compiler", state: "ok", detail: stdout.split("\n")[0]! };
    } catch {
      // the next one
    }
  }
  return {
    name: "compiler",
    state: hasAddon ? "note" : "missing",
    detail: `no C++20 compiler${hasAddon ? "; needed only to build the addon anew" : ""}`,
    remedy: "Install one: apt install g++ (Linux), xcode-select --install (macOS)",
  };
}

interface Libtorch {
  root: string;
  version: string;
  lib: string;
  cuda: boolean;
  source: string;
}

function checkLibtorch(libtorch: Libtorch | undefined): Finding {
  const name = "libtorch";
  if (libtorch === undefined) return { name, state: "missing", detail: "not set up", remedy: setUp };
  const { version, root, lib, cuda, source } = libtorch;
  const detail = `${version}${cuda ? " with CUDA" : ""} in ${shortPath(root)} (${source})`;
  const extension = process.platform === "darwin" ? "dylib" : "so";
  if (existsSync(join(lib, `libtorch_cpu.${extension}`))) return { name, state: "ok", detail };
  return { name, state: "missing", detail: `${detail}: it is gone from there`, remedy: setUp };
}

function checkAddon(root: string, libtorch: Libtorch | undefined): Finding {
  const name = "addon";
  if (!hasAddon(root)) return { name, state: "missing", detail: "not built", remedy: setUp };
  const built = readJson<{ libtorch: Libtorch; node: string }>(join(root, "native", "build", "addon.json"));
  if (built === undefined) return { name, state: "note", detail: "built, against which libtorch is unknown" };
  const detail = `built against libtorch ${built.libtorch.version} with Node ${built.node}`;
  const isCurrent = libtorch === undefined || built.libtorch.root === libtorch.root;
  if (isCurrent) return { name, state: "ok", detail };
  return { name, state: "missing", detail: `${detail}, not the libtorch above`, remedy: setUp };
}

function checkBuild(root: string): Finding {
  const entry = join(root, "dist", "src", "cli", "main.js");
  const source = join(root, "src");
  if (!existsSync(entry)) return { name: "build", state: "missing", detail: "not compiled", remedy: setUp };
  // the compiler leaves files alone whose content stays, and notes its own run here
  const compiledAt = Math.max(
    ...[entry, join(root, "dist", ".tsbuildinfo")].filter(existsSync).map(changedAt),
  );
  if (!existsSync(source) || newestSource(source) <= compiledAt)
    return { name: "build", state: "ok", detail: "compiled" };
  return {
    name: "build",
    state: "note",
    detail: "sources were changed since it was compiled",
    remedy: setUp,
  };
}

async function checkPackage(name: string, load: () => Promise<unknown>): Promise<Finding> {
  try {
    await load();
    const entry = createRequire(import.meta.url).resolve(name);
    return { name, state: "ok", detail: `${versionOf(name, entry)}, its binary loads` };
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    return { name, state: "missing", detail: reason!, remedy: setUp };
  }
}

function versionOf(name: string, entry: string): string {
  for (let folder = dirname(entry); dirname(folder) !== folder; folder = dirname(folder)) {
    const found = readJson<{ name?: string; version?: string }>(join(folder, "package.json"));
    if (found?.name === name && found.version !== undefined) return found.version;
  }
  return "of an unknown version";
}

function readLibtorch(root: string): Libtorch | undefined {
  return readJson<Libtorch>(join(root, "native", "build", "libtorch.json"));
}

function hasAddon(root: string): boolean {
  return existsSync(process.env["SCONCE_ADDON"] ?? join(root, "native", "build", "sconce.node"));
}

/** The folder of the package; sources and compiled files lie at different depths in it. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "native", "package.json")) && dirname(folder) !== folder)
    folder = dirname(folder);
  return folder;
}

function newestSource(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const sources = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  return Math.max(...sources.map((file) => changedAt(join(folder, file))));
}

function changedAt(path: string): number {
  return statSync(path).mtimeMs;
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
