// Which layers of torch.nn are described as data, and from which fields their constructors' arguments are read.
import { nn, relu } from "../../torch/index.ts";

/** Names of a constructor's arguments: those by position, then those of its options. */
export interface LayerArguments {
  positional: readonly string[];
  options: readonly string[];
}

const conv = "inChannels outChannels kernelSize | stride padding dilation groups bias paddingMode";
const convTranspose = "inChannels outChannels kernelSize | stride padding outputPadding groups bias dilation";
const channelNorm = "numFeatures | eps momentum affine bias trackRunningStats";
const table = "numEmbeddings embeddingDim | paddingIdx maxNorm normType scaleGradByFreq sparse";
const maxPool = "kernelSize | stride padding dilation ceilMode returnIndices";
const averagePool = "kernelSize | stride padding ceilMode countIncludePad";
const recurrent = "inputSize hiddenSize | numLayers bias batchFirst dropout bidirectional";

const transformerLayer = "dimFeedforward dropout activation layerNormEps batchFirst normFirst bias";

// losses stand not here: they are no part of a model
const layers = {
  Bilinear: "in1Features in2Features outFeatures | bias",
  Linear: "inFeatures outFeatures | bias",
  ...each("Conv1d Conv2d Conv3d", conv),
  ...each("ConvTranspose1d ConvTranspose2d ConvTranspose3d", convTranspose),
  ...each("BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d InstanceNorm3d", channelNorm),
  GroupNorm: "numGroups numChannels | eps affine bias",
  LayerNorm: "normalizedShape | eps elementwiseAffine bias",
  LocalResponseNorm: "size | alpha beta k",
  RMSNorm: "normalizedShape | eps elementwiseAffine",
  Embedding: table,
  EmbeddingBag: `${table} mode includeLastOffset`,
  ...each("AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout", "p | inplace"),
  ...each("Hardsigmoid Hardswish Mish ReLU ReLU6 SELU SiLU", "| inplace"),
  ...each("CELU ELU", "alpha | inplace"),
  GELU: "| approximate",
  ...each("Hardshrink Softshrink", "lambd"),
  Hardtanh: "minVal maxVal | inplace",
  LeakyReLU: "negativeSlope | inplace",
  PReLU: "numParameters | init",
  RReLU: "lower upper | inplace",
  Softplus: "beta threshold",
  Threshold: "threshold value | inplace",
  ...each("LogSigmoid Sigmoid Softmax2d Softsign Tanh Tanhshrink", ""),
  ...each("GLU LogSoftmax Softmax Softmin", "dim"),
  ...each("MaxPool1d MaxPool2d MaxPool3d", maxPool),
  AvgPool1d: averagePool,
  ...each("AvgPool2d AvgPool3d", `${averagePool} divisorOverride`),
  ...each("LPPool1d LPPool2d LPPool3d", "normType kernelSize | stride ceilMode"),
  ...each("AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d", "outputSize"),
  ...each("AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d", "outputSize | returnIndices"),
  ...each("ConstantPad1d ConstantPad2d ConstantPad3d", "padding value"),
  ...each("CircularPad1d CircularPad2d CircularPad3d ZeroPad1d ZeroPad2d ZeroPad3d", "padding"),
  ...each("ReflectionPad1d ReflectionPad2d ReflectionPad3d", "padding"),
  ...each("ReplicationPad1d ReplicationPad2d ReplicationPad3d", "padding"),
  ChannelShuffle: "groups",
  Flatten: "startDim endDim",
  Fold: "outputSize kernelSize | dilation padding stride",
  Identity: "",
  PixelShuffle: "upscaleFactor",
  PixelUnshuffle: "downscaleFactor",
  Unflatten: "dim unflattenedSize",
  Unfold: "kernelSize | dilation padding stride",
  Upsample: "| size scaleFactor mode alignCorners",
  CosineSimilarity: "| dim eps",
  PairwiseDistance: "| p eps keepdim",
  GRU: recurrent,
  LSTM: `${recurrent} projSize`,
  RNN: `${recurrent} nonlinearity`,
  ...each("GRUCell LSTMCell", "inputSize hiddenSize | bias"),
  RNNCell: "inputSize hiddenSize | bias nonlinearity",
  MultiheadAttention: "embedDim numHeads | dropout bias addBiasKv addZeroAttn kdim vdim batchFirst",
  ...each("TransformerEncoderLayer TransformerDecoderLayer", `dModel nhead | ${transformerLayer}`),
  TransformerEncoder: "encoderLayer numLayers | norm",
  TransformerDecoder: "decoderLayer numLayers | norm",
  Transformer: `dModel nhead | numEncoderLayers numDecoderLayers ${transformerLayer}`,
};

