// `sconce evaluate`: judges a trained model on a labelled file.
import { UsageError, terminalProgress } from "../base/index.ts";
import { countOf, noWords, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { writeResult } from "./table.ts";

export const command: Command = {
  help: `Usage: sconce evaluate --model MODEL --data FILE [--json]

Judges a model on labelled rows: every metric with its 95 % bootstrap interval,
the confusion matrix, and precision, recall and F1 by class.

  -m, --model MODEL     a folder: outputs/OptimumModels/USE_CASE/EXPERIMENT, the
                        folder of a run, or any folder of a fine-tuned model;
                        or a tracked model: runs:/RUN_ID/model, models:/m-ID,
                        models:/NAME/VERSION (or a stage, or latest), or
                        models:/NAME@ALIAS
  -d, --data FILE       CSV, TSV, JSONL, JSON, Parquet or Arrow with labels
  --text-column NAME    column of the texts (default: as in training)
  --pair-column NAME    column of the second texts of pairs (likewise)
  --label-column NAME   column of the labels (default: as in training)
  --batch-size N        rows at a time (default: 64)
  --json                prints everything as JSON

Example:
  sconce evaluate -m outputs/OptimumModels/spam/minilm -d new-mails.csv`,

  async run(words) {
    const { flags, positionals } = parseWords("evaluate", words, {
      model: { type: "string", short: "m" },
      data: { type: "string", short: "d" },
      "text-column": { type: "string" },
      "pair-column": { type: "string" },
      "label-column": { type: "string" },
      "batch-size": { type: "string", default: "64" },
      json: { type: "boolean", default: false },
    });
    noWords("evaluate", positionals);
    const { model, data } = flags;
    if (model === undefined || data === undefined)
      throw new UsageError("sconce evaluate: --model and --data are needed. See: sconce evaluate --help");
    const batchSize = countOf("--batch-size", flags["batch-size"]);
    const { TextClassifier, evaluateFile, formatEvaluation } = await import("../tasks/index.ts");
    const classifier = await TextClassifier.fromPretrained(model);
    const progress = terminalProgress();
    let isStarted = false;
    const evaluation = await evaluateFile(classifier, {
      path: data,
      textColumn: flags["text-column"],
      pairColumn: flags["pair-column"],
      labelColumn: flags["label-column"],
      batchSize,
      onProgress(done, total) {
        if (!isStarted) progress.start("evaluating", total);
        isStarted = true;
        progress.update(done);
      },
    });
    progress.end();
    const { predictions: _, ...shown } = evaluation;
    writeResult(flags.json, shown, [formatEvaluation(evaluation)]);
    return 0;
  },
};
