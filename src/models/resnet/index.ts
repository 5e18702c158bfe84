export { resnetConfig, resnetConfigFromJson, resnetConfigToJson, resnetPresets } from "./config.ts";
export type { ResNetConfig } from "./config.ts";
export { ResNetForImageClassification, ResNetModel } from "./model.ts";
export { fromPretrained, savePretrained } from "./weights.ts";
