#!/usr/bin/env node
// Compiles native/src/*.cc against libtorch into native/build/sconce.node; only what has changed.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, freemem } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { currentLibtorch, ensureLibtorch } from "../tools/setup/libtorch.mjs";
import { SetupFailure, record, say } from "../tools/setup/log.mjs";
import { buildFolder, projectRoot } from "../tools/setup/paths.mjs";
import { run, tail } from "../tools/setup/run.mjs";
import { stampOf } from "../tools/setup/stamp.mjs";
import { findNodeHeaders } from "./node-headers.mjs";

const compileMemoryBytes = 2e9; // what one translation unit of libtorch's headers takes at its peak, rounded up
const oldest = { gcc: 11, clang: 14, "Apple clang": 15 };

/** @typedef {{ version: string, include: string, lib: string, cuda: boolean }} Libtorch */

/**
 * Tells whether the addon is up to date, by times and sizes, in a few milliseconds.
 *
 * @param {{ libtorch?: Libtorch, sources?: string, build?: string, extraFlags?: string[] }} options
 */
export function isAddonCurrent({
  libtorch = currentLibtorch(),
  sources = sourceFolder(),
  build = buildFolder,
  extraFlags = [],
} = {}) {
  if (libtorch === undefined || !existsSync(join(build, "sconce.node"))) return false;
  const stamp = join(build, "addon.json");
  return existsSync(stamp) && readFileSync(stamp, "utf8") === stampWith(libtorch, sources, extraFlags);
}

/**
 * Compiles and links the addon where it is not up to date, and returns its path.
 * `extraFlags` go to the compiler and to the linker, behind all others.
 *
 * @param {{ libtorch?: Libtorch, sources?: string, build?: string, extraFlags?: string[], env?: NodeJS.ProcessEnv }} options
 */
export async function buildAddon({
  libtorch,
  sources = sourceFolder(),
  build = buildFolder,
  extraFlags = [],
  env = process.env,
} = {}) {
  const output = join(build, "sconce.node");
  if (isAddonCurrent({ libtorch, sources, build, extraFlags })) return output;
  const stamp = stampWith(libtorch, sources, extraFlags); // taken first: a file saved while it compiles is compiled again
  const compiler = await findCompiler(env);
  const flags = [...(await compileFlags(libtorch, env)), ...extraFlags];
  const units = unitsOf(sources, build, { compiler, flags, libtorch });
  await compileAll(
    units.filter(({ object }) => !existsSync(object)),
    { compiler, flags, sources },
  );
  await link(units, output, { compiler, libtorch, extraFlags });
  writeFileSync(join(build, "addon.json"), stamp);
  removeOldObjects(units, build);
  return output;
}

/** Finds a C++20 compiler: `CXX`, else g++, else clang++. */
export async function findCompiler(env = process.env) {
  const chosen = env["CXX"];
  for (const command of chosen === undefined || chosen === "" ? ["g++", "clang++"] : [chosen]) {
    const { code, output } = await run(command, ["--version"], { env });
    if (code !== 0) continue;
    const compiler = { command, ...parseVersion(output) };
    if (compiler.major < oldest[compiler.family]) {
      throw new SetupFailure(
        `addon: C++20 needs ${compiler.family} ${oldest[compiler.family]} or newer, got ${command} ${compiler.version}. ` +
          `${installHint()}, or name a newer compiler with CXX.`,
      );
    }
    return compiler;
  }
  throw new SetupFailure(
    chosen === undefined || chosen === ""
      ? `addon: a C++20 compiler is needed, and neither g++ nor clang++ is found. ${installHint()}.`
      : `addon: CXX must name a C++20 compiler, and ${chosen} does not run. Correct the variable or unset it.`,
  );
}

function parseVersion(output) {
  const line = output.split("\n")[0];
  const clang = /(Apple clang|clang) version (\d+)([\d.]*)/.exec(output);
  if (clang !== null) return { family: clang[1], major: Number(clang[2]), version: `${clang[2]}${clang[3]}` };
  const gcc = /(\d+)\.\d+(?:\.\d+)?/.exec(line.replace(/\(.*\)/, ""));
  return { family: "gcc", major: Number(gcc?.[1] ?? 0), version: gcc?.[0] ?? line };
}

function installHint() {
  return process.platform === "darwin"
    ? "Install Xcode's tools: xcode-select --install"
    : "Install one: apt install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora), apk add g++ (Alpine)";
}

async function compileFlags({ include, cuda }, env) {
  const headers = await findNodeHeaders(env);
  const system = [include, join(include, "torch/csrc/api/include"), headers];
  const defines = [
    "NDEBUG", // as libtorch is built: without it some of its classes have other members (at::RecordFunction)
    "NAPI_EXPERIMENTAL",
    "NODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT",
    "NODE_API_EXPERIMENTAL_NO_WARNING",
  ];
  if (cuda) defines.push("SCONCE_CUDA");
  return [
    "-O2",
    "-std=c++20",
    "-fPIC",
    "-Wall",
    ...(process.platform === "darwin" ? [] : ["-fopenmp"]), // without it at::parallel_for in our code is serial
    ...defines.map((name) => `-D${name}`),
    ...system.flatMap((folder) => ["-isystem", folder]),
    "-idirafter",
    "stand-ins", // for headers that libtorch's own include and its packages leave out
  ];
}

