// Loads and saves ResNet in Hugging Face's layout.
import { loadPretrained, writePretrained } from "../common/model-family.ts";
import type { Architecture, Configured, ModelFamily } from "../common/model-family.ts";
import type { LoadReport } from "../common/pretrained.ts";
import { resnetConfigFromJson, resnetConfigToJson } from "./config.ts";
import type { ResNetConfig } from "./config.ts";
import { initWeights } from "./model.ts";

const family: ModelFamily<ResNetConfig> = {
  basePrefix: "resnet",
  configFromJson: resnetConfigFromJson,
  configToJson: resnetConfigToJson,
  initWeights,
};

/**
 * Builds a model from a folder's config.json and weights. Weights that the file lacks (a new head) get fresh
 * values and are named in the report; `overrides` change the config (labels).
 *
 * @throws FileError when the folder is not a ResNet, or its weights are damaged or of another shape.
 */
export function fromPretrained<M extends Configured<ResNetConfig>>(
  Model: Architecture<ResNetConfig, M>,
  folder: string,
  overrides: Partial<ResNetConfig> = {},
): { model: M; report: LoadReport } {
  return loadPretrained(family, Model, folder, overrides);
}

/** Writes config.json, with `extra` keys, and model.safetensors into `folder`. */
export function savePretrained(
  model: Configured<ResNetConfig>,
  folder: string,
  extra: Readonly<Record<string, unknown>> = {},
): void {
  writePretrained(family, model, folder, extra);
}
