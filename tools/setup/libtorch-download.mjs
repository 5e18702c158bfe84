// Fetches libtorch: the official CPU wheel, which is the smaller download, else the wheels that pip finds.
import { createHash } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SetupFailure, progress, record, say } from "./log.mjs";
import { run, tail } from "./run.mjs";
import { pinnedVersion } from "./versions.mjs";
import { extractZip } from "./zip.mjs";

const officialIndex = "https://download.pytorch.org/whl/cpu/torch/";
const connectTimeoutMs = 6_000;
const stallTimeoutMs = 30_000;

// what libtorch_cpu of pip's wheel for Linux x86-64, a CUDA build, needs beside itself
const cudaStubs = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"];

/**
 * Fills `folder` with libtorch (`torch/include`, `torch/lib`, ...), laid out as in Python's site-packages:
 * the libraries look for each other along those paths. `folder` appears whole or not at all.
 */
export async function downloadLibtorch(
  folder,
  { env = process.env, gpu = false, index = officialIndex, target = thisMachine() } = {},
) {
  const downloads = `${folder}.download`;
  const unpacked = `${folder}.unpacked`;
  await mkdir(downloads, { recursive: true });
  await rm(unpacked, { recursive: true, force: true });
  const wheels =
    (gpu ? undefined : await fetchOfficialWheel(downloads, index, target)) ??
    (await fetchWithPip(downloads, target, { env, gpu }));
  const wanted = gpu ? isNeededWithCuda : isNeeded;
  for (const wheel of wheels) {
    const bar = progress(`unpacking ${basename(wheel)}`);
    try {
      await extractZip(wheel, unpacked, { wanted, onProgress: (done, total) => bar.set(done, total) });
    } catch (error) {
      bar.cancel();
      await rm(wheel, { force: true }); // so that the next set-up fetches it anew
      throw error;
    }
    bar.finish();
  }
  await rm(folder, { recursive: true, force: true });
  await rename(unpacked, folder);
  await rm(downloads, { recursive: true, force: true });
}

/**
 * Tells what the wheels of this machine are called, in pip's words; the newest names first.
 *
 * @param {{ platform: string, arch: string }} machine
 */
export function thisMachine({ platform, arch } = process) {
  // each glibc up to 2.28: pip does not take the older ones as included
  const glibc = Array.from({ length: 12 }, (_, i) => `manylinux_2_${28 - i}`);
  const linux = (machine) => [...glibc, "manylinux2014"].map((name) => `${name}_${machine}`);
  const known = {
    "linux x64": { platforms: linux("x86_64"), extra: cudaStubs },
    "linux arm64": { platforms: linux("aarch64"), extra: [] },
    "darwin arm64": { platforms: ["macosx_14_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64"], extra: [] },
  };
  const target = known[`${platform} ${arch}`];
  if (target !== undefined) return target;
  throw new SetupFailure(
    `libtorch: there are builds for Linux x64, Linux arm64 and macOS arm64, got ${platform} ${arch}. ` +
      (platform === "win32"
        ? "Run Sconce inside WSL."
        : "Build libtorch yourself and set LIBTORCH to its folder."),
  );
}

// the addon needs neither Python's binding nor the CUDA half
function isNeeded(name) {
  if (/^torch\/lib\/[^/]+$/.test(name)) {
    const library = basename(name);
    return (
      /\.(so|dylib)(\.\d+)*$/.test(library) &&
      !/cuda|nvshmem|nvrtc|python|shm|global_deps|libtorch\.so/.test(library)
    );
  }
  return (
    isNeededAnywhere(name) ||
    /^nvidia\/.*\/lib(cudart|cupti)\.so\.\d+$/.test(name) ||
    name.startsWith("torch.libs/")
  );
}

function isNeededWithCuda(name) {
  return (
    isNeededAnywhere(name) || /^torch\/lib\/[^/]+$/.test(name) || /^nvidia\/.*\/(lib|include)\//.test(name)
  );
}

function isNeededAnywhere(name) {
  return (
    /^torch\/(include\/|version\.py$)/.test(name) ||
    /^torchgen\/packaged\/.*\.yaml$/.test(name) ||
    /^(torch|nvidia)[^/]*\.dist-info\/(METADATA|licen[cs]es?\b.*)$/i.test(name)
  );
}

