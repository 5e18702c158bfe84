// Writes a config out: as a file that reads back to the same config, and as flat parameters for tracking.
import { extname } from "node:path";
import { writeFileAtomic } from "../base/index.ts";
import { isConfigMap } from "./value.ts";

/** Writes a config as JSON or YAML, by the path's ending, atomically. Keys keep the order of the schema. */
export async function writeConfig(path: string, config: object): Promise<void> {
  const isYaml = /^\.ya?ml$/iu.test(extname(path));
  writeFileAtomic(path, isYaml ? await configToYaml(config) : configToJson(config));
}

/** Formats a config as JSON with two spaces and a final newline. */
export function configToJson(config: object): string {
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** Formats a config as YAML. */
export async function configToYaml(config: object): Promise<string> {
  const { stringify } = await import("yaml");
  return stringify(config, { schema: "core", lineWidth: 0, aliasDuplicateObjects: false });
}

/**
 * Flattens a config to parameters by dotted path, as a tracking store holds them: texts as they are, all else as JSON.
 * Items of lists are counted: `callbacks.0.patience`. Empty lists and mappings stay whole.
 *
 * @example
 * flatten({ optimizer: { lr: 5e-5, betas: [0.9, 0.999] } });
 * // => { "optimizer.lr": "0.00005", "optimizer.betas.0": "0.9", "optimizer.betas.1": "0.999" }
 */
export function flatten(config: object): Record<string, string> {
  const parameters: Record<string, string> = {};
  const visit = (value: unknown, path: string): void => {
    const entries = isConfigMap(value) || Array.isArray(value) ? Object.entries(value) : [];
    for (const [key, entry] of entries) visit(entry, path === "" ? key : `${path}.${key}`);
    if (entries.length > 0 || value === undefined || path === "") return;
    parameters[path] = typeof value === "string" ? value : JSON.stringify(value);
  };
  visit(config, "");
  return parameters;
}
