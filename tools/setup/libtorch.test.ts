import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { programs, quiet, serve, temporaryFolder, torchFiles, writeFiles, zipOf } from "../fixtures/setup.ts";
import { thisMachine } from "./libtorch-download.mjs";
import { currentLibtorch, ensureLibtorch } from "./libtorch.mjs";

beforeEach(quiet);

const wheelName = "torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl";
const target = { platforms: ["manylinux_2_28_x86_64"], extra: ["nvidia-cuda-runtime==13.0.96"] };
const wheel = zipOf(inTorch(torchFiles("2.13.0")));
const nowhere = "http://127.0.0.1:9/"; // the discard port: nothing listens

function inTorch(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`torch/${name}`, text]));
}

/** A machine with an empty home, and on its PATH the given programs alone. */
function machine(scripts: Record<string, string> = {}) {
  const home = temporaryFolder();
  const env = { HOME: home, SCONCE_CACHE: join(home, "cache"), PATH: programs(scripts) };
  const cached = join(home, "cache", "libtorch", "2.13.0");
  return { env, build: join(home, "build"), gpu: false, index: nowhere, target, home, cached };
}

/** A package index that offers the wheel, and the files that were asked of it. */
async function packageIndex(content: Buffer, sha256 = createHash("sha256").update(wheel).digest("hex")) {
  const asked: string[] = [];
  const index = await serve((request, response) => {
    asked.push(decodeURIComponent(basename(request.url!)));
    if (!request.url!.endsWith(".whl")) {
      const others = `<a href="torch-2.12.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl#sha256=${sha256}">`;
      response.end(`${others}<a href="${encodeURIComponent(wheelName)}#sha256=${sha256}">${wheelName}</a>`);
    } else {
      response.setHeader("content-length", wheel.length);
      response.write(content.subarray(0, content.length >> 1));
      // fewer bytes than announced: the connection is cut
      setTimeout(() => {
        if (content.length === wheel.length) response.end(content.subarray(content.length >> 1));
        else response.destroy();
      }, 20);
    }
  });
  return { index, asked };
}

/** A python3 without torch, whose pip copies the files `NAME.whl` of `wheels`, and notes what it is asked for. */
function pipFrom(wheels: string): string {
  return `
    case "$*" in
      *"pip --version") echo "pip 24.0"; exit 0;;
      "-c "*) exit 0;;
    esac
    for last; do :; done
    while [ "$1" != --dest ]; do shift; done
    mkdir -p "$2"
    echo "$last" >> "${wheels}/asked"
    case "$last" in torch*) name=torch-2.13.0-cp312;; *) name=nvidia_cuda_runtime-13.0.96;; esac
    if [ ! -e "${wheels}/$name.whl" ]; then echo "ERROR: no route to host" >&2; exit 1; fi
    cp "${wheels}/$name.whl" "$2/"`;
}

test("LIBTORCH comes first, and is noted for the next time", async () => {
  const { home, ...options } = machine();
  const root = join(home, "mine");
  writeFiles(root, torchFiles("2.12.1"));
  const env = { ...options.env, LIBTORCH: root };
  const found = await ensureLibtorch({ ...options, env });
  expect(found).toMatchObject({ root, version: "2.12.1", source: "LIBTORCH", operators: null, cuda: false });
  expect(currentLibtorch({ env, build: options.build })).toEqual(found);
});

test("what was noted no longer holds when LIBTORCH goes, or the folder changes", async () => {
  const { home, ...options } = machine();
  const root = join(home, "mine");
  writeFiles(root, torchFiles("2.12.1"));
  const env = { ...options.env, LIBTORCH: root };
  await ensureLibtorch({ ...options, env });
  expect(currentLibtorch({ env: options.env, build: options.build })).toBeUndefined();
  writeFiles(root, torchFiles("2.14.0"));
  expect(currentLibtorch({ env, build: options.build })).toBeUndefined();
  await expect(ensureLibtorch({ ...options, env })).resolves.toMatchObject({ version: "2.14.0" });
});

