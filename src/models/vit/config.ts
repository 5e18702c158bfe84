// Shape of a vision transformer, in config.json's terms. Keys of the file that are not ours are kept and written back.
import { FileError } from "../../base/index.ts";
import {
  numberedLabels,
  readActivation,
  readBoolean,
  readKeys,
  readLabels,
  readNumber,
  readNumbers,
  requireModelType,
  writeKeys,
} from "../common/config-json.ts";
import type { ActivationName } from "../common/config-json.ts";

/** Mirrors transformers' `ViTConfig`; defaults are those of google/vit-base-patch16-224. */
export interface ViTConfig {
  /** Width of the residual stream. @default 768 */
  hiddenSize: number;
  /** @default 12 */
  numHiddenLayers: number;
  /** @default 12 */
  numAttentionHeads: number;
  /** @default 3072 */
  intermediateSize: number;
  /** @default "gelu" */
  hiddenAct: ActivationName;
  /** @default 0 */
  hiddenDropoutProb: number;
  /** @default 0 */
  attentionProbsDropoutProb: number;
  /** Standard deviation of new weights. @default 0.02 */
  initializerRange: number;
  /** @default 1e-12 */
  layerNormEps: number;
  /** Height and width of the images, in pixels. @default 224 */
  imageSize: ImageSize;
  /** Height and width of a patch, in pixels. @default 16 */
  patchSize: ImageSize;
  /** Channels of the images. @default 3 */
  numChannels: number;
  /** Whether query, key and value have a bias. @default true */
  qkvBias: boolean;
  /** Width behind the pooler of a bare `ViTModel`. @default hiddenSize */
  poolerOutputSize: number | null;
  /** @default "tanh" */
  poolerAct: ActivationName;
  /** Names of the classes in the order of the logits. @default ["LABEL_0", "LABEL_1"] */
  labels: readonly string[];
  /** What else config.json held. */
  extra: Readonly<Record<string, unknown>>;
}

/** One side of a square, or height and width. */
export type ImageSize = number | readonly [height: number, width: number];

const readers = {
  hidden_size: ["hiddenSize", readNumber],
  num_hidden_layers: ["numHiddenLayers", readNumber],
  num_attention_heads: ["numAttentionHeads", readNumber],
  intermediate_size: ["intermediateSize", readNumber],
  hidden_act: ["hiddenAct", readActivation],
  hidden_dropout_prob: ["hiddenDropoutProb", readNumber],
  attention_probs_dropout_prob: ["attentionProbsDropoutProb", readNumber],
  initializer_range: ["initializerRange", readNumber],
  layer_norm_eps: ["layerNormEps", readNumber],
  image_size: ["imageSize", readSize],
  patch_size: ["patchSize", readSize],
  num_channels: ["numChannels", readNumber],
  qkv_bias: ["qkvBias", readBoolean],
  pooler_output_size: ["poolerOutputSize", readNumber],
  pooler_act: ["poolerAct", readActivation],
} as const;

/** Makes a config of the given values, the defaults elsewhere. */
export function vitConfig(values: Partial<ViTConfig> = {}, source = "ViTConfig"): ViTConfig {
  const config: ViTConfig = {
    hiddenSize: 768,
    numHiddenLayers: 12,
    numAttentionHeads: 12,
    intermediateSize: 3072,
    hiddenAct: "gelu",
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
    initializerRange: 0.02,
    layerNormEps: 1e-12,
    imageSize: 224,
    patchSize: 16,
    numChannels: 3,
    qkvBias: true,
    poolerOutputSize: null,
    poolerAct: "tanh",
    labels: numberedLabels(2),
    extra: {},
    ...values,
  };
  if (config.hiddenSize % config.numAttentionHeads !== 0) {
    throw new FileError(
      `${source}: hidden_size must be a multiple of num_attention_heads, got ${config.hiddenSize} and ${config.numAttentionHeads}. Set num_attention_heads to a divisor.`,
    );
  }
  return config;
}

/** Returns height and width of a size. */
export function heightAndWidth(size: ImageSize): readonly [height: number, width: number] {
  return typeof size === "number" ? [size, size] : size;
}

/** Reads the content of config.json; `source` names the file in errors. */
export function vitConfigFromJson(json: Readonly<Record<string, unknown>>, source: string): ViTConfig {
  requireModelType(json, "vit", source);
  const { values, extra } = readKeys(json, readers, { source, nullIsAbsent: true });
  const labels = readLabels(json);
  return vitConfig({ ...values, ...(labels && { labels }), extra }, source);
}

/** Returns the content of config.json, `architecture` naming transformers' class. */
export function vitConfigToJson(config: ViTConfig, architecture: string): Record<string, unknown> {
  const json = writeKeys(config, readers, { modelType: "vit", architecture });
  return { ...json, pooler_output_size: config.poolerOutputSize ?? config.hiddenSize };
}

function readSize(value: unknown, key: string, source: string): ImageSize {
  if (!Array.isArray(value)) return readNumber(value, key, source);
  const [height, width, ...rest] = readNumbers(value, key, source);
  if (width !== undefined && rest.length === 0) return [height!, width];
  throw new FileError(
    `${source}: ${key} must be a number or height and width, got ${JSON.stringify(value)}. Restore the model's own config.json.`,
  );
}
