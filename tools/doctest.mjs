#!/usr/bin/env node
// Runs the code blocks of Markdown files in a copy of the project: node tools/doctest.mjs [--report JSON] FILE.md...
//
// ```bash blocks run with `set -euo pipefail` and the project's bin/ on the PATH; ```ts blocks are type-checked against
// the built package and run, and a statement that ends in `// => VALUE` must have that value.
// A block below `<!-- no-run: REASON -->` is left out, and listed.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import { codeBlocks, withExpectations } from "./doctest/blocks.mjs";
import { projectRoot } from "./setup/paths.mjs";
import { tail } from "./setup/run.mjs";

const timeoutMs = 600_000;
const expectModule = new URL("./doctest/expect.mjs", import.meta.url).href;

const { values, positionals: files } = parseArgs({
  options: { report: { type: "string" } },
  allowPositionals: true,
});
const blocks = files.flatMap((file) =>
  codeBlocks(readFileSync(file, "utf8")).map((block) => ({ ...block, file, place: `${file}:${block.line}` })),
);
const workplace = mkdtempSync(join(tmpdir(), "sconce-doctest-"));
const [project, home] = [join(workplace, "project"), join(workplace, "home")];
const total = { passed: 0, failed: 0 };
try {
  copyProject();
  const run = { bash: runBash, ts: runTypeScript };
  for (const [index, { file, place, language, code, reason }] of blocks.entries()) {
    if (file !== blocks[index - 1]?.file) restoreConf();
    if (reason !== undefined) {
      console.log(`left out  ${place}: ${reason}`);
      continue;
    }
    const start = performance.now();
    const { status, output } = run[language](code, index);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    total[status === 0 ? "passed" : "failed"]++;
    if (status === 0) console.log(`passed    ${place} (${seconds} s)`);
    else console.log(`FAILED    ${place} (${seconds} s, ${language})\n${code}\n--\n${tail(output, 40)}\n`);
  }
} finally {
  rmSync(workplace, { recursive: true, force: true });
}
if (values.report !== undefined) writeFileSync(values.report, JSON.stringify(total));
console.log(`doctest: ${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

/** Copies what is tracked or new and what is built; links what is large and only read. */
function copyProject() {
  mkdirSync(project);
  mkdirSync(home);
  const git = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = must("git", git, { cwd: projectRoot }).split("\0");
  const built = ["dist", "native/build", "use_cases/spam/Datasets"];
  const names = [...listed, ...built].filter((name) => name !== "" && existsSync(join(projectRoot, name)));
  // set-up tells by times what is built: tar keeps them to the nanosecond, Node's copy does not
  const archive = join(workplace, "project.tar");
  must("tar", ["--format=posix", "--null", "-T", "-", "-cf", archive], {
    cwd: projectRoot,
    input: names.join("\0"),
  });
  must("tar", ["-xf", archive], { cwd: project });
  rmSync(archive);
  for (const name of ["node_modules", "pretrained_models"]) {
    if (existsSync(join(projectRoot, name))) symlinkSync(join(projectRoot, name), join(project, name));
  }
}

/** Puts back the configs that come along: a guide may write its own in their place. */
function restoreConf() {
  const conf = join(project, "conf");
  rmSync(conf, { recursive: true, force: true });
  cpSync(join(projectRoot, "conf"), conf, { recursive: true });
}

function runBash(code) {
  return execute("bash", ["-euo", "pipefail", "-c", code]);
}

function runTypeScript(code, index) {
  const folder = join(project, ".sconce", "doctest");
  mkdirSync(folder, { recursive: true });
  const name = `block-${index}`;
  const { program, problem } = withExpectations(code);
  if (problem !== undefined) return { status: 1, output: problem };
  writeFileSync(join(folder, `${name}.ts`), program);
  const config = {
    extends: "../../tsconfig.json",
    // the package as its users see it, not its sources
    compilerOptions: { noEmit: false, outDir: "out", rootDir: ".", paths: {} },
    files: [`${name}.ts`],
    include: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(project, "node_modules", "typescript", "bin", "tsc");
  const compiled = execute(process.execPath, [tsc, "-p", folder]);
  if (compiled.status !== 0) return compiled;
  return execute(process.execPath, ["--import", expectModule, join(folder, "out", `${name}.js`)]);
}

function execute(command, args) {
  const { PATH: path = "" } = process.env;
  const env = { ...process.env, HOME: home, PATH: [join(project, "bin"), path].join(delimiter) };
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: project,
    env,
    encoding: "utf8",
    timeout: timeoutMs,
    maxBuffer: 1 << 28,
  });
  return { status, output: `${stdout}${stderr}${error === undefined ? "" : error.message}` };
}

function must(command, args, options) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...options,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}
