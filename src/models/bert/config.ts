// Shape of a BERT, in config.json's terms. Keys of the file that are not ours are kept and written back.
import { FileError } from "../../base/index.ts";
import {
  numberedLabels,
  readActivation,
  readKeys,
  readLabels,
  readNumber,
  requireModelType,
  writeKeys,
} from "../common/config-json.ts";
import type { ActivationName, KeyReaders } from "../common/config-json.ts";

/** Mirrors transformers' `BertConfig`; defaults are those of bert-base-uncased. */
export interface BertConfig {
  /** @default 30522 */
  vocabSize: number;
  /** Width of the residual stream. @default 768 */
  hiddenSize: number;
  /** @default 12 */
  numHiddenLayers: number;
  /** @default 12 */
  numAttentionHeads: number;
  /** @default 3072 */
  intermediateSize: number;
  /** @default "gelu" */
  hiddenAct: BertActivation;
  /** @default 0.1 */
  hiddenDropoutProb: number;
  /** @default 0.1 */
  attentionProbsDropoutProb: number;
  /** Longest sequence, in tokens. @default 512 */
  maxPositionEmbeddings: number;
  /** @default 2 */
  typeVocabSize: number;
  /** Standard deviation of new weights. @default 0.02 */
  initializerRange: number;
  /** @default 1e-12 */
  layerNormEps: number;
  /** @default 0 */
  padTokenId: number;
  /** Dropout before the classifier. @default hiddenDropoutProb */
  classifierDropout: number | null;
  /** Names of the classes in the order of the logits. @default ["LABEL_0", "LABEL_1"] */
  labels: readonly string[];
  /** What else config.json held. */
  extra: Readonly<Record<string, unknown>>;
}

export type BertActivation = ActivationName;

const numbers = {
  vocab_size: ["vocabSize", 30522],
  hidden_size: ["hiddenSize", 768],
  num_hidden_layers: ["numHiddenLayers", 12],
  num_attention_heads: ["numAttentionHeads", 12],
  intermediate_size: ["intermediateSize", 3072],
  hidden_dropout_prob: ["hiddenDropoutProb", 0.1],
  attention_probs_dropout_prob: ["attentionProbsDropoutProb", 0.1],
  max_position_embeddings: ["maxPositionEmbeddings", 512],
  type_vocab_size: ["typeVocabSize", 2],
  initializer_range: ["initializerRange", 0.02],
  layer_norm_eps: ["layerNormEps", 1e-12],
  pad_token_id: ["padTokenId", 0],
} as const;

const readers: KeyReaders = {
  ...Object.fromEntries(Object.entries(numbers).map(([key, [name]]) => [key, [name, readNumber] as const])),
  hidden_act: ["hiddenAct", readActivation],
  classifier_dropout: ["classifierDropout", readNumber],
};

/** Makes a config of the given values, the defaults elsewhere. */
export function bertConfig(values: Partial<BertConfig> = {}, source = "BertConfig"): BertConfig {
  const defaults = Object.fromEntries(Object.values(numbers)) as Record<string, number>;
  const config = {
    ...defaults,
    hiddenAct: "gelu",
    classifierDropout: null,
    labels: numberedLabels(2),
    extra: {},
    ...values,
  } as BertConfig;
  if (config.hiddenSize % config.numAttentionHeads !== 0) {
    throw new FileError(
      `${source}: hidden_size must be a multiple of num_attention_heads, got ${config.hiddenSize} and ${config.numAttentionHeads}. Set num_attention_heads to a divisor.`,
    );
  }
  return config;
}

/** Reads the content of config.json; `source` names the file in errors. */
export function bertConfigFromJson(json: Readonly<Record<string, unknown>>, source: string): BertConfig {
  requireModelType(json, "bert", source);
  const { values, extra } = readKeys(json, readers, { source, nullIsAbsent: true });
  const positions = json["position_embedding_type"] ?? "absolute";
  if (positions !== "absolute") {
    throw new FileError(
      `${source}: position_embedding_type must be "absolute", got ${JSON.stringify(positions)}. Name another model.`,
    );
  }
  const labels = readLabels(json);
  return bertConfig({ ...values, ...(labels && { labels }), extra }, source);
}

/** Returns the content of config.json, `architecture` naming transformers' class. */
export function bertConfigToJson(config: BertConfig, architecture: string): Record<string, unknown> {
  return writeKeys(config, readers, { modelType: "bert", architecture });
}
