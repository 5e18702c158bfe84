// The data of a text classifier, as its config names it.
import { join } from "node:path";
import type { ProgressListener } from "../../base/index.ts";
import { logger } from "../../base/index.ts";
import type { ResolvedUseCase, UseCaseConfig } from "../../config/index.ts";
import { LabelMap, loadTextData } from "../../data/index.ts";
import type { TextData, TextPart } from "../../data/index.ts";

/** Reads and splits the files that a config names, and logs what a person should know of them. */
export async function loadDataset(
  { dataset, seed }: UseCaseConfig,
  { train, validation, test }: ResolvedUseCase,
  progress: ProgressListener,
): Promise<TextData> {
  progress.start("reading data");
  const data = await loadTextData({
    train,
    ...(validation !== undefined && { validation }),
    ...(test !== undefined && { test }),
    textColumn: dataset.text_column,
    ...(dataset.text_pair_column !== undefined && { pairColumn: dataset.text_pair_column }),
    labelColumn: dataset.label_column,
    ...(dataset.delimiter !== undefined && { delimiter: dataset.delimiter }),
    ...(dataset.labels !== undefined && { labelMap: new LabelMap(dataset.labels) }),
    validationRatio: validation === undefined ? dataset.validation_ratio : 0,
    seed,
  });
  for (const warning of data.warnings) logger.warn(warning);
  progress.end();
  return data;
}

/** Returns the folder where the trainings of a project keep tokens for each other. */
export function tokenFolder({ location }: ResolvedUseCase): string {
  return join(location.projectRoot, "outputs", "cache", "tokens");
}

/** Returns the first rows of a part. */
export function firstRows(part: TextPart, count: number): TextPart {
  const { texts, pairs, labels } = part;
  return {
    ...part,
    texts: texts.slice(0, count),
    ...(pairs && { pairs: pairs.slice(0, count) }),
    labels: labels.slice(0, count),
  };
}
