#!/usr/bin/env node
// npm run bench -- NAME [...]: sets up what is missing and runs one benchmark of bench/.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { projectRoot } from "./setup/paths.mjs";
import { setUp } from "./setup.mjs";

const suffix = ".bench.ts";
const names = readdirSync(join(projectRoot, "bench"))
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length));
const [name] = process.argv.splice(2, 1); // the benchmark sees its own arguments alone

if (!names.includes(name)) {
  process.stderr.write(`usage: npm run bench -- NAME [...]   NAME is one of ${names.join(", ")}\n`);
  process.exitCode = 2;
} else if (await setUp()) {
  await import(pathToFileURL(join(projectRoot, "dist", "bench", `${name}.bench.js`)).href);
} else process.exitCode = 1;
