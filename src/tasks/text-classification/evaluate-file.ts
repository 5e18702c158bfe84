// Judges a classifier on a labelled file.
import { readTable } from "../../data/index.ts";
import type { ClassificationEvaluation } from "../../metrics/index.ts";
import type { TextClassifier } from "./classifier.ts";
import { judgeRows } from "./judge.ts";

/** Says what is judged, and which of its columns. */
export interface EvaluateFileOptions {
  path: string;
  /** @default the one that the classifier was trained on; so for the other columns */
  textColumn?: string | undefined;
  pairColumn?: string | undefined;
  labelColumn?: string | undefined;
  /** @default guessed */
  delimiter?: string | undefined;
  batchSize: number;
  /** Seed of the bootstrap. @default 0 */
  seed?: number;
  /** Called after each batch with the rows done so far, and all of them. */
  onProgress?: (done: number, total: number) => void;
}

/** Scores every row of a file and compares with its labels; a label that the model does not know throws. */
export async function evaluateFile(
  classifier: TextClassifier,
  options: EvaluateFileOptions,
): Promise<ClassificationEvaluation> {
  const table = await readTable(
    options.path,
    options.delimiter === undefined ? {} : { delimiter: options.delimiter },
  );
  const {
    textColumn = classifier.columns.text,
    pairColumn = classifier.columns.pair,
    labelColumn = classifier.columns.label,
  } = options;
  const texts = table.column(textColumn);
  const pairs = pairColumn === undefined ? undefined : table.column(pairColumn);
  const labels = classifier.labels.encode(table.column(labelColumn), (row) => table.place(row));
  const { onProgress, batchSize, seed = 0 } = options;
  const { evaluation } = await judgeRows(
    classifier,
    { texts, ...(pairs && { pairs }), labels },
    {
      batchSize,
      bootstrap: { seed },
      ...(onProgress && { onProgress: (done) => onProgress(done, texts.length) }),
    },
  );
  return evaluation;
}
