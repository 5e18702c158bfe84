export * as bert from "./bert/index.ts";
export {
  BertForMaskedLM,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
  bertConfig,
} from "./bert/index.ts";
export type { BertConfig, BertInput } from "./bert/index.ts";
export { setGradientCheckpointing } from "./common/gradient-checkpointing.ts";
export type { LoadReport } from "./common/pretrained.ts";
export { readModelConfig } from "./common/pretrained.ts";
export { loadModule, saveModule } from "./layers/index.ts";
export * as resnet from "./resnet/index.ts";
export { ResNetForImageClassification, ResNetModel, resnetConfig, resnetPresets } from "./resnet/index.ts";
export type { ResNetConfig } from "./resnet/index.ts";
export * as vit from "./vit/index.ts";
export { ViTForImageClassification, ViTModel, vitConfig } from "./vit/index.ts";
export type { ViTConfig } from "./vit/index.ts";
