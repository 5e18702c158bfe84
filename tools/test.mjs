#!/usr/bin/env node
// npm test: sets up what the tests need and runs them; npm test -- FILE runs one file.
// SCONCE_TEST_REPORT names a file for vitest's JSON report.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "./setup/paths.mjs";
import { setUp, testSteps } from "./setup.mjs";

if (await setUp(testSteps)) {
  const report = process.env["SCONCE_TEST_REPORT"];
  const reporters = ["--reporter=default"];
  if (report !== undefined) reporters.push("--reporter=json", `--outputFile.json=${report}`);
  const vitest = join(projectRoot, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", ...reporters, ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: "inherit" });
  // Ctrl-C reaches the child by itself, a signal from elsewhere only this process
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("close", (code) => (process.exitCode = code ?? 1));
} else process.exitCode = 1;
