export type { Comparator, Comparison, Kind, Order } from "./ast.ts";
export { compareBy, like, matches } from "./evaluate.ts";
export type { Searchable } from "./evaluate.ts";
export {
  find,
  fitsPoints,
  searchableExperiment,
  searchableLoggedModel,
  searchableModelVersion,
  searchableRegisteredModel,
} from "./find.ts";
export { stagesOfView } from "./lifecycle.ts";
export { readPage, toPagedList } from "./page.ts";
export type { Page } from "./page.ts";
export { parseFilter, parseOrderBy, readModelOrders } from "./parse.ts";
export { isPrompt, promptTag, splitPromptSearch } from "./prompts.ts";
export type { PromptSearch } from "./prompts.ts";
export { quoted } from "./quoted.ts";
export {
  experimentSchema,
  loggedModelSchema,
  modelVersionSchema,
  registeredModelSchema,
  runSchema,
} from "./schemas.ts";
export type { SearchSchema } from "./schemas.ts";
