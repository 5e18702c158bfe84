export * as bert from "./bert/index.ts";
export {
  BertForMaskedLM,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
  bertConfig,
} from "./bert/index.ts";
export type { BertConfig, BertInput } from "./bert/index.ts";
export type { LoadReport } from "./common/pretrained.ts";
export { readModelConfig } from "./common/pretrained.ts";
export { loadModule, saveModule } from "./layers/index.ts";
