// `sconce predict`: labels texts with a trained model.
import { statSync } from "node:fs";
import { once } from "node:events";
import { extname } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { UsageError, writeFileAtomic, terminalProgress } from "../base/index.ts";
import { countOf, noWords, parseWords } from "./command.ts";
import type { TextColumns } from "../tasks/index.ts";
import type { Command } from "./command.ts";
import { formatCsv } from "./csv.ts";

export const command: Command = {
  help: `Usage: sconce predict --model MODEL (--input FILE | --text TEXT)
                      [--output FILE]

Labels texts. Writes a row for each: the text, its label, the label's score (its
probability), and the scores of all labels.

  -m, --model MODEL     a folder: outputs/OptimumModels/USE_CASE/EXPERIMENT, the
                        folder of a run, or any folder of a fine-tuned model;
                        or a tracked model: runs:/RUN_ID/model, models:/m-ID,
                        models:/NAME/VERSION (or a stage, or latest), or
                        models:/NAME@ALIAS
  -i, --input FILE      CSV, TSV, JSONL, JSON, Parquet or Arrow; "-" reads
                        standard input, one text a line
  --text TEXT           one text instead of a file; may be given several times
  --text-column NAME    column of the texts (default: as in training)
  --pair-column NAME    column of the second texts of pairs (likewise)
  -o, --output FILE     where to write: .jsonl or .csv (default: as JSONL to
                        standard output)
  --logits              writes the model's raw outputs instead of probabilities
  --batch-size N        rows at a time (default: 64)

Examples:
  sconce predict -m outputs/OptimumModels/spam/minilm --text "You won a prize!"
  sconce predict -m outputs/OptimumModels/spam/minilm -i mails.csv -o labels.csv
  cat mails.txt | sconce predict -m outputs/OptimumModels/spam/minilm -i -`,

  async run(words) {
    const { flags, positionals } = parseWords("predict", words, {
      model: { type: "string", short: "m" },
      input: { type: "string", short: "i" },
      text: { type: "string", multiple: true },
      "text-column": { type: "string" },
      "pair-column": { type: "string" },
      output: { type: "string", short: "o" },
      logits: { type: "boolean", default: false },
      "batch-size": { type: "string", default: "64" },
    });
    noWords("predict", positionals);
    const { model, output } = flags;
    if (model === undefined) throw problem("--model is missing.");
    if ((flags.input === undefined) === (flags.text === undefined))
      throw problem("give either --input FILE or --text TEXT.");
    const batchSize = countOf("--batch-size", flags["batch-size"]);
    const format = formatOf(output);
    const input = await readInput(flags);

    const { TextClassifier } = await import("../tasks/index.ts");
    const classifier = await TextClassifier.fromPretrained(model);
    const { texts, pairs } = input(classifier.columns);
    const { names } = classifier.labels;
    const progress = terminalProgress();
    const isShown = texts.length > batchSize;
    if (isShown) progress.start("predicting", texts.length);
    const onProgress = (done: number) => isShown && progress.update(done);
    const rows: Row[] = flags.logits
      ? logitRows(
          await classifier.logits(classifier.loader({ texts, pairs }, batchSize), { onProgress }),
          names,
        )
      : await classifier.predict(texts, { pairs, batchSize, onProgress });
    if (isShown) progress.end();
    const labelled = rows.map((row, i) => ({
      text: texts[i]!,
      ...(pairs && { pair: pairs[i]! }),
      ...row,
    }));
    await write(format === "csv" ? asCsv(labelled, names) : asJsonLines(labelled), output);
    return 0;
  },
};

/** What the model says of one row. */
type Row =
  { label: string; score: number; scores: Record<string, number> } | { logits: Record<string, number> };

interface Input {
  texts: readonly string[];
  pairs?: readonly string[] | undefined;
}

/** Reads the input before any work; what it returns picks the columns, which the model may have to name. */
async function readInput(flags: {
  input?: string;
  text?: string[];
  "text-column"?: string;
  "pair-column"?: string;
}): Promise<(trainedOn: TextColumns) => Input> {
  const { input, text, "text-column": textColumn, "pair-column": pairColumn } = flags;
  if (input === undefined || input === "-") {
    if (pairColumn !== undefined) throw problem("--pair-column needs a file with columns as --input.");
    if (input === undefined) return () => ({ texts: text! });
    const lines = (await readAll(process.stdin)).split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    if (lines.length === 0) throw problem("standard input is empty: one text a line is read from it.");
    return () => ({ texts: lines });
  }
  const { readTable } = await import("../data/index.ts");
  const table = await readTable(input);
  return (trainedOn) => {
    const pair = pairColumn ?? trainedOn.pair;
    return {
      texts: table.column(textColumn ?? trainedOn.text),
      ...(pair !== undefined && { pairs: table.column(pair) }),
    };
  };
}

/** Says in which format to write; an output that cannot be is said before any work. */
function formatOf(output: string | undefined): "csv" | "jsonl" {
  if (output === undefined) return "jsonl";
  if (statSync(output, { throwIfNoEntry: false })?.isDirectory())
    throw problem(`--output must be a file, got the folder ${output}.`);
  const extension = extname(output).toLowerCase();
  if (extension === ".csv") return "csv";
  if (extension === ".jsonl" || extension === ".ndjson") return "jsonl";
  throw problem(`--output must end in .jsonl or .csv, got "${output}".`);
}

function problem(what: string): UsageError {
  return new UsageError(`sconce predict: ${what} See: sconce predict --help`);
}

function logitRows(logits: Float64Array, names: readonly string[]): Row[] {
  return Array.from({ length: logits.length / names.length }, (_, row) => ({
    logits: Object.fromEntries(names.map((name, id) => [name, logits[row * names.length + id]!])),
  }));
}

function asJsonLines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

type LabelledRow = { text: string; pair?: string } & Row;

function asCsv(rows: readonly LabelledRow[], names: readonly string[]): string {
  const [first] = rows;
  const textColumns = first?.pair === undefined ? ["text"] : ["text", "pair"];
  const isLogits = first !== undefined && "logits" in first;
  const header = isLogits
    ? [...textColumns, ...names.map((name) => `logit_${name}`)]
    : [...textColumns, "label", "score", ...names.map((name) => `score_${name}`)];
  const cells = rows.map((row) => {
    const texts = row.pair === undefined ? [row.text] : [row.text, row.pair];
    if ("logits" in row) return [...texts, ...names.map((name) => String(row.logits[name]))];
    return [...texts, row.label, String(row.score), ...names.map((name) => String(row.scores[name]))];
  });
  return formatCsv([header, ...cells]);
}

async function write(text: string, path: string | undefined): Promise<void> {
  if (path !== undefined) return writeFileAtomic(path, text);
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
