// Loads and saves BERT in Hugging Face's layout.
import type { nn } from "../../torch/index.ts";
import { loadPretrained, writePretrained } from "../common/model-family.ts";
import type { Architecture, ModelFamily } from "../common/model-family.ts";
import type { LoadReport } from "../common/pretrained.ts";
import { bertConfigFromJson, bertConfigToJson } from "./config.ts";
import type { BertConfig } from "./config.ts";
import { initWeights } from "./model.ts";

/** A BERT with a head, as ./model.ts exports them. */
export type BertHead<M extends nn.Module & { config: BertConfig }> = Architecture<BertConfig, M>;

const family: ModelFamily<BertConfig> = {
  basePrefix: "bert",
  configFromJson: bertConfigFromJson,
  configToJson: bertConfigToJson,
  initWeights,
  nameInModel,
};

/**
 * Builds a model from a folder's config.json and weights. Weights that the file lacks (a new head) get fresh
 * values and are named in the report; `overrides` change the config (labels, dropout).
 *
 * @throws FileError when the folder is not a BERT, or its weights are damaged or of another shape.
 */
export function fromPretrained<M extends nn.Module & { config: BertConfig }>(
  Model: BertHead<M>,
  folder: string,
  overrides: Partial<BertConfig> = {},
): { model: M; report: LoadReport } {
  return loadPretrained(family, Model, folder, overrides);
}

/** Writes config.json, with `extra` keys, and model.safetensors into `folder`. */
export function savePretrained(
  model: nn.Module & { config: BertConfig },
  folder: string,
  extra: Readonly<Record<string, unknown>> = {},
): void {
  writePretrained(family, model, folder, extra);
}

/** Gives weights their present names: old files say gamma and beta, and hold position ids and tied copies. */
function nameInModel(name: string): string | undefined {
  if (name.endsWith("embeddings.position_ids") || name.startsWith("cls.predictions.decoder."))
    return undefined;
  return name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias");
}
