// Which layers of torch.nn are described as data, and from which fields their constructors' arguments are read.
import { nn } from "../../torch/index.ts";

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

// layers whose argument is not kept, or not as data, stand not here: Transformer, MultiheadAttention, losses
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

/** Returns a setting of a layer as its constructor takes it; undefined where that would take its default. */
export function settingOf(layer: nn.Module, name: string): unknown {
  const fields = layer as unknown as Readonly<Record<string, unknown>>;
  if (name === "affine" || name === "elementwiseAffine") return fields["weight"] !== null;
  const options = fields["options"] as Readonly<Record<string, unknown>> | undefined;
  if (options !== undefined && !Object.hasOwn(fields, name)) return options[name];
  const value = fields[name === "bias" && layer instanceof nn.RNNCellBase ? "bias_ih" : name];
  return name === "bias" && typeof value === "object" ? value !== null : value;
}

function each(names: string, text: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, text]));
}
