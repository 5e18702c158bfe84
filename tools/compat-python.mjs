#!/usr/bin/env node
// Prints the Python that has the peers of tests/compat/requirements.txt: SCONCE_COMPAT_PYTHON, else the virtual
// environment .venv/compat, which is made on first use and again when the requirements change.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./setup/paths.mjs";

const requirements = join(projectRoot, "tests", "compat", "requirements.txt");
const folder = join(projectRoot, ".venv", "compat");
const python = join(folder, "bin", "python");
const stamp = join(folder, "requirements.sha256");

const named = process.env["SCONCE_COMPAT_PYTHON"] ?? "";
if (named !== "") process.stdout.write(`${named}\n`);
else {
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    process.stderr.write(`installing ${requirements} into ${folder}: this takes minutes\n`);
    rmSync(folder, { recursive: true, force: true });
    run("python3", ["-m", "venv", folder]);
    run(python, ["-m", "pip", "install", "--quiet", "--requirement", requirements]);
    writeFileSync(stamp, wanted);
  }
  process.stdout.write(`${python}\n`);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", 2, 2] }); // stdout is for the answer
  if (status === 0) return;
  process.stderr.write(`${command} ${args.join(" ")} failed: ${error?.message ?? `exit code ${status}`}\n`);
  process.exit(1);
}