/** Downloads the CPU wheel from PyTorch's own index; returns undefined where that is out of reach. */
async function fetchOfficialWheel(downloads, index, { platforms }) {
  let page;
  try {
    const response = await fetch(index, { signal: AbortSignal.timeout(connectTimeoutMs) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    page = await response.text();
  } catch (error) {
    say(`  PyTorch's download site is out of reach (${reason(error)}), trying pip`);
    return undefined;
  }
  const file = pickWheel(page, index, platforms);
  if (file === undefined) {
    say(`  PyTorch's download site has no torch ${pinnedVersion} for this machine, trying pip`);
    return undefined;
  }
  const path = join(downloads, basename(decodeURIComponent(file.url.pathname)));
  try {
    if (!existsSync(path)) await downloadFile(file, path);
    return [path];
  } catch (error) {
    say(`  the download from ${file.url.host} failed (${reason(error)}), trying pip`);
    return undefined;
  }
}

// a simple index (PEP 503): links with the file's SHA-256 behind the #
function pickWheel(page, index, platforms) {
  const links = [...page.matchAll(/<a\s[^>]*href="([^"]+)"/g)].map(
    ([, href]) => new URL(href.replaceAll("&amp;", "&"), index),
  );
  const wheels = links
    .map((url) => ({ url, sha256: /^#sha256=([0-9a-f]{64})$/.exec(url.hash)?.[1] }))
    .filter(({ url, sha256 }) => {
      const name = basename(decodeURIComponent(url.pathname));
      return (
        sha256 !== undefined &&
        new RegExp(`^torch-${pinnedVersion}(\\+cpu)?-cp3\\d+-`).test(name) &&
        !/cp3\d+t-/.test(name)
      );
    });
  // any Python version will do: the addon does not touch Python
  for (const platform of platforms) {
    const wheel = wheels.find(({ url }) => url.pathname.endsWith(`${platform}.whl`));
    if (wheel !== undefined) return wheel;
  }
  return undefined;
}

async function downloadFile({ url, sha256 }, path) {
  const abort = new AbortController();
  let stalled = setTimeout(() => abort.abort(new Error("no answer")), connectTimeoutMs);
  const response = await fetch(url, { signal: abort.signal });
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  const bar = progress(`downloading ${basename(path)}`, {
    total: Number(response.headers.get("content-length") ?? 0),
  });
  const hash = createHash("sha256");
  let done = 0;
  const count = new Transform({
    transform(chunk, _encoding, callback) {
      clearTimeout(stalled);
      stalled = setTimeout(
        () => abort.abort(new Error(`no bytes for ${stallTimeoutMs / 1000} s`)),
        stallTimeoutMs,
      );
      hash.update(chunk);
      bar.set((done += chunk.length));
      callback(null, chunk);
    },
  });
  try {
    await pipeline([Readable.fromWeb(response.body), count, createWriteStream(`${path}.part`)]);
    const actual = hash.digest("hex");
    if (actual !== sha256) throw new Error(`its SHA-256 is ${actual}, the index says ${sha256}`);
    await rename(`${path}.part`, path);
  } catch (error) {
    bar.cancel();
    await rm(`${path}.part`, { force: true });
    throw error;
  } finally {
    clearTimeout(stalled);
  }
  bar.finish();
}

/** Downloads wheels with pip, which knows the mirrors and certificates of its user; finished ones are kept. */
async function fetchWithPip(downloads, { platforms, extra }, { env, gpu }) {
  const pip = await findPip(env);
  // with a GPU torch's own requirements bring the CUDA libraries
  const requirements = gpu ? [`torch==${pinnedVersion}`] : [`torch==${pinnedVersion}`, ...extra];
  const wheels = join(downloads, "wheels");
  const temporary = join(downloads, "temporary"); // beside the target: /tmp may be too small
  for (const requirement of requirements) {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    if (!gpu && (await findWheel(wheels, requirement)) !== undefined) continue;
    const bar = progress(`downloading ${requirement} with pip`);
    const timer = setInterval(() => void folderSize(temporary).then((size) => bar.set(size)), 500);
    const args = [...pip.slice(1), "download", "--no-cache-dir", "--progress-bar", "off", "--dest", wheels];
    if (!gpu) args.push("--no-deps");
    // any Python will do, so ask for one that torch has wheels for instead of the one that runs pip
    args.push(
      "--only-binary=:all:",
      "--python-version",
      "312",
      "--implementation",
      "cp",
      "--abi",
      "cp312",
      "--abi",
      "none",
    );
    for (const platform of platforms) args.push("--platform", platform);
    const onOutput = (text) => {
      record(text);
      const size = / \((\d+(?:\.\d+)?) (kB|MB|GB)\)/.exec(text);
      if (!gpu && size !== null) bar.set(0, Number(size[1]) * { kB: 1e3, MB: 1e6, GB: 1e9 }[size[2]]);
    };
    const { code, output } = await run(pip[0], [...args, requirement], {
      env: { ...env, TMPDIR: temporary, PYTHONUNBUFFERED: "1" },
      onOutput,
    });
    clearInterval(timer);
    if (code !== 0) {
      bar.cancel();
      throw new SetupFailure(
        `libtorch: pip could not download ${requirement} (exit code ${code}):\n${tail(output)}\n` +
          `Check the network and run set-up again, or install torch (2.11 to 2.15) and set LIBTORCH to its folder.`,
      );
    }
    bar.finish();
  }
  await rm(temporary, { recursive: true, force: true });
  return (await readdir(wheels))
    .filter((name) => /^(torch|nvidia)[-_]/.test(name))
    .map((name) => join(wheels, name));
}

async function findPip(env) {
  for (const command of [["python3", "-m", "pip"], ["pip3"], ["pip"]]) {
    const { code } = await run(command[0], [...command.slice(1), "--version"], { env });
    if (code === 0) return command;
  }
  throw new SetupFailure(
    `libtorch: PyTorch's download site is out of reach and there is no pip. ` +
      `Install pip (apt install python3-pip, or brew install python), or set LIBTORCH to a libtorch folder.`,
  );
}

async function findWheel(folder, requirement) {
  const [name, version] = requirement.split("==");
  const start = `${name.replaceAll("-", "_")}-${version}`;
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.find((candidate) => candidate.startsWith(start) && candidate.endsWith(".whl"));
}

async function folderSize(folder) {
  let total = 0;
  for (const name of await readdir(folder, { recursive: true }).catch(() => [])) {
    const entry = await stat(join(folder, name)).catch(() => undefined); // pip removes what it is done with
    if (entry?.isFile()) total += entry.size;
  }
  return total;
}

function reason(error) {
  return error.cause?.code ?? error.message;
}
