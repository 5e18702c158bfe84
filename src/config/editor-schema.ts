// JSON Schemas for editors as files: VS Code and others follow "$schema" of a JSON file without a network.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../base/index.ts";

/** Writes out the JSON Schema of a kind of config file: `use-case`, `config`, or a group of conf/ such as `trainer`. */
export async function printJsonSchema(kind: string): Promise<string> {
  const { jsonSchema } = await import("./json-schema.ts"); // loads zod (50 ms), which reading a config need not
  return `${JSON.stringify(jsonSchema(kind))}\n`; // for programs, and long
}

/** Is what `$schema` says in the config of a new use case, so that editors find what `writeEditorSchema` writes. */
export const editorSchema = "../../../.sconce/use-case.schema.json";

/** Writes the JSON Schema of use cases to `.sconce/use-case.schema.json` of a project. */
export async function writeEditorSchema(projectRoot: string): Promise<void> {
  const path = join(projectRoot, ".sconce", "use-case.schema.json");
  mkdirSync(dirname(path), { recursive: true });
  writeFileAtomic(path, await printJsonSchema("use-case"));
}
