// Loads and saves the models of one family (BERT, ResNet, ...) in Hugging Face's layout, so that Python's from_pretrained
// reads what is written here.
import { nn } from "../../torch/index.ts";
import { loadWeights, readModelConfig, saveModel } from "./pretrained.ts";
import type { LoadReport } from "./pretrained.ts";

/** A network that knows its config. */
export type Configured<Config> = nn.Module & { readonly config: Config };

/** Is the class of a family's models; `architecture` is the name of transformers' class. */
export interface Architecture<Config, M extends Configured<Config>> {
  readonly architecture: string;
  new (config: Config): M;
}

/** What the models of a family share. */
export interface ModelFamily<Config extends { labels: readonly string[] }> {
  /** Name under which heads hold the bare model. */
  basePrefix: string;
  configFromJson(json: Readonly<Record<string, unknown>>, source: string): Config;
  configToJson(config: Config, architecture: string): Record<string, unknown>;
  /** Draws first values for the weights below `root`. */
  initWeights(root: nn.Module, config: Config): void;
  /** Gives a weight of a file its name in the model; undefined drops it. @default as it is */
  nameInModel?(name: string): string | undefined;
  /** Gives a weight of the model its name in files. @default as it is */
  nameInFile?(name: string): string;
}

/** Builds a model from a folder; see the `fromPretrained` of each family. */
export function loadPretrained<Config extends { labels: readonly string[] }, M extends Configured<Config>>(
  family: ModelFamily<Config>,
  Model: Architecture<Config, M>,
  folder: string,
  overrides: Partial<Config>,
): { model: M; report: LoadReport } {
  const config = {
    ...family.configFromJson(readModelConfig(folder), `${folder}/config.json`),
    ...overrides,
  };
  const model = nn.init.skipInit(() => new Model(config));
  const report = loadWeights(model, folder, {
    basePrefix: family.basePrefix,
    ...(family.nameInModel && { rename: family.nameInModel }),
    // a head for other labels than the file's is a new head
    mayDiffer: (name) => name.startsWith("classifier.") && overrides.labels !== undefined,
    initialize: (module) => family.initWeights(module, config),
  });
  return { model, report };
}

/** Writes config.json, with `extra` keys, and model.safetensors into `folder`. */
export function writePretrained<Config extends { labels: readonly string[] }>(
  family: ModelFamily<Config>,
  model: Configured<Config>,
  folder: string,
  extra: Readonly<Record<string, unknown>>,
): void {
  const { architecture } = model.constructor as unknown as Architecture<Config, never>;
  const config = { ...family.configToJson(model.config, architecture), ...extra };
  saveModel(model, folder, config, family.nameInFile);
}
