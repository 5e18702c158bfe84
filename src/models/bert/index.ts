export { bertConfig, bertConfigFromJson, bertConfigToJson } from "./config.ts";
export type { BertActivation, BertConfig } from "./config.ts";
export {
  BertForMaskedLM,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
} from "./model.ts";
export type { BertInput } from "./model.ts";
export { fromPretrained, savePretrained } from "./weights.ts";
export type { BertHead } from "./weights.ts";
