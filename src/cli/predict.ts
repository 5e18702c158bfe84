// `sconce predict`: labels texts with a trained model.
import { once } from "node:events";
import { UsageError, writeFileAtomic } from "../base/index.ts";
import { countOf, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { terminalProgress } from "./progress.ts";

export const command: Command = {
  summary: "labels texts of a file, or one text, with a trained model",
  help: `Usage: sconce predict --model FOLDER (--input FILE | --text TEXT) [--output FILE]

Writes one JSON object a row: the label, its score, and the scores of all labels.

  --model FOLDER         a model: outputs/OptimumModels/..., outputs/TrainedModels/..., or any fine-tuned folder
  --input FILE           CSV, TSV or JSONL
  --text TEXT            one text instead of a file; may be given several times
  --text-column NAME     column of the texts (default: text)
  --pair-column NAME     column of the second texts of pairs
  --output FILE          where to write (default: standard output)
  --logits               writes the model's raw outputs instead of probabilities
  --batch-size N         rows at a time (default: 64)

Example:
  sconce predict --model outputs/OptimumModels/spam/minilm --text "You won a prize!"`,

  async run(words) {
    const { flags } = parseWords("predict", words, {
      model: { type: "string", short: "m" },
      input: { type: "string", short: "i" },
      text: { type: "string", multiple: true },
      "text-column": { type: "string", default: "text" },
      "pair-column": { type: "string" },
      output: { type: "string", short: "o" },
      logits: { type: "boolean", default: false },
      "batch-size": { type: "string", default: "64" },
    });
    if (flags.model === undefined)
      throw new UsageError("sconce predict: --model is missing. See: sconce predict --help");
    if ((flags.input === undefined) === (flags.text === undefined)) {
      throw new UsageError(
        "sconce predict: give either --input FILE or --text TEXT. See: sconce predict --help",
      );
    }
    const batchSize = countOf("--batch-size", flags["batch-size"]);
    const [{ TextClassifier }, { readTable }] = await Promise.all([
      import("../tasks/index.ts"),
      import("../data/index.ts"),
    ]);
    const table = flags.input === undefined ? undefined : readTable(flags.input);
    const texts = table?.column(flags["text-column"]) ?? flags.text!;
    const pairs = flags["pair-column"] === undefined ? undefined : table?.column(flags["pair-column"]);
    const classifier = TextClassifier.fromPretrained(flags.model);
    const progress = terminalProgress();
    const shown = texts.length > batchSize;
    if (shown) progress.start("predicting", texts.length);
    const onProgress = (done: number) => shown && progress.update(done);
    const rows = flags.logits
      ? logitRows(
          await classifier.logits(classifier.loader({ texts, pairs }, batchSize), { onProgress }),
          classifier.labels.names,
        )
      : await classifier.predict(texts, { pairs, batchSize, onProgress });
    if (shown) progress.end();
    const lines = rows.map((row, i) =>
      JSON.stringify(flags.text === undefined ? row : { text: texts[i], ...row }),
    );
    await write(`${lines.join("\n")}\n`, flags.output);
    return 0;
  },
};

function logitRows(logits: Float64Array, names: readonly string[]): { logits: Record<string, number> }[] {
  return Array.from({ length: logits.length / names.length }, (_, row) => ({
    logits: Object.fromEntries(names.map((name, id) => [name, logits[row * names.length + id]!])),
  }));
}

async function write(text: string, path: string | undefined): Promise<void> {
  if (path !== undefined) return writeFileAtomic(path, text);
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
