// Finds libtorch, or fetches it, and notes in native/build/libtorch.json where it is.
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { SetupFailure, say } from "./log.mjs";
import { withLock } from "./lock.mjs";
import { buildFolder, cacheFolder } from "./paths.mjs";
import { run } from "./run.mjs";
import { pinnedVersion, supportedMinors } from "./versions.mjs";

/**
 * Returns what libtorch.json holds, when it still holds true, without starting any program:
 * `{ root, version, include, lib, cuda, operators, source }`, `operators` being the folder of
 * native_functions.yaml, or null where the distribution lacks it.
 */
export function currentLibtorch({ env = process.env, build = buildFolder } = {}) {
  const path = join(build, "libtorch.json");
  if (!existsSync(path)) return undefined;
  const stored = JSON.parse(readFileSync(path, "utf8"));
  const wanted = libtorchVariable(env);
  if (wanted !== undefined && wanted !== stored.root) return undefined;
  if (wanted === undefined && stored.source === "LIBTORCH") return undefined;
  const actual = inspect(stored.root, stored.source);
  return actual.problem === undefined && JSON.stringify(actual) === JSON.stringify(stored)
    ? stored
    : undefined;
}

/**
 * Finds libtorch in the order LIBTORCH, an installed Python torch, the cache, a download; stores and returns it.
 *
 * @param {{ env?: NodeJS.ProcessEnv, build?: string, gpu?: boolean, index?: string, target?: object }} options
 */
export async function ensureLibtorch({
  env = process.env,
  build = buildFolder,
  gpu = hasNvidiaGpu(),
  ...download
} = {}) {
  const present = currentLibtorch({ env, build });
  if (present !== undefined) return present;
  const found = fromVariable(env) ?? (await fromPython(env, gpu)) ?? (await fromCache(env, gpu, download));
  mkdirSync(build, { recursive: true });
  const path = join(build, "libtorch.json");
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify(found, null, 2)}\n`);
  renameSync(`${path}.${process.pid}`, path);
  say(`  libtorch ${found.version}${found.cuda ? " with CUDA" : ""} in ${found.root} (${found.source})`);
  return found;
}

/**
 * Looks at a folder that should hold libtorch (`include/` and `lib/`).
 * Returns its description, or `{ problem }` when it cannot be used.
 */
export function inspect(root, source, gpu = hasNvidiaGpu()) {
  const include = join(root, "include");
  const lib = join(root, "lib");
  const extension = process.platform === "darwin" ? "dylib" : "so";
  for (const name of ["libc10", "libtorch_cpu"]) {
    if (!existsSync(join(lib, `${name}.${extension}`)))
      return { problem: `lib/${name}.${extension} is missing` };
  }
  const version = readVersion(include);
  if (version === undefined) return { problem: "include/torch has no version.h" };
  const [major, minor] = version.split(".").map(Number);
  if (major !== 2 || !supportedMinors.includes(minor)) {
    return { problem: `it is version ${version}, and ${supported()} are supported` };
  }
  const operators = join(dirname(root), "torchgen", "packaged", "ATen", "native");
  return {
    root,
    version,
    include,
    lib,
    cuda: gpu && existsSync(join(lib, `libtorch_cuda.${extension}`)),
    operators: existsSync(join(operators, "native_functions.yaml")) ? operators : null,
    source,
  };
}

/** Tells whether the driver of an NVIDIA GPU is present, under WSL too. */
export function hasNvidiaGpu() {
  const { CUDA_VISIBLE_DEVICES: visible } = process.env;
  if (visible === "" || visible === "-1") return false;
  const gpus = "/proc/driver/nvidia/gpus";
  return (existsSync(gpus) && readdirSync(gpus).length > 0) || existsSync("/usr/lib/wsl/lib/libcuda.so.1");
}

function supported() {
  return `2.${supportedMinors[0]} to 2.${supportedMinors.at(-1)}`;
}

function readVersion(include) {
  const candidates = ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"];
  for (const path of candidates.map((name) => join(include, name)).filter((path) => existsSync(path))) {
    const text = readFileSync(path, "utf8");
    const parts = ["MAJOR", "MINOR", "PATCH"].map(
      (part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1],
    );
    if (parts.every((part) => part !== undefined)) return parts.join(".");
  }
  return undefined;
}

function libtorchVariable({ LIBTORCH: root }) {
  return root === undefined || root === "" ? undefined : resolve(root);
}

function fromVariable(env) {
  const root = libtorchVariable(env);
  if (root === undefined) return undefined;
  const found = inspect(root, "LIBTORCH");
  if (found.problem !== undefined) {
    throw new SetupFailure(
      `LIBTORCH: must name a folder with libtorch's include/ and lib/, got ${root}: ${found.problem}. ` +
        `Correct the variable, or unset it to have libtorch ${pinnedVersion} fetched.`,
    );
  }
  return found;
}

// asks Python where torch is, without importing it: that would cost seconds
const findTorch =
  'import importlib.util as u; s = u.find_spec("torch"); print((s.submodule_search_locations or [""])[0] if s else "")';

async function fromPython(env, gpu) {
  const active = [env["VIRTUAL_ENV"], env["CONDA_PREFIX"]].filter(
    (prefix) => prefix !== undefined && prefix !== "",
  );
  for (const python of [...active.map((prefix) => join(prefix, "bin", "python")), "python3"]) {
    const { code, output } = await run(python, ["-c", findTorch], { env });
    const root = output.trim().split("\n").at(-1);
    if (code !== 0 || root === undefined || root === "") continue;
    const found = inspect(root, "Python", gpu);
    if (found.problem === undefined) return found;
    say(`  the torch of ${python} (${root}) is passed over: ${found.problem}`);
  }
  return undefined;
}

async function fromCache(env, gpu, download) {
  const folder = join(cacheFolder(env), "libtorch", gpu ? `${pinnedVersion}-cuda` : pinnedVersion);
  const root = join(folder, "torch");
  const cached = () => {
    const found = inspect(root, "cache", gpu);
    return found.problem === undefined ? found : undefined;
  };
  return (
    cached() ??
    (await withLock(`${folder}.lock`, async () => {
      // another set-up may have fetched it while this one waited
      if (cached() === undefined) {
        // an old Node, which lacks what this needs, must get as far as its message
        const { downloadLibtorch } = await import("./libtorch-download.mjs");
        await downloadLibtorch(folder, { env, gpu, ...download });
      }
      const found = inspect(root, "cache", gpu);
      if (found.problem === undefined) return found;
      throw new SetupFailure(
        `libtorch: the download to ${folder} is not usable: ${found.problem}. ` +
          `Remove that folder and run set-up again, or install torch with pip and set LIBTORCH to its folder.`,
      );
    }))
  );
}
