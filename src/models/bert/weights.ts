// Loads and saves BERT in Hugging Face's layout, so that Python's from_pretrained reads what is written here.
import { nn } from "../../torch/index.ts";
import { loadWeights, readModelConfig, saveModel } from "../common/pretrained.ts";
import type { LoadReport } from "../common/pretrained.ts";
import { bertConfigFromJson, bertConfigToJson } from "./config.ts";
import type { BertConfig } from "./config.ts";
import { initWeights } from "./model.ts";

/** A BERT with a head, as ./model.ts exports them. */
export interface BertHead<M extends nn.Module & { config: BertConfig }> {
  readonly architecture: string;
  new (config: BertConfig): M;
}

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
  const config = { ...bertConfigFromJson(readModelConfig(folder), `${folder}/config.json`), ...overrides };
  const model = nn.init.skipInit(() => new Model(config));
  const report = loadWeights(model, folder, {
    basePrefix: "bert",
    rename,
    // a head for other labels than the file's is a new head
    mayDiffer: (name) => name.startsWith("classifier.") && overrides.labels !== undefined,
    initialize: (module) => initWeights(module, config),
  });
  return { model, report };
}

/** Writes config.json, with `extra` keys, and model.safetensors into `folder`. */
export function savePretrained(
  model: nn.Module & { config: BertConfig },
  folder: string,
  extra: Readonly<Record<string, unknown>> = {},
): void {
  const { architecture } = model.constructor as unknown as BertHead<never>;
  saveModel(model, folder, { ...bertConfigToJson(model.config, architecture), ...extra });
}

/** Gives weights their present names: old files say gamma and beta, and hold position ids and tied copies. */
function rename(name: string): string | undefined {
  if (name.endsWith("embeddings.position_ids") || name.startsWith("cls.predictions.decoder."))
    return undefined;
  return name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias");
}
