import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { programs, temporaryFolder, writeFiles } from "../fixtures/setup.ts";
import { isNodeRecent } from "./steps.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A project that has the set-up tools of this one, and nothing else; its programs are the given ones. */
function project(files: Record<string, string>, scripts: Record<string, string> = {}) {
  const folder = temporaryFolder();
  for (const name of ["tools/setup.mjs", "tools/test.mjs", "native/build.mjs", "native/node-headers.mjs"]) {
    writeFiles(folder, { [name]: readFileSync(join(root, name), "utf8") });
  }
  mkdirSync(join(folder, "tools", "setup"));
  for (const name of [
    "bundle",
    "libtorch-download",
    "libtorch",
    "lock",
    "log",
    "paths",
    "run",
    "stamp",
    "steps",
    "versions",
    "zip",
  ]) {
    writeFiles(folder, {
      [`tools/setup/${name}.mjs`]: readFileSync(join(root, "tools", "setup", `${name}.mjs`), "utf8"),
    });
  }
  writeFiles(folder, { "package.json": '{ "type": "module" }', ...files });
  const bin = programs(scripts);
  symlinkSync(process.execPath, join(bin, "node"));
  const setUp = (...words: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [join(folder, "tools", "setup.mjs"), ...words], {
      encoding: "utf8",
      env: { HOME: folder, PATH: bin },
    });
    return { status, output: stderr.replaceAll(folder, "PROJECT").replace(/\d+\.\d s/g, "N s") };
  };
  return { folder, setUp };
}

test("Node 20.19 and newer will do", () => {
  expect(["18.20.4", "20.9.0", "20.18.3"].filter(isNodeRecent)).toEqual([]);
  expect(["20.19.0", "22.0.0", "24.1.0"].filter(isNodeRecent)).toHaveLength(3);
});

test("a use case's data is prepared once, again when its script changes or a file is gone", () => {
  const script = `
    import { mkdirSync, writeFileSync } from "node:fs";
    mkdirSync(new URL("Datasets", import.meta.url), { recursive: true });
    writeFileSync(new URL("Datasets/train.csv", import.meta.url), "text,label\\n");
    console.error("preparing");`;
  const { folder, setUp } = project({
    "use_cases/x/prepare.mjs": script,
    "use_cases/y/README.md": "no data",
  });
  expect(setUp("data")).toMatchObject({ status: 0, output: expect.stringContaining("preparing") });
  expect(setUp("data")).toEqual({ status: 0, output: "" });

  writeFiles(folder, { "use_cases/x/clean.mjs": "// what prepare.mjs might import" });
  expect(setUp("data").output).toContain("preparing");

  const data = join(folder, "use_cases", "x", "Datasets", "train.csv");
  writeFileSync(data, "changed by its author");
  expect(setUp("data").output).toBe("");
  expect(readFileSync(data, "utf8")).toBe("changed by its author");
  spawnSync("rm", [data]);
  expect(setUp("data").output).toContain("preparing");
  expect(existsSync(data)).toBe(true);
});

test("a script that fails is reported with its last lines and the log, and tried again", () => {
  const { setUp } = project({ "use_cases/x/prepare.mjs": 'console.error("no room"); process.exit(3);' });
  for (let attempt = 0; attempt < 2; attempt++) {
    const { status, output } = setUp("data");
    expect(status).toBe(1);
    expect(output).toMatchInlineSnapshot(`
      "set-up: prepare the data of the use cases
      no room
      PROJECT/use_cases/x/prepare.mjs failed (exit code 3).
      no room
      set-up: prepare the data of the use cases failed. Log: PROJECT/.sconce/logs/data.log
      "
    `);
  }
});

