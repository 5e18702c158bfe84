export { vitConfig, vitConfigFromJson, vitConfigToJson } from "./config.ts";
export type { ImageSize, ViTConfig } from "./config.ts";
export { ViTForImageClassification, ViTModel } from "./model.ts";
export { fromPretrained, savePretrained } from "./weights.ts";
