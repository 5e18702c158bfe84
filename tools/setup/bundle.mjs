// Makes the JavaScript of dist/: each layer becomes one file, its index, with chunks for what it loads late. Node then opens
// some ten files where it would open hundreds. A layer reaches another one by its index alone, so every module, with the
// state that it holds, is there once, whoever imports it: the command line, a worker, a plugin.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { projectRoot } from "./paths.mjs";

/** Files that are started by their name. They lie beside the index of their layer, as chunks do. */
const started = [
  "cli/main.ts",
  "cli/reproduce-worker.ts",
  "cli/train-module-worker.ts",
  "cli/train-worker.ts",
  "tasks/experiments/cell-worker.ts",
  "tasks/vision/image-examples.ts",
  "torch/utils/data/worker-thread.ts",
];

/** Packages of many small files that layers need parts of: these become part of the layers. */
const included = ["yaml", "zod"];

const source = join(projectRoot, "src");
const output = join(projectRoot, "dist");

/** Writes all layers, and each program beside them: main.ts, bench/, examples/. */
export async function bundle() {
  removeScripts();
  const layers = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of layers) await write(filesOf(name), join(output, "src", name), withinLayer);
  await write([join(source, "index.ts")], join(output, "src"), apart);
  await write([join(projectRoot, "main.ts")], output, apart);
  for (const folder of ["bench", "examples"])
    await write(scriptsIn(join(projectRoot, folder)), join(output, folder), apart);
  const licences = included.map(
    (name) => `${name}\n\n${readFileSync(join(packageFolder(name), "LICENSE"), "utf8")}`,
  );
  writeFileSync(join(output, "src", "licences.txt"), licences.join("\n\n"));
}

async function write(files, folder, plugin) {
  const { rolldown } = await import("rolldown"); // npm may have installed it a moment ago
  const names = files.map((file) => [basename(file, ".ts"), file]);
  const made = await rolldown({
    input: Object.fromEntries(names),
    platform: "node",
    transform: { target: "node20" },
    plugins: [plugin],
    logLevel: "silent", // the compiler has told what is wrong
  });
  try {
    await made.write({
      dir: folder,
      format: "esm",
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
      sourcemap: true,
      comments: false, // they are in the declarations, and reading them takes time at each start
      keepNames: true, // messages and summaries name classes
    });
  } finally {
    await made.close();
  }
}

function filesOf(layer) {
  const files = [`${layer}/index.ts`, ...started.filter((file) => file.startsWith(`${layer}/`))];
  return files.map((file) => join(source, file)).filter((path) => existsSync(path));
}

function scriptsIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

/** Leaves other layers to be imported, and packages that are not included. */
const withinLayer = {
  name: "within-layer",
  resolveId(path, importer) {
    if (!importer?.startsWith(source + sep)) return undefined;
    // Node would take what is written for CommonJS, which comes as a whole
    if (path === "yaml") return join(packageFolder("yaml"), "browser", "index.js");
    if (included.includes(path)) return undefined;
    if (!path.startsWith(".")) return { id: path, external: true };
    const target = relative(source, resolve(dirname(importer), path));
    const isOwn = layerOf(target) === layerOf(relative(source, importer));
    return isOwn ? undefined : { id: `../${compiled(target)}`, external: true };
  },
};

/** Leaves every other file to be imported. */
const apart = {
  name: "apart",
  resolveId(path, importer) {
    if (importer === undefined) return undefined;
    return { id: path.startsWith(".") ? compiled(path) : path, external: true };
  },
};

function packageFolder(name) {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}

function layerOf(file) {
  return file.split(sep)[0];
}

function compiled(path) {
  return path.split(sep).join("/").replace(/\.ts$/, ".js");
}

/** Deletes what an earlier build made, since nothing else tells files of then from those of now. */
function removeScripts() {
  if (!existsSync(output)) return;
  for (const name of readdirSync(output, { recursive: true }))
    if (/\.js(\.map)?$/.test(name)) rmSync(join(output, name));
}