test("npm packages are installed when the lock file asks for others than are there", () => {
  const lock = (version: string) =>
    JSON.stringify({
      packages: {
        "": {},
        "node_modules/zod": { version },
        "node_modules/fsevents": { version, optional: true },
      },
    });
  // stands in for npm ci: notes what it installed, as npm does
  const npm = "mkdir -p node_modules; cp package-lock.json node_modules/.package-lock.json";
  const { folder, setUp } = project({ "package-lock.json": lock("4.0.0") }, { npm });
  expect(setUp("packages").output).toContain("install npm packages done");
  expect(setUp("packages")).toEqual({ status: 0, output: "" });
  writeFileSync(join(folder, "package-lock.json"), lock("4.1.0"));
  expect(setUp("packages").output).toContain("install npm packages done");
  // an optional package may be missing, a needed one not
  writeFiles(folder, {
    "node_modules/.package-lock.json": '{ "packages": { "node_modules/zod": { "version": "4.1.0" } } }',
  });
  expect(setUp("packages").output).toBe("");
  writeFiles(folder, { "node_modules/.package-lock.json": '{ "packages": {} }' });
  expect(setUp("packages").output).toContain("install npm packages done");
});

test("npm that fails or is missing names the way out", () => {
  const files = { "package-lock.json": '{ "packages": { "node_modules/zod": { "version": "1.0.0" } } }' };
  expect(project(files, { npm: "echo npm error code ENOTFOUND; exit 1" }).setUp("packages"))
    .toMatchInlineSnapshot(`
    {
      "output": "set-up: install npm packages
    npm: it could not install the packages (exit code 1).
    npm error code ENOTFOUND
    Check the network and the registry (npm config get registry), and run set-up again.
    set-up: install npm packages failed. Log: PROJECT/.sconce/logs/packages.log
    ",
      "status": 1,
    }
  `);
  expect(project(files).setUp("packages")).toMatchInlineSnapshot(`
    {
      "output": "set-up: install npm packages
    npm: it must be on the PATH. Install it with Node from nodejs.org, or apt install npm.
    set-up: install npm packages failed. Log: PROJECT/.sconce/logs/packages.log
    ",
      "status": 1,
    }
  `);
});

test("a step that does not exist is answered with those that do", () => {
  const { status, output } = project({}).setUp("libtroch");
  expect(status).toBe(2);
  expect(output).toMatchInlineSnapshot(`
    "setup: unknown step "libtroch".
    usage: sconce setup [STEP...]   all steps by default; one that is done is skipped
      node      check Node
      packages  install npm packages
      libtorch  find or fetch libtorch
      addon     compile the addon
      build     compile TypeScript
      weights   fetch the MiniLM weights
      data      prepare the data of the use cases
    "
  `);
  expect(project({}).setUp("--help").status).toBe(0);
});

test("npm test -- FILE runs that file alone, and says by its exit code how it went", () => {
  const run = (name: string) => {
    const { SCONCE_TEST_REPORT: _, FORCE_COLOR: __, ...env } = process.env; // those of the run that this is part of
    const args = [join(root, "tools", "test.mjs"), name];
    return spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", env: { ...env, NO_COLOR: "1" } });
  };
  const good = run("src/base/base.test.ts");
  expect(good.stdout).toMatch(/Test Files.* 1 passed/);
  expect(good.status).toBe(0);
  expect(run("no/such.test.ts").status).toBe(1);
});

test("bin/run.sh and npm run main set up, find the project from anywhere, and are sconce train", () => {
  const folder = temporaryFolder();
  const link = join(folder, "run");
  symlinkSync(join(root, "bin", "run.sh"), link);
  const options = { cwd: folder, encoding: "utf8" } as const;
  const shell = spawnSync(link, ["missing.json", "trainer.max_epochs=1"], options);
  const main = spawnSync(process.execPath, [join(root, "dist", "main.js"), "missing.json"], options);
  for (const { status, stderr } of [shell, main]) {
    expect(stderr).toContain("missing.json: the file does not exist. Check the path.");
    expect(status).toBe(2);
  }
});
