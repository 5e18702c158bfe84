import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { buildAddon, findCompiler, isAddonCurrent } from "../../native/build.mjs";
import { programs, quiet, temporaryFolder, torchFiles, writeFiles } from "../fixtures/setup.ts";

beforeEach(quiet);

const gcc = (version: string) => `echo "g++ (Debian 12.2.0-14) ${version}"`;

/** A compiler that notes what it is asked for and writes its output file; it refuses sources that say `error`. */
function compiler(journal: string, version = "12.2.0"): string {
  return `
    if [ "$1" = --version ]; then ${gcc(version)}; exit 0; fi
    source=link
    while [ $# -gt 0 ]; do
      case "$1" in -c) source=$2;; -o) output=$2;; esac
      shift
    done
    echo "\${source##*/}" >> "${journal}"
    if [ "$source" != link ]; then
      while read -r line; do
        case "$line" in
          error*) echo "$source:1: error: expected ';'"; exit 1;;
          crash*) echo "g++: fatal error: Killed signal terminated program cc1plus"; exit 1;;
        esac
      done < "$source"
    fi
    echo made > "$output"`;
}

/** A project with two sources and a header, and what its compiler was asked for since the last look. */
function project() {
  const folder = temporaryFolder();
  const [sources, build, root] = [join(folder, "src"), join(folder, "build"), join(folder, "torch")];
  writeFiles(root, torchFiles("2.13.0"));
  writeFiles(sources, { "a.cc": "a", "b.cc": "b", "common.h": "c" });
  const libtorch = {
    root,
    version: "2.13.0",
    include: join(root, "include"),
    lib: join(root, "lib"),
    cuda: false,
  };
  const journal = join(folder, "journal");
  const env = { ...process.env, CXX: join(programs({ compiler: compiler(journal) }), "compiler") };
  const compiled = () => {
    const names = existsSync(journal) ? readFileSync(journal, "utf8").trim().split("\n") : [];
    rmSync(journal, { force: true });
    return names.sort();
  };
  return {
    sources,
    compiled,
    options: { libtorch: { ...libtorch, operators: null, source: "cache" }, sources, build, env },
  };
}

test("the first build compiles every file and links once, the next does nothing", async () => {
  const { options, compiled } = project();
  expect(isAddonCurrent(options)).toBe(false);
  const path = await buildAddon(options);
  expect(path).toBe(join(options.build, "sconce.node"));
  expect(existsSync(path)).toBe(true);
  expect(compiled()).toEqual(["a.cc", "b.cc", "link"]);
  expect(isAddonCurrent(options)).toBe(true);
  await buildAddon(options);
  expect(compiled()).toEqual([]);
});

test("a changed source is compiled alone, a changed header compiles all", async () => {
  const { options, sources, compiled } = project();
  await buildAddon(options);
  compiled();
  writeFileSync(join(sources, "a.cc"), "changed");
  await buildAddon(options);
  expect(compiled()).toEqual(["a.cc", "link"]);
  writeFileSync(join(sources, "common.h"), "changed");
  await buildAddon(options);
  expect(compiled()).toEqual(["a.cc", "b.cc", "link"]);
  // what was compiled before is kept for a while: changing back links only
  writeFileSync(join(sources, "common.h"), "c");
  await buildAddon(options);
  expect(compiled()).toEqual(["link"]);
});

test("another version of libtorch compiles all", async () => {
  const { options, compiled } = project();
  await buildAddon(options);
  compiled();
  await buildAddon({ ...options, libtorch: { ...options.libtorch, version: "2.14.0" } });
  expect(compiled()).toEqual(["a.cc", "b.cc", "link"]);
});

test("a source that does not compile leaves the present addon, and is tried again", async () => {
  const { options, sources, compiled } = project();
  const addon = await buildAddon(options);
  compiled();
  writeFileSync(join(sources, "b.cc"), "error\n");
  await expect(buildAddon(options)).rejects.toThrow(
    /addon: the compiler refused 1 file\(s\)\.\n.*b\.cc:\n.*expected ';'/s,
  );
  expect(existsSync(addon)).toBe(true);
  expect(isAddonCurrent(options)).toBe(false);
  writeFileSync(join(sources, "b.cc"), "mended\n");
  compiled();
  await buildAddon(options);
  expect(compiled()).toEqual(["b.cc", "link"]);
});

test("a compiler that is killed for its memory is told from one that refuses", async () => {
  const { options, sources } = project();
  writeFileSync(join(sources, "b.cc"), "crash\n");
  await expect(buildAddon(options)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[Error: addon: the compiler ran out of memory at b.cc; it needs about 2 GB. Give the machine or container more memory and run set-up again.]`,
  );
});

const on = (scripts: Record<string, string>) => ({ PATH: programs(scripts) });

test("g++ is taken before clang++, and CXX before both", async () => {
  const clang = 'echo "Debian clang version 16.0.6 (15)"';
  const both = on({ "g++": gcc("12.2.0"), "clang++": clang, mine: gcc("13.1.0") });
  await expect(findCompiler(both)).resolves.toMatchObject({
    command: "g++",
    family: "gcc",
    version: "12.2.0",
  });
  await expect(findCompiler({ ...both, CXX: "mine" })).resolves.toMatchObject({ command: "mine", major: 13 });
  await expect(findCompiler(on({ "clang++": clang }))).resolves.toMatchObject({
    family: "clang",
    version: "16.0.6",
  });
});

test.skipIf(process.platform !== "linux")(
  "a missing compiler, one too old and a wrong CXX each name the way out",
  async () => {
    const messageOf = (env: NodeJS.ProcessEnv) => findCompiler(env).catch((error: Error) => error.message);
    expect(await messageOf(on({}))).toMatchInlineSnapshot(
      `"addon: a C++20 compiler is needed, and neither g++ nor clang++ is found. Install one: apt install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora), apk add g++ (Alpine)."`,
    );
    expect(await messageOf(on({ "g++": gcc("9.4.0") }))).toMatchInlineSnapshot(
      `"addon: C++20 needs gcc 11 or newer, got g++ 9.4.0. Install one: apt install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora), apk add g++ (Alpine), or name a newer compiler with CXX."`,
    );
    expect(await messageOf(on({ "clang++": 'echo "clang version 12.0.1"' }))).toMatchInlineSnapshot(
      `"addon: C++20 needs clang 14 or newer, got clang++ 12.0.1. Install one: apt install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora), apk add g++ (Alpine), or name a newer compiler with CXX."`,
    );
    expect(await messageOf({ ...on({ "g++": gcc("12.2.0") }), CXX: "icc" })).toMatchInlineSnapshot(
      `"addon: CXX must name a C++20 compiler, and icc does not run. Correct the variable or unset it."`,
    );
  },
);
