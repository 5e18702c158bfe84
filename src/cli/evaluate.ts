// `sconce evaluate`: judges a trained model on a labelled file.
import { UsageError } from "../base/index.ts";
import { countOf, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { terminalProgress } from "./progress.ts";

export const command: Command = {
  summary: "judges a trained model on a labelled file, with intervals and a report by class",
  help: `Usage: sconce evaluate --model FOLDER --data FILE [--json]

Prints every metric with its 95 % bootstrap interval, the confusion matrix and a report by class.

  --model FOLDER         a trained model
  --data FILE            CSV, TSV or JSONL with labels
  --text-column NAME     (default: text)
  --pair-column NAME     column of the second texts of pairs
  --label-column NAME    (default: label)
  --batch-size N         rows at a time (default: 64)
  --json                 prints everything as JSON`,

  async run(words) {
    const { flags } = parseWords("evaluate", words, {
      model: { type: "string", short: "m" },
      data: { type: "string", short: "d" },
      "text-column": { type: "string", default: "text" },
      "pair-column": { type: "string" },
      "label-column": { type: "string", default: "label" },
      "batch-size": { type: "string", default: "64" },
      json: { type: "boolean", default: false },
    });
    const { model, data } = flags;
    if (model === undefined || data === undefined)
      throw new UsageError("sconce evaluate: --model and --data are needed. See: sconce evaluate --help");
    const batchSize = countOf("--batch-size", flags["batch-size"]);
    const { TextClassifier, evaluateFile, formatEvaluation } = await import("../tasks/index.ts");
    const progress = terminalProgress();
    progress.start("evaluating");
    const evaluation = await evaluateFile(TextClassifier.fromPretrained(model), {
      path: data,
      textColumn: flags["text-column"],
      pairColumn: flags["pair-column"],
      labelColumn: flags["label-column"],
      batchSize,
    });
    progress.end();
    if (flags.json) {
      const { predictions: _, ...shown } = evaluation;
      process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    } else process.stdout.write(`${formatEvaluation(evaluation)}\n`);
    return 0;
  },
};