/** The layers that are known, by the name of their class. */
export const knownLayers: ReadonlyMap<string, LayerArguments> = new Map(
  Object.entries(layers).map(([name, text]) => {
    const [positional = [], options = []] = text
      .split("|")
      .map((part) => part.trim().split(" ").filter(Boolean));
    return [name, { positional, options }];
  }),
);

/**
 * Returns a setting of a layer as its constructor takes it, which may be another layer; undefined where that would take
 * its default.
 */
export function settingOf(layer: nn.Module, name: string): unknown {
  const read = attentionSettings(layer)?.[name];
  if (read !== undefined) return read();
  const fields = layer as unknown as Readonly<Record<string, unknown>>;
  if (name === "affine" || name === "elementwiseAffine") return fields["weight"] !== null;
  const options = fields["options"] as Readonly<Record<string, unknown>> | undefined;
  if (options !== undefined && !Object.hasOwn(fields, name)) return options[name];
  const value = fields[name === "bias" && layer instanceof nn.RNNCellBase ? "bias_ih" : name];
  return name === "bias" && typeof value === "object" ? value !== null : value;
}

type Settings = Readonly<Record<string, () => unknown>>;

/** Returns how to read those settings of attention and transformers that no field of their name holds. */
function attentionSettings(layer: nn.Module): Settings | undefined {
  if (layer instanceof nn.MultiheadAttention) {
    return {
      bias: () => layer.in_proj_bias !== null,
      addBiasKv: () => layer.bias_k !== null,
    };
  }
  if (layer instanceof nn.TransformerEncoderLayer || layer instanceof nn.TransformerDecoderLayer) {
    return {
      dModel: () => layer.self_attn.embedDim,
      nhead: () => layer.self_attn.numHeads,
      dimFeedforward: () => layer.linear1.outFeatures,
      dropout: () => layer.dropout.p,
      activation: () => activationNames.get(layer.activation) ?? layer.activation, // a function of the user's is no data
      layerNormEps: () => layer.norm1.eps,
      batchFirst: () => layer.self_attn.batchFirst,
      bias: () => layer.linear1.bias !== null,
    };
  }
  if (layer instanceof nn.TransformerEncoder) return { encoderLayer: () => layer.layers.at(0) };
  if (layer instanceof nn.TransformerDecoder) return { decoderLayer: () => layer.layers.at(0) };
  if (layer instanceof nn.Transformer) return transformerSettings(layer);
  return undefined;
}

/** A transformer is described by the first layer of its encoder; one with other stacks is not rebuilt alike. */
function transformerSettings({ encoder, decoder }: nn.Transformer): Settings {
  const layers = encoder instanceof nn.TransformerEncoder ? encoder.layers : undefined;
  const first = layers?.at(0);
  const inner = first === undefined ? {} : attentionSettings(first as nn.Module);
  return {
    ...inner,
    normFirst: () => (first instanceof nn.TransformerEncoderLayer ? first.normFirst : undefined),
    numEncoderLayers: () => layers?.length,
    numDecoderLayers: () => (decoder instanceof nn.TransformerDecoder ? decoder.numLayers : undefined),
  };
}

const activationNames = new Map<unknown, string>([
  [relu, "relu"],
  [nn.functional.gelu, "gelu"],
]);

function each(names: string, text: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, text]));
}