test.each([
  ["2.10.0", "it is version 2.10.0, and 2.11 to 2.15 are supported"],
  ["2.16.0", "it is version 2.16.0, and 2.11 to 2.15 are supported"],
  ["3.0.0", "it is version 3.0.0, and 2.11 to 2.15 are supported"],
])("LIBTORCH of version %s is refused", async (version, problem) => {
  const { home, ...options } = machine();
  writeFiles(join(home, "mine"), torchFiles(version));
  const env = { ...options.env, LIBTORCH: join(home, "mine") };
  await expect(ensureLibtorch({ ...options, env })).rejects.toThrow(
    `LIBTORCH: must name a folder with libtorch's include/ and lib/, got ${join(home, "mine")}: ${problem}. ` +
      "Correct the variable, or unset it to have libtorch 2.13.0 fetched.",
  );
});

test("LIBTORCH that names no libtorch is refused rather than passed over", async () => {
  const options = machine();
  const env = { ...options.env, LIBTORCH: "/nowhere" };
  await expect(ensureLibtorch({ ...options, env })).rejects.toThrow(
    /got \/nowhere: lib\/libc10.* is missing/,
  );
  expect(existsSync(options.build)).toBe(false);
});

test("a Python torch is found without importing it, that of an active environment first", async () => {
  const { home, ...options } = machine({ python3: "echo /of/the/system" });
  const active = join(home, "site", "torch");
  writeFiles(active, torchFiles("2.13.0"));
  const python = `case "$*" in *"import torch"*) exit 1;; esac; echo "a warning"; echo ${active}`;
  const environment = join(home, "environment");
  mkdirSync(environment);
  symlinkSync(programs({ python }), join(environment, "bin"));
  const env = { ...options.env, CONDA_PREFIX: environment };
  await expect(ensureLibtorch({ ...options, env })).resolves.toMatchObject({
    root: active,
    source: "Python",
  });
});

test("a Python torch of an unsupported version is passed over for the cache", async () => {
  const folder = temporaryFolder();
  writeFiles(folder, torchFiles("2.4.1"));
  const { cached, ...options } = machine({ python3: `echo ${folder}` });
  writeFiles(join(cached, "torch"), torchFiles("2.13.0"));
  await expect(ensureLibtorch(options)).resolves.toMatchObject({ version: "2.13.0", source: "cache" });
});

test("the wheel is downloaded from the official index, checked and unpacked whole", async () => {
  const { index, asked } = await packageIndex(wheel);
  const { cached, ...options } = machine();
  await expect(ensureLibtorch({ ...options, index })).resolves.toMatchObject({
    root: join(cached, "torch"),
    version: "2.13.0",
    source: "cache",
  });
  expect(asked).toEqual(["", wheelName]);
  expect(readdirSync(join(cached, ".."))).toEqual(["2.13.0"]);
  // the second set-up asks for nothing
  await ensureLibtorch({ ...options, index, build: join(options.env.HOME, "other") });
  expect(asked).toHaveLength(2);
});

test.each([
  ["cut off", wheel.subarray(0, 100)],
  ["of other bytes", Buffer.from(wheel).fill(0, 60, 80)],
])("a download that is %s is thrown away, and pip is tried", async (_, content) => {
  const wheels = temporaryFolder();
  const { index } = await packageIndex(content);
  const { cached, ...options } = machine({ python3: pipFrom(wheels) });
  await expect(ensureLibtorch({ ...options, index })).rejects.toThrow(/pip could not download torch==2.13.0/);
  expect(readdirSync(`${cached}.download`).filter((name) => name.startsWith("torch-"))).toEqual([]);
});

