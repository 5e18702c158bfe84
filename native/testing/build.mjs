#!/usr/bin/env node
// Compiles the device for tests into native/build/testing/sconce.node. Its tests are skipped where it is not built.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureLibtorch } from "../../tools/setup/libtorch.mjs";
import { buildFolder } from "../../tools/setup/paths.mjs";
import { buildAddon } from "../build.mjs";

const sources = dirname(fileURLToPath(import.meta.url));
const build = join(buildFolder, "testing");
console.log(await buildAddon({ libtorch: await ensureLibtorch(), sources, build }));
