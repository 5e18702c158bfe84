// Shape of a BERT, in config.json's terms. Keys of the file that are not ours are kept and written back.
import { FileError } from "../../base/index.ts";

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

export type BertActivation = "gelu" | "gelu_new" | "gelu_pytorch_tanh" | "relu" | "silu" | "tanh";

const activations: readonly string[] = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "tanh"];

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

/** Makes a config of the given values, the defaults elsewhere. */
export function bertConfig(values: Partial<BertConfig> = {}, source = "BertConfig"): BertConfig {
  const defaults = Object.fromEntries(Object.values(numbers)) as Record<string, number>;
  const config = {
    ...defaults,
    hiddenAct: "gelu",
    classifierDropout: null,
    labels: ["LABEL_0", "LABEL_1"],
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
  const values: Record<string, unknown> = {};
  const extra: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) {
    const known = numbers[key as keyof typeof numbers];
    if (known !== undefined && value !== null) values[known[0]] = finite(value, key, source);
    else if (!handled.has(key)) extra[key] = value;
  }
  if (json["model_type"] !== undefined && json["model_type"] !== "bert") {
    throw new FileError(
      `${source}: model_type must be "bert", got ${JSON.stringify(json["model_type"])}. Name a BERT model.`,
    );
  }
  const act = json["hidden_act"] ?? "gelu";
  if (typeof act !== "string" || !activations.includes(act)) {
    throw new FileError(
      `${source}: hidden_act must be one of ${activations.join(", ")}, got ${JSON.stringify(act)}.`,
    );
  }
  const positions = json["position_embedding_type"] ?? "absolute";
  if (positions !== "absolute") {
    throw new FileError(
      `${source}: position_embedding_type must be "absolute", got ${JSON.stringify(positions)}. Name another model.`,
    );
  }
  const classifierDropout = json["classifier_dropout"] ?? null;
  const labels = labelsFromJson(json);
  return bertConfig(
    {
      ...values,
      hiddenAct: act as BertActivation,
      classifierDropout:
        classifierDropout === null ? null : finite(classifierDropout, "classifier_dropout", source),
      ...(labels && { labels }),
      extra,
    },
    source,
  );
}

/** Returns the content of config.json, `architecture` naming transformers' class. */
export function bertConfigToJson(config: BertConfig, architecture: string): Record<string, unknown> {
  const json: Record<string, unknown> = {
    ...config.extra,
    architectures: [architecture],
    model_type: "bert",
  };
  for (const [key, [name]] of Object.entries(numbers)) json[key] = config[name];
  return {
    ...json,
    hidden_act: config.hiddenAct,
    classifier_dropout: config.classifierDropout,
    id2label: Object.fromEntries(config.labels.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(config.labels.map((label, id) => [label, id])),
  };
}

const handled = new Set([
  "architectures",
  "model_type",
  "hidden_act",
  "classifier_dropout",
  "id2label",
  "label2id",
  "num_labels",
  ...Object.keys(numbers),
]);

function finite(value: unknown, key: string, source: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new FileError(
    `${source}: ${key} must be a number, got ${JSON.stringify(value)}. Restore the model's own config.json.`,
  );
}

function labelsFromJson(json: Readonly<Record<string, unknown>>): string[] | undefined {
  const id2label = json["id2label"];
  if (typeof id2label === "object" && id2label !== null) {
    const entries = Object.entries(id2label).sort(([a], [b]) => Number(a) - Number(b));
    return entries.map(([, label]) => String(label));
  }
  const count = json["num_labels"];
  return typeof count === "number" ? Array.from({ length: count }, (_, id) => `LABEL_${id}`) : undefined;
}
