export {
  CELU,
  ELU,
  GELU,
  GLU,
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  PReLU,
  RReLU,
  ReLU,
  ReLU6,
  SELU,
  SiLU,
  Sigmoid,
  Softmax,
  Softmax2d,
  Softmin,
  Softplus,
  Softshrink,
  Softsign,
  Tanh,
  Tanhshrink,
  Threshold,
} from "./activations.ts";
export { AdaptiveLogSoftmaxWithLoss } from "./adaptive-softmax.ts";
export type { AdaptiveLogSoftmaxOptions } from "./adaptive-softmax.ts";
export { MultiheadAttention } from "./attention.ts";
export type { MultiheadAttentionInputs, MultiheadAttentionOptions } from "./attention.ts";
export type { FullBackwardHook, FullBackwardPreHook, Gradients } from "./backward-hooks.ts";
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
} from "./batch-norm.ts";
export type { BatchNormOptions } from "./batch-norm.ts";
export { Buffer } from "./buffer.ts";
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from "./containers.ts";
export type { TensorModule } from "./containers.ts";
export { Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./convolution.ts";
export type { ConvOptions, ConvTransposeOptions } from "./convolution.ts";
export { deepCopy } from "./deep-copy.ts";
export { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout } from "./dropout.ts";
export { Embedding } from "./embedding.ts";
export type { EmbeddingOptions, PretrainedOptions } from "./embedding.ts";
export { EmbeddingBag } from "./embedding-bag.ts";
export type { EmbeddingBagOptions } from "./embedding-bag.ts";
export type { FactoryOptions } from "./factory.ts";
export type { Activation, GumbelSoftmaxOptions, InplaceOptions } from "./functional/activations.ts";
export type { AttentionOptions } from "./functional/attention.ts";
export type { DropoutOptions } from "./functional/dropout.ts";
export type { EmbeddingLookupOptions } from "./functional/embedding.ts";
export type { EmbeddingBagInputs, EmbeddingBagMode } from "./functional/embedding-bag.ts";
export * as functional from "./functional/index.ts";
export type {
  BCEWithLogitsOptions,
  CTCLossOptions,
  CrossEntropyOptions,
  LinearCrossEntropyOptions,
  GaussianNLLOptions,
  KLDivOptions,
  LossOptions,
  MarginOptions,
  MultiMarginOptions,
  NLLLossOptions,
  PoissonNLLOptions,
  TripletDistanceOptions,
  TripletMarginOptions,
  WeightedLossOptions,
} from "./functional/losses.ts";
export type {
  GroupedMmOptions,
  ScaledMmOptions,
  ScalingType,
  SwizzleType,
} from "./functional/matrix-products.ts";
export type { LocalResponseNormOptions, NormOptions } from "./functional/normalization.ts";
export type {
  AdaptiveSize,
  FractionalMaxPoolOptions,
  LPPoolOptions,
  MaxPoolOptions,
  MaxUnpoolOptions,
  Size,
} from "./functional/pooling.ts";
export type { Reduction } from "./functional/reduction.ts";
export type {
  GridSampleOptions,
  InterpolateMode,
  InterpolateOptions,
  UnfoldOptions,
} from "./functional/vision.ts";
export type {
  ForwardHook,
  ForwardPreHook,
  HookHandle,
  LoadStateDictPostHook,
  LoadStateDictPreHook,
  StateDictHook,
} from "./hooks.ts";
export * as init from "./init.ts";
export {
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
  LazyInstanceNorm1d,
  LazyInstanceNorm2d,
  LazyInstanceNorm3d,
  LazyLinear,
} from "./lazy.ts";
export { Bilinear, Linear } from "./linear.ts";
export type { LinearOptions } from "./linear.ts";
export type { IncompatibleKeys, LoadStateDictOptions } from "./load-state.ts";
export {
  BCELoss,
  BCEWithLogitsLoss,
  CTCLoss,
  CosineEmbeddingLoss,
  CrossEntropyLoss,
  LinearCrossEntropyLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  MSELoss,
  MarginRankingLoss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  NLLLoss,
  PoissonNLLLoss,
  SmoothL1Loss,
  SoftMarginLoss,
  TripletMarginLoss,
  TripletMarginWithDistanceLoss,
} from "./losses.ts";
export { Module } from "./module.ts";
export type { StateDict, WalkOptions } from "./module.ts";
export type { ModuleTarget } from "./move.ts";
export { GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm } from "./normalization.ts";
export type { LayerNormOptions } from "./normalization.ts";
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from "./padding.ts";
export type { Padding } from "./padding.ts";
export { Parameter } from "./parameter.ts";
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  FractionalMaxPool2d,
  FractionalMaxPool3d,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
} from "./pooling.ts";
export type { AvgPoolDivisorOptions, AvgPoolOptions, UnpoolOptions } from "./pooling.ts";
export { GRU, LSTM, RNN, RNNBase } from "./recurrent.ts";
export type { LSTMOptions, RNNOptions, RecurrentOptions } from "./recurrent.ts";
export { GRUCell, LSTMCell, RNNCell, RNNCellBase } from "./recurrent-cells.ts";
export type { RNNCellOptions, RecurrentCellOptions } from "./recurrent-cells.ts";
export {
  ChannelShuffle,
  CosineSimilarity,
  Flatten,
  Fold,
  Identity,
  PairwiseDistance,
  PixelShuffle,
  PixelUnshuffle,
  Unflatten,
  Unfold,
  Upsample,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
} from "./shaping.ts";
export type { PairwiseDistanceOptions, UpsampleOptions } from "./shaping.ts";
export { Transformer, TransformerDecoder, TransformerEncoder } from "./transformer.ts";
export type {
  DecoderInputs,
  DecoderLayer,
  EncoderInputs,
  EncoderLayer,
  TransformerInputs,
  TransformerOptions,
} from "./transformer.ts";
export { TransformerDecoderLayer, TransformerEncoderLayer } from "./transformer-layers.ts";
export type {
  DecoderLayerInputs,
  EncoderLayerInputs,
  TransformerLayerOptions,
} from "./transformer-layers.ts";
export * as utils from "./utils/index.ts";
export { UninitializedBuffer, UninitializedParameter, isLazy } from "./uninitialized.ts";
export type { MaterializeOptions } from "./uninitialized.ts";
