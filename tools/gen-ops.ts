// Generates the typed operators of src/torch from libtorch's own schemas. Run once for each pinned version, from
// the root of the repository.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { native } from "../src/torch/native.ts";
import { readCatalog } from "./gen-ops/catalog.ts";
import { generateFiles } from "./gen-ops/files.ts";

const USAGE = `Usage: gen-ops [--yaml FILE] [--schemas FILE] [--out FOLDER]

  --yaml     native_functions.yaml of the torch version [that which native/build/libtorch.json names]
  --schemas  operator schemas, one a line [what the built addon lists]
  --out      folder of the generated files [src/torch]`;

const { values } = parseArgs({
  options: {
    yaml: { type: "string" },
    schemas: { type: "string" },
    out: { type: "string", default: "src/torch" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
} else {
  const schemas =
    values.schemas === undefined ? native.listSchemas() : readFileSync(values.schemas, "utf8").split("\n");
  const catalog = readCatalog(schemas, readFileSync(values.yaml ?? yamlOfLibtorch(), "utf8"));
  for (const [name, text] of generateFiles(catalog)) {
    writeFileSync(join(resolve(values.out), name), text);
    console.log(`${name}: ${text.length} characters`);
  }
}

function yamlOfLibtorch(): string {
  const { operators } = JSON.parse(readFileSync("native/build/libtorch.json", "utf8")) as {
    operators: string;
  };
  return join(operators, "native_functions.yaml");
}
