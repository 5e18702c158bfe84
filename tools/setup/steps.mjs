// The steps of set-up: each tells quickly whether it is done, and does it.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildAddon, isAddonCurrent } from "../../native/build.mjs";
import { bundle } from "./bundle.mjs";
import { currentLibtorch, ensureLibtorch } from "./libtorch.mjs";
import { SetupFailure, progress, say } from "./log.mjs";
import { projectRoot } from "./paths.mjs";
import { run, tail } from "./run.mjs";
import { stampOf } from "./stamp.mjs";
import { oldestNode } from "./versions.mjs";

const inRoot = (...parts) => join(projectRoot, ...parts);

export const steps = {
  node: {
    title: "check Node",
    isDone: () => isNodeRecent(process.versions.node),
    run: () => {
      throw new SetupFailure(
        `Node ${oldestNode.join(".")} or newer is needed, got ${process.versions.node} (${process.execPath}). ` +
          `Install a newer one from nodejs.org, or with nvm: nvm install 22`,
      );
    },
  },
  packages: { title: "install npm packages", isDone: arePackagesInstalled, run: installPackages },
  libtorch: {
    title: "find or fetch libtorch",
    isDone: () => currentLibtorch() !== undefined,
    run: () => ensureLibtorch(),
  },
  addon: {
    title: "compile the addon",
    isDone: () => isAddonCurrent(),
    run: async () => buildAddon({ libtorch: await ensureLibtorch() }),
  },
  build: { title: "compile TypeScript", isDone: isBuilt, run: build },
  weights: {
    title: "fetch the MiniLM weights",
    // the folder appears whole or not at all
    isDone: () => !isCheckout() || existsSync(inRoot("pretrained_models", "minilm", "model.safetensors")),
    run: fetchWeights,
  },
  data: { title: "prepare the data of the use cases", isDone: isDataPrepared, run: prepareData },
};

// an installed package carries dist alone, and the models are in the project that uses it
function isCheckout() {
  return existsSync(inRoot("src"));
}

/** Tells whether a Node version can run Sconce. */
export function isNodeRecent(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
}

// compares what npm installed, which it notes in node_modules, with what the lock file asks for
function arePackagesInstalled() {
  const installed = inRoot("node_modules", ".package-lock.json");
  if (!existsSync(inRoot("package-lock.json"))) return true; // as a dependency: npm has seen to it
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(inRoot("package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.entries(wanted).every(([path, { version, link, optional, resolved }]) => {
    if (!path.includes("node_modules/")) return true; // the project itself and its workspaces
    const found = present[path];
    if (found === undefined) return optional === true; // a binary for another platform
    return link === true ? found.resolved === resolved : found.version === version;
  });
}

async function installPackages() {
  const bar = progress("npm ci", { bytes: false });
  const { code, output } = await run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: projectRoot });
  if (code !== 0) {
    bar.cancel();
    throw new SetupFailure(
      code === undefined
        ? "npm: it must be on the PATH. Install it with Node from nodejs.org, or apt install npm."
        : `npm: it could not install the packages (exit code ${code}).\n${npmErrors(output)}\n` +
            `Check the network and the registry (npm config get registry), and run set-up again.`,
    );
  }
  bar.cancel();
}

// npm says what is wrong first, and may print its whole usage after that
function npmErrors(output) {
  const errors = output.split("\n").filter((line) => /^npm (error|ERR!) *\S/.test(line));
  return errors.length > 0 ? errors.slice(0, 15).join("\n") : tail(output);
}

const buildStamp = inRoot("dist", ".stamp.json");

function sourceStamp() {
  return stampOf(projectRoot, [
    "src",
    "bench",
    "examples",
    "main.ts",
    "tools/setup/bundle.mjs",
    "tsconfig.json",
    "tsconfig.build.json",
    "package-lock.json",
  ]);
}

function isBuilt() {
  if (!isCheckout()) return true;
  return existsSync(buildStamp) && readFileSync(buildStamp, "utf8") === sourceStamp();
}

async function build() {
  const stamp = sourceStamp(); // taken first: a file saved meanwhile is compiled next time
  const tsc = inRoot("node_modules", "typescript", "bin", "tsc");
  const { code, output } = await run(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
    cwd: projectRoot,
  });
  if (code !== 0) throw new SetupFailure(`TypeScript: the sources do not compile.\n${tail(output, 40)}`);
  await bundle();
  writeFileSync(buildStamp, stamp);
}

async function fetchWeights() {
  const compiled = (layer) => import(pathToFileURL(inRoot("dist", "src", layer, "index.js")).href);
  const [{ fetchModel }, { baseModelAliases }] = await Promise.all([compiled("hub"), compiled("config")]);
  let bar;
  await fetchModel({
    id: baseModelAliases.minilm,
    into: inRoot("pretrained_models", "minilm"),
    onProgress: ({ file, bytes, totalBytes }) => {
      if (totalBytes < 1e6) return; // config and vocabulary come in no time
      if (bar?.file !== file) {
        bar?.finish();
        bar = { file, ...progress(file, { total: totalBytes }) };
      }
      bar.set(bytes, totalBytes);
    },
  });
  bar?.finish();
}

// a use case that makes its data from a package has a prepare.mjs
function preparers() {
  const folder = inRoot("use_cases");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.map((name) => join(folder, name, "prepare.mjs")).filter((path) => existsSync(path));
}

function isDataPrepared() {
  return preparers().every(isPrepared);
}

// what was written is only looked for, not compared: an author may have changed it
function isPrepared(preparer) {
  if (!existsSync(preparedStamp(preparer))) return false;
  const { inputs, files } = JSON.parse(readFileSync(preparedStamp(preparer), "utf8"));
  const folder = join(preparer, "..", "Datasets");
  return inputs === inputStamp(preparer) && files.every((name) => existsSync(join(folder, name)));
}

function preparedStamp(preparer) {
  return join(preparer, "..", "Datasets", ".prepared.json");
}

function inputStamp(preparer) {
  const folder = join(preparer, "..");
  const scripts = readdirSync(folder).filter((name) => name.endsWith(".mjs"));
  return stampOf(folder, [...scripts.sort(), "package.json"]);
}

async function prepareData() {
  for (const path of preparers().filter((path) => !isPrepared(path))) {
    const inputs = inputStamp(path);
    const { code, output } = await run(process.execPath, [path], { onOutput: (text) => say(text.trimEnd()) });
    if (code !== 0) throw new SetupFailure(`${path} failed (exit code ${code}).\n${tail(output)}`);
    const files = readdirSync(join(path, "..", "Datasets")).filter((name) => !name.startsWith("."));
    writeFileSync(preparedStamp(path), JSON.stringify({ inputs, files }));
  }
}
