// Generates the typed operators of src/torch from libtorch's own schemas. Run once for each pinned version.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readCatalog } from "./gen-ops/catalog.ts";
import { generateFiles } from "./gen-ops/files.ts";

const USAGE = `Usage: gen-ops --yaml native_functions.yaml --schemas FILE [--out src/torch]

  --yaml     torchgen/packaged/ATen/native/native_functions.yaml of the pinned torch wheel
  --schemas  one schema a line, as the addon's listSchemas() gives them
  --out      folder of the generated files`;

const { values } = parseArgs({
  options: { yaml: { type: "string" }, schemas: { type: "string" }, out: { type: "string", default: "src/torch" } },
});
if (values.yaml === undefined || values.schemas === undefined) {
  console.error(USAGE);
  process.exit(2);
}
const schemas = readFileSync(values.schemas, "utf8").split("\n");
const catalog = readCatalog(schemas, readFileSync(values.yaml, "utf8"));
for (const [name, text] of generateFiles(catalog)) {
  writeFileSync(join(resolve(values.out), name), text);
  console.log(`${name}: ${text.length} characters`);
}
