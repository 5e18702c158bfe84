#!/usr/bin/env node
// npm start: sets up what is missing and runs the main job, or what is named: npm start -- [CONFIG] [a.b=value ...]
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { projectRoot } from "./setup/paths.mjs";
import { setUp } from "./setup.mjs";

const mainJob = join(projectRoot, "use_cases", "spam", "Configurations", "config.json");
const given = process.argv.slice(2);
const isOverride = (argument) => argument.startsWith("-") || argument.includes("=");

if (await setUp()) {
  const { main } = await import(pathToFileURL(join(projectRoot, "dist", "src", "cli", "main.js")).href);
  const words = given[0] === undefined || isOverride(given[0]) ? [mainJob, ...given] : given;
  process.exitCode = await main(["train", ...words]);
} else process.exitCode = 1;
