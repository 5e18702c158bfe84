// Loads and saves ViT in Hugging Face's layout. Files keep the names of the first release, as transformers writes them;
// models have the present ones.
import { loadPretrained, writePretrained } from "../common/model-family.ts";
import type { Architecture, Configured, ModelFamily } from "../common/model-family.ts";
import type { LoadReport } from "../common/pretrained.ts";
import { vitConfigFromJson, vitConfigToJson } from "./config.ts";
import type { ViTConfig } from "./config.ts";
import { initWeights } from "./model.ts";

const family: ModelFamily<ViTConfig> = {
  basePrefix: "vit",
  configFromJson: vitConfigFromJson,
  configToJson: vitConfigToJson,
  initWeights,
  nameInModel,
  nameInFile,
};

/**
 * Builds a model from a folder's config.json and weights. Weights that the file lacks (a new head) get fresh
 * values and are named in the report; `overrides` change the config (labels, dropout).
 *
 * @throws FileError when the folder is not a ViT, or its weights are damaged or of another shape.
 */
export function fromPretrained<M extends Configured<ViTConfig>>(
  Model: Architecture<ViTConfig, M>,
  folder: string,
  overrides: Partial<ViTConfig> = {},
): { model: M; report: LoadReport } {
  return loadPretrained(family, Model, folder, overrides);
}

/** Writes config.json, with `extra` keys, and model.safetensors into `folder`. */
export function savePretrained(
  model: Configured<ViTConfig>,
  folder: string,
  extra: Readonly<Record<string, unknown>> = {},
): void {
  writePretrained(family, model, folder, extra);
}

/** Names inside a layer: in files, and in models. */
const layerNames: readonly (readonly [inFile: string, inModel: string])[] = [
  ["attention.attention.query", "attention.q_proj"],
  ["attention.attention.key", "attention.k_proj"],
  ["attention.attention.value", "attention.v_proj"],
  ["attention.output.dense", "attention.o_proj"],
  ["intermediate.dense", "mlp.fc1"],
  ["output.dense", "mlp.fc2"],
];

function nameInModel(name: string): string {
  const [, before, rest] = /^(.*?)encoder\.layer\.(.*)$/.exec(name) ?? [];
  if (before === undefined || rest === undefined) return name;
  return `${before}layers.${replaceName(rest, layerNames)}`;
}

function nameInFile(name: string): string {
  const [, before, rest] = /^(vit\.|)layers\.(.*)$/.exec(name) ?? [];
  if (before === undefined || rest === undefined) return name;
  const fromModel = layerNames.map(([inFile, inModel]) => [inModel, inFile] as const);
  return `${before}encoder.layer.${replaceName(rest, fromModel)}`;
}

/** Renames `<layer>.<from>.<weight>`. */
function replaceName(name: string, names: readonly (readonly [from: string, to: string])[]): string {
  const [, layer, inner, weight] = /^(\d+)\.(.*)\.(\w+)$/.exec(name) ?? [];
  const to = names.find(([from]) => from === inner)?.[1];
  return to === undefined ? name : `${layer}.${to}.${weight}`;
}
