export { GELU, ReLU, Sigmoid, Tanh } from "./activations.ts";
export { MultiheadAttention } from "./attention.ts";
export type { MultiheadAttentionInputs, MultiheadAttentionOptions } from "./attention.ts";
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from "./containers.ts";
export type { TensorModule } from "./containers.ts";
export { deepCopy } from "./deep-copy.ts";
export { Dropout } from "./dropout.ts";
export { EmbeddingBag } from "./embedding-bag.ts";
export type { EmbeddingBagOptions } from "./embedding-bag.ts";
export { Embedding } from "./embedding.ts";
export type { EmbeddingOptions, PretrainedOptions } from "./embedding.ts";
export type { AttentionOptions } from "./functional/attention.ts";
export type { EmbeddingBagInputs, EmbeddingBagMode } from "./functional/embedding-bag.ts";
export * as functional from "./functional/index.ts";
export type { CrossEntropyOptions } from "./functional/losses.ts";
export type { Reduction } from "./functional/reduction.ts";
export type {
  ForwardHook,
  ForwardPreHook,
  HookHandle,
  LoadStateDictPostHook,
  LoadStateDictPreHook,
  StateDictHook,
} from "./hooks.ts";
export * as init from "./init.ts";
export { Linear } from "./linear.ts";
export type { IncompatibleKeys, LoadStateDictOptions } from "./load-state.ts";
export { CrossEntropyLoss } from "./losses.ts";
export { Module } from "./module.ts";
export type { StateDict, WalkOptions } from "./module.ts";
export type { ModuleTarget } from "./move.ts";
export { LayerNorm } from "./normalization.ts";
export type { LayerNormOptions } from "./normalization.ts";
export { Parameter } from "./parameter.ts";
export { GRUCell, LSTMCell, RNNCell } from "./recurrent-cells.ts";
export type { RNNCellOptions, RecurrentCellOptions } from "./recurrent-cells.ts";
export { GRU, LSTM, RNN } from "./recurrent.ts";
export type { LSTMOptions, RNNOptions, RecurrentOptions } from "./recurrent.ts";
export { TransformerDecoderLayer, TransformerEncoderLayer } from "./transformer-layers.ts";
export type {
  DecoderLayerInputs,
  EncoderLayerInputs,
  TransformerLayerOptions,
} from "./transformer-layers.ts";
export { Transformer, TransformerDecoder, TransformerEncoder } from "./transformer.ts";
export type {
  DecoderInputs,
  DecoderLayer,
  EncoderInputs,
  EncoderLayer,
  TransformerInputs,
  TransformerOptions,
} from "./transformer.ts";
export * as utils from "./utils/index.ts";
