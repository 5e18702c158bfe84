#!/usr/bin/env node
// Prints the Python that has the peers of tests/compat/requirements.txt: SCONCE_COMPAT_PYTHON, else the virtual
// environment .venv/compat, which is made on first use and again when the requirements change. With a name, `mlflow-3.7`
// say, it is the Python of .venv/mlflow-3.7 with what tests/compat/mlflow-3.7.txt names.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./setup/paths.mjs";

const name = process.argv[2];
const requirements = join(projectRoot, "tests", "compat", `${name ?? "requirements"}.txt`);
const folder = join(projectRoot, ".venv", name ?? "compat");
const python = join(folder, "bin", "python");
const stamp = join(folder, "requirements.sha256");

const given = name === undefined ? (process.env["SCONCE_COMPAT_PYTHON"] ?? "") : "";
if (given !== "") process.stdout.write(`${given}\n`);
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