test("pip's downloads are kept, so that the next set-up goes on where the network failed", async () => {
  const wheels = temporaryFolder();
  const { cached, ...options } = machine({ python3: pipFrom(wheels) });
  writeFileSync(join(wheels, "torch-2.13.0-cp312.whl"), wheel);
  await expect(ensureLibtorch(options)).rejects.toThrow(
    "libtorch: pip could not download nvidia-cuda-runtime==13.0.96 (exit code 1):\nERROR: no route to host\n" +
      "Check the network and run set-up again, or install torch (2.11 to 2.15) and set LIBTORCH to its folder.",
  );
  expect(existsSync(cached)).toBe(false);

  const runtime = zipOf({ "nvidia/cu13/lib/libcudart.so.13": "library", "nvidia/cu13/bin/tool": "unwanted" });
  writeFileSync(join(wheels, "nvidia_cuda_runtime-13.0.96.whl"), runtime);
  await expect(ensureLibtorch(options)).resolves.toMatchObject({ version: "2.13.0" });
  expect(readFileSync(join(wheels, "asked"), "utf8").trim().split("\n")).toEqual([
    "torch==2.13.0",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-runtime==13.0.96",
  ]);
  expect(readdirSync(join(cached, "nvidia", "cu13"))).toEqual(["lib"]);
  expect(existsSync(`${cached}.download`)).toBe(false);
});

test("a damaged wheel is removed, so that the next set-up fetches it anew", async () => {
  const wheels = temporaryFolder();
  const { cached, ...options } = machine({ python3: pipFrom(wheels) });
  writeFileSync(join(wheels, "torch-2.13.0-cp312.whl"), wheel.subarray(0, wheel.length - 40));
  writeFileSync(join(wheels, "nvidia_cuda_runtime-13.0.96.whl"), zipOf({}));
  await expect(ensureLibtorch(options)).rejects.toThrow(/is not a usable zip archive: it has no directory/);
  expect(existsSync(cached)).toBe(false);
  writeFileSync(join(wheels, "torch-2.13.0-cp312.whl"), wheel);
  await expect(ensureLibtorch(options)).resolves.toMatchObject({ version: "2.13.0" });
});

test("an entry that points outside its wheel is refused", async () => {
  const wheels = temporaryFolder();
  const { home, ...options } = machine({ python3: pipFrom(wheels) });
  writeFileSync(join(wheels, "torch-2.13.0-cp312.whl"), zipOf({ "torch/include/../../../../evil.h": "x" }));
  writeFileSync(join(wheels, "nvidia_cuda_runtime-13.0.96.whl"), zipOf({}));
  await expect(ensureLibtorch(options)).rejects.toThrow(/evil\.h points outside the archive/);
  expect(readdirSync(home, { recursive: true, encoding: "utf8" }).join()).not.toContain("evil");
});

test("without network and pip the way out is named", async () => {
  const options = machine();
  await expect(ensureLibtorch(options)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[Error: libtorch: PyTorch's download site is out of reach and there is no pip. Install pip (apt install python3-pip, or brew install python), or set LIBTORCH to a libtorch folder.]`,
  );
});

test("two set-ups at once download once", async () => {
  const { index, asked } = await packageIndex(wheel);
  const options = { ...machine(), index };
  const other = join(options.home, "other");
  await Promise.all([ensureLibtorch(options), ensureLibtorch({ ...options, build: other })]);
  expect(asked.filter((name) => name === wheelName)).toHaveLength(1);
});

test("a machine that no libtorch is built for is told so", () => {
  expect(() => thisMachine({ platform: "win32", arch: "x64" })).toThrowErrorMatchingInlineSnapshot(
    `[Error: libtorch: there are builds for Linux x64, Linux arm64 and macOS arm64, got win32 x64. Run Sconce inside WSL.]`,
  );
  expect(() => thisMachine({ platform: "linux", arch: "riscv64" })).toThrowErrorMatchingInlineSnapshot(
    `[Error: libtorch: there are builds for Linux x64, Linux arm64 and macOS arm64, got linux riscv64. Build libtorch yourself and set LIBTORCH to its folder.]`,
  );
  expect(thisMachine({ platform: "darwin", arch: "arm64" }).extra).toEqual([]);
});
