#!/usr/bin/env node
// npm run sanitize: compiles the addon with the address and undefined-behaviour sanitizers into native/build/sanitize
// and runs the tests that feed it hostile input; npm run sanitize -- FILE runs one file. Fails on a fault in our code;
// a fault that lies wholly in libtorch or Node is counted and left out.
import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { buildAddon, findCompiler } from "../native/build.mjs";
import { ensureLibtorch } from "./setup/libtorch.mjs";
import { SetupFailure, say } from "./setup/log.mjs";
import { buildFolder, projectRoot } from "./setup/paths.mjs";
import { run } from "./setup/run.mjs";
import { setUp } from "./setup.mjs";

const build = join(buildFolder, "sanitize");
const reports = join(build, "reports");
const flags = [
  "-fsanitize=address,undefined",
  "-fno-sanitize=vptr", // libtorch hides the type information that this check reads
  "-fno-omit-frame-pointer",
  "-O1",
  "-g1",
];
const hostile = [
  "tests/torch/fuzz.test.ts",
  "src/torch/io/",
  "src/torch/raw.test.ts",
  "src/torch/scope.test.ts",
  "src/torch/autograd/",
  "src/torch/func/",
  "src/torch/default-device.test.ts",
  "src/torch/optim/rows.test.ts",
  "src/torch/nn/functional/attention.test.ts",
];

if (await setUp(["node", "packages", "libtorch", "build"]))
  process.exitCode = await sanitize(process.argv.slice(2));
else process.exitCode = 1;

/** Returns 0 where the tests pass and no fault lies in our code. */
async function sanitize(files) {
  try {
    const runtime = await sanitizerRuntime();
    const addon = await buildAddon({ libtorch: await ensureLibtorch(), build, extraFlags: flags });
    rmSync(reports, { recursive: true, force: true });
    mkdirSync(reports, { recursive: true });
    const { code, output } = await runTests(files.length === 0 ? hostile : files, { addon, runtime });
    const { ours, others } = faultsIn(output);
    for (const report of ours) say(report);
    say(`sanitize: ${ours.length} fault(s) in the addon, ${others} elsewhere`);
    return code === 0 && ours.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    say(error.message);
    return 1;
  }
}

/** The library that must be loaded before all others, because Node itself is built without it. */
async function sanitizerRuntime() {
  const { command, family } = await findCompiler();
  if (process.platform === "linux" && family === "gcc") {
    const { output } = await run(command, ["-print-file-name=libasan.so"]);
    if (isAbsolute(output.trim())) return output.trim(); // a library that is not found comes back as its bare name
  }
  throw new SetupFailure(
    `sanitize: needs Linux and a g++ with libasan, got ${process.platform} and ${command}. ` +
      `Install it (dnf install libasan on Fedora; part of g++ on Debian and Ubuntu), or name a g++ with CXX.`,
  );
}

async function runTests(files, { addon, runtime }) {
  const vitest = join(projectRoot, "node_modules", "vitest", "vitest.mjs");
  const slow = "--testTimeout=600000"; // an instrumented call takes several times as long
  return run(process.execPath, [vitest, "run", "--maxWorkers=1", slow, ...files], {
    cwd: projectRoot,
    onOutput: (text) => process.stderr.write(text),
    env: {
      ...process.env,
      SCONCE_ADDON: addon,
      LD_PRELOAD: runtime,
      // leaks are the leak check's; V8 handles its own segmentation faults; libtorch's containers are not annotated
      ASAN_OPTIONS: `detect_leaks=0:handle_segv=0:detect_container_overflow=0:allocator_may_return_null=1:log_path=${reports}/report`,
      UBSAN_OPTIONS: "print_stacktrace=1",
    },
  });
}

/** Reports of the address sanitizer are files, those of undefined behaviour lines of the output. */
function faultsIn(output) {
  const behaviour = output.match(/^.*: runtime error: .*$/gm) ?? [];
  const memory = readdirSync(reports).map((name) => readFileSync(join(reports, name), "utf8").trimEnd());
  const all = [...new Set([...behaviour, ...memory])];
  const ours = all.filter((text) => /native\/src\/|sconce\.node/.test(text));
  return { ours, others: all.length - ours.length };
}
