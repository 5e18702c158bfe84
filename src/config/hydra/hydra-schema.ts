// The types of the section `hydra`: a typing mistake there is found before a job starts.
import { suggestion } from "../../base/index.ts";
import { type ConfigNode, type MapNode, type ScalarNode, scalarNode, valueOf } from "../node.ts";
import { isInterpolation, isMissing } from "../omega/kinds.ts";
import { pythonText } from "../omega/python-text.ts";
import { formatValue } from "../value.ts";
import { basicLauncher, basicSweeper } from "./hydra-config.ts";
import { problemAt } from "./problem.ts";

type Field =
  | "any"
  | "text"
  | "text?"
  | "whole"
  | "whole?"
  | "truth?"
  | "mode?"
  | "texts"
  | "map"
  | "texts by key"
  | Fields;

interface Fields {
  readonly [key: string]: Field;
}

const hydraFields: Fields = {
  mode: "mode?",
  searchpath: "texts",
  run: { dir: "text" },
  sweep: { dir: "text", subdir: "text" },
  hydra_logging: "map",
  job_logging: "map",
  sweeper: "any",
  launcher: "any",
  callbacks: "map",
  env: "any",
  help: { app_name: "text", header: "text", footer: "text", template: "text" },
  hydra_help: { hydra_help: "text", template: "text" },
  output_subdir: "text?",
  overrides: { hydra: "texts", task: "texts" },
  job: {
    name: "text",
    chdir: "truth?",
    override_dirname: "text",
    id: "text",
    num: "whole",
    config_name: "text?",
    env_set: "texts by key",
    env_copy: "texts",
    config: { override_dirname: { kv_sep: "text", item_sep: "text", exclude_keys: "texts" } },
  },
  runtime: {
    version: "text",
    version_base: "text",
    cwd: "text",
    config_sources: "any",
    output_dir: "text",
    choices: "map",
  },
  verbose: "any",
};

const sweeperFields: Fields = { _target_: "text", max_batch_size: "whole?", params: "texts by key" };

/** Throws for a key that the section does not have; overrides may add any with `+`. */
export function checkHydraKeys(hydra: MapNode): void {
  checkKeys(hydra, hydraFields, "hydra");
  for (const [key, fields] of componentFields(hydra))
    checkKeys(hydra.entries.get(key)!.node, fields, `hydra.${key}`);
}

/** Throws for a value of a wrong type, and turns `1` to `"1"` or `"yes"` to `true` where the section has that type. */
export function convertHydraValues(hydra: MapNode): void {
  convertMap(hydra, hydraFields, "hydra");
  for (const [key, fields] of componentFields(hydra)) {
    const { node } = hydra.entries.get(key)!;
    if (node.kind === "map") convertMap(node, fields, `hydra.${key}`);
  }
}

/** Hydra's own launcher and sweeper have typed settings; those of others are their own matter. */
function componentFields(hydra: MapNode): [string, Fields][] {
  const targetOf = (key: string): unknown => {
    const node = hydra.entries.get(key)?.node;
    const target = node?.kind === "map" ? node.entries.get("_target_")?.node : undefined;
    return target?.kind === "scalar" ? target.value : undefined;
  };
  const typed: [string, Fields][] = [];
  if (targetOf("launcher") === basicLauncher) typed.push(["launcher", { _target_: "text" }]);
  if (targetOf("sweeper") === basicSweeper) typed.push(["sweeper", sweeperFields]);
  return typed;
}

function checkKeys(node: ConfigNode, fields: Fields, path: string): void {
  if (node.kind !== "map") return;
  for (const [key, { origin, node: child }] of node.entries) {
    const field = Object.hasOwn(fields, String(key)) ? fields[String(key)]! : undefined;
    if (field === undefined)
      throw problemAt(
        origin,
        `${path} has no key "${String(key)}". ${suggestion(String(key), Object.keys(fields))}`,
        "unknown_key",
        `${path}.${String(key)}`,
      );
    if (typeof field === "object") checkKeys(child, field, `${path}.${String(key)}`);
  }
}

function convertMap(map: MapNode, fields: Fields, path: string): void {
  for (const [key, entry] of map.entries) {
    const field = Object.hasOwn(fields, String(key)) ? fields[String(key)]! : "any";
    entry.node = convert(entry.node, field, `${path}.${String(key)}`);
  }
}

function convert(node: ConfigNode, field: Field, path: string): ConfigNode {
  if (field === "any" || isMissing(node) || isInterpolation(node)) return node;
  if (typeof field === "object") {
    if (node.kind !== "map") throw wrongType(node, "a mapping", path);
    convertMap(node, field, path);
    return node;
  }
  if (field === "map" || field === "texts by key") {
    if (node.kind === "scalar" && node.value === null) return node;
    if (node.kind !== "map") throw wrongType(node, "a mapping", path);
    if (field === "texts by key")
      for (const [key, entry] of node.entries)
        entry.node = convert(entry.node, "text", `${path}.${String(key)}`);
    return node;
  }
  if (field === "texts") {
    if (node.kind !== "list") throw wrongType(node, "a list of texts", path);
    node.items.forEach((item, at) => {
      node.items[at] = convert(item, "text", `${path}[${at}]`);
    });
    return node;
  }
  if (node.kind === "scalar" && node.value === null && field.endsWith("?")) return node;
  const { expected, read } = scalars[field];
  const value = node.kind === "scalar" && node.value !== null ? read(node) : undefined;
  if (value === undefined) throw wrongType(node, expected, path);
  return value === (node as ScalarNode).value ? node : scalarNode(node.origin, value);
}

type Scalar = Exclude<Field, Fields | "any" | "map" | "texts" | "texts by key">;

interface ScalarType {
  expected: string;
  /** Undefined where a value does not fit. */
  read: (node: ScalarNode) => ScalarNode["value"] | undefined;
}

const text: ScalarType = { expected: "a text", read: pythonText };
const whole: ScalarType = { expected: "a whole number", read: wholeOf };
const scalars: Record<Scalar, ScalarType> = {
  text,
  "text?": text,
  whole,
  "whole?": whole,
  "truth?": { expected: "true, false or null", read: truthOf },
  "mode?": { expected: "RUN, MULTIRUN or null", read: modeOf },
};

function wholeOf({ value, isFloat }: ScalarNode): number | undefined {
  const number = typeof value === "string" && /^[-+]?\d+$/u.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && !isFloat ? number : undefined;
}

function truthOf({ value }: ScalarNode): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value !== 0;
  const word = String(value).toLowerCase();
  if (["yes", "y", "on", "true", "1"].includes(word)) return true;
  if (["no", "n", "off", "false", "0"].includes(word)) return false;
  return undefined;
}

function modeOf({ value }: ScalarNode): string | undefined {
  if (value === 1) return "RUN";
  if (value === 2) return "MULTIRUN";
  return value === "RUN" || value === "MULTIRUN" ? value : undefined;
}

function wrongType(node: ConfigNode, expected: string, path: string): Error {
  return problemAt(node.origin, `must be ${expected}, got ${formatValue(valueOf(node))}.`, "type", path);
}