function unitsOf(sources, build, { compiler, flags, libtorch }) {
  const objects = join(build, "objects");
  mkdirSync(objects, { recursive: true });
  const shared = createHash("sha256").update(JSON.stringify([compiler, flags, libtorch.version]));
  for (const header of filesOf(sources, /\.(h|hpp|inc)$/)) {
    shared.update(relative(sources, header)).update(readFileSync(header)); // a copy of the project keeps its objects
  }
  return filesOf(sources, /\.cc$/).map((source) => {
    const hash = shared.copy().update(readFileSync(source)).digest("hex").slice(0, 16);
    return { source, object: join(objects, `${basename(source, ".cc")}.${hash}.o`) };
  });
}

async function compileAll(units, { compiler, flags, sources }) {
  const queue = [...units];
  const failures = [];
  let finished = 0;
  const worker = async () => {
    for (let unit = queue.shift(); unit !== undefined && failures.length === 0; unit = queue.shift()) {
      const start = performance.now();
      const { source, object } = unit;
      const temporary = `${object}.${process.pid}`;
      // from the folder of the sources, so that flags may name others beside them and hold no path of this checkout
      const { code, output } = await run(compiler.command, [...flags, "-c", source, "-o", temporary], {
        cwd: sources,
      });
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      say(`  [${++finished}/${units.length}] ${basename(source)} ${code === 0 ? `${seconds} s` : "failed"}`);
      if (code === 0) renameSync(temporary, object);
      else {
        rmSync(temporary, { force: true });
        failures.push({ source, output });
      }
      if (code === 0 && output.trim() !== "") say(output.trimEnd());
    }
  };
  const byMemory = Math.max(1, Math.floor(availableMemoryBytes() / compileMemoryBytes));
  if (units.length > 0)
    say(`  compiling ${units.length} file(s) with ${compiler.command} ${compiler.version}`);
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), byMemory, units.length) }, worker));
  if (failures.length > 0) throw compileFailure(failures);
}

function compileFailure(failures) {
  const killed = failures.find(({ output }) => /Killed signal|out of memory|Cannot allocate/i.test(output));
  if (killed !== undefined) {
    return new SetupFailure(
      `addon: the compiler ran out of memory at ${basename(killed.source)}; it needs about 2 GB. ` +
        `Give the machine or container more memory and run set-up again.`,
    );
  }
  const texts = failures.map(
    ({ source, output }) => `${source}:\n${output.trimEnd().split("\n").slice(0, 60).join("\n")}`,
  );
  return new SetupFailure(`addon: the compiler refused ${failures.length} file(s).\n${texts.join("\n\n")}`);
}

// free plus what the kernel gives back on demand; the limits of a container count too
function availableMemoryBytes() {
  const limit = process.constrainedMemory();
  const limited = limit > 0 && limit < 2 ** 60 ? limit - process.memoryUsage.rss() : Infinity;
  if (process.platform !== "linux") return Math.min(limited, freemem());
  const available = /MemAvailable:\s+(\d+) kB/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return Math.min(limited, available === undefined ? freemem() : Number(available) * 1024);
}

async function link(units, output, { compiler, libtorch, extraFlags }) {
  const { lib, cuda } = libtorch;
  const libraries = ["-lc10", "-ltorch_cpu", ...(cuda ? ["-lc10_cuda", "-ltorch_cuda"] : [])];
  const temporary = `${output}.${process.pid}`;
  const { code, output: text } = await run(compiler.command, [
    ...(process.platform === "darwin"
      ? ["-bundle", "-undefined", "dynamic_lookup"]
      : ["-shared", "-Wl,--no-as-needed"]),
    ...units.map(({ object }) => object),
    "-o",
    temporary,
    `-L${lib}`,
    ...libraries,
    ...(process.platform === "darwin" ? [] : [findOpenMp(lib) ?? "-fopenmp"]),
    `-Wl,-rpath,${lib}`,
    ...extraFlags,
  ]);
  if (code !== 0) {
    rmSync(temporary, { force: true });
    throw new SetupFailure(`addon: linking against ${lib} failed.\n${tail(text, 40)}`);
  }
  renameSync(temporary, output); // a process that has the old one loaded keeps it
  record(`linked ${output}`);
}

/** libtorch's own OpenMP runtime: a second one in the process would have threads of its own that fight for the cores. */
function findOpenMp(lib) {
  for (const folder of [lib, join(dirname(lib), "..", "torch.libs")]) {
    const name = existsSync(folder)
      ? readdirSync(folder).find((file) => /^libgomp.*\.so/.test(file))
      : undefined;
    if (name !== undefined) return join(folder, name);
  }
  return undefined;
}

function removeOldObjects(units, build) {
  const kept = new Set(units.map(({ object }) => object));
  for (const object of filesOf(join(build, "objects"), /\.o$/)) {
    const isOld = Date.now() - statSync(object).mtimeMs > 24 * 3600e3; // switching branches back is free for a day
    if (!kept.has(object) && isOld) rmSync(object, { force: true });
  }
}

function stampWith(libtorch, sources, extraFlags) {
  const tools = stampOf(dirname(fileURLToPath(import.meta.url)), ["build.mjs", "node-headers.mjs"]);
  const { CXX: compiler = null } = process.env;
  return JSON.stringify({
    libtorch,
    compiler,
    node: process.version,
    tools,
    extraFlags,
    sources: stampOf(sources, ["."]),
  });
}

function filesOf(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(folder, name));
}

function sourceFolder() {
  return join(projectRoot, "native", "src");
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const start = performance.now();
    const path = await buildAddon({ libtorch: await ensureLibtorch() });
    say(`${path} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
