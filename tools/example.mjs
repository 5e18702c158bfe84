#!/usr/bin/env node
// npm run example -- NAME [--option value ...]: sets up what is missing and runs one example of examples/.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { projectRoot } from "./setup/paths.mjs";
import { setUp } from "./setup.mjs";

const folder = join(projectRoot, "examples");
const names = readdirSync(folder)
  .filter((file) => /^export function main/m.test(readFileSync(join(folder, file), "utf8")))
  .map((file) => file.replace(/\.ts$/, ""));
const [name, ...words] = process.argv.slice(2);

if (!names.includes(name)) {
  process.stderr.write(
    `usage: npm run example -- NAME [--option value ...]   NAME is one of ${names.join(", ")}\n`,
  );
  process.exitCode = 2;
} else if (await setUp()) {
  const file = pathToFileURL(join(projectRoot, "dist", "examples", `${name}.js`)).href;
  const { main, defaults } = await import(file);
  const options = optionsFrom(words, defaults);
  if (options === undefined) {
    const known = Object.entries(defaults).map(([option, value]) => `--${option} ${value}`);
    process.stderr.write(
      `usage: npm run example -- ${name} [--option value ...]   default: ${known.join(" ")}\n`,
    );
    process.exitCode = 2;
  } else main(options);
} else process.exitCode = 1;

/** Reads `--option value` pairs as the types that the defaults have; undefined where they cannot be. */
function optionsFrom(words, defaults) {
  const options = {};
  for (let i = 0; i < words.length; i += 2) {
    const option = words[i].replace(/^--/, "");
    const value = typeof defaults[option] === "number" ? Number(words[i + 1]) : words[i + 1];
    if (!Object.hasOwn(defaults, option) || value === undefined || Number.isNaN(value)) return undefined;
    options[option] = value;
  }
  return options;
}
