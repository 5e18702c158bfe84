// `sconce init`: makes a use case of a data file. How: ./make-use-case.ts.
import { onlyWord, parseWords } from "./command.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: `Usage: sconce init FILE [--name NAME] [--text-column C] [--label-column C]
                   [--no-split]

Makes a use case of a CSV, TSV, JSONL, JSON, Parquet or Arrow file whose rows
hold a text and its label: guesses columns and labels, prints what it guessed,
and writes

  use_cases/NAME/Datasets/train.csv, test.csv       80 % and 20 % of the rows,
                                                    each label in proportion
  use_cases/NAME/Configurations/config.json         the config, ready to train
  use_cases/NAME/README.md

into the project that the current folder belongs to. Nothing is overwritten.

  --name NAME         name of the use case (default: the file's)
  --text-column C     column of the texts (default: guessed)
  --label-column C    column of the labels (default: guessed)
  --no-split          copies the file as it is, all of it to train on

Examples:
  sconce init reviews.csv
  sconce init export.jsonl --name reviews --label-column stars`,

  async run(words) {
    const { flags, positionals } = parseWords("init", words, {
      name: { type: "string" },
      "text-column": { type: "string" },
      "label-column": { type: "string" },
      "no-split": { type: "boolean", default: false },
    });
    const dataPath = onlyWord("init", "data file", positionals);
    const { makeUseCase } = await import("./make-use-case.ts");
    const told = await makeUseCase(dataPath, {
      folder: process.cwd(),
      name: flags.name,
      textColumn: flags["text-column"],
      labelColumn: flags["label-column"],
      hasTestFile: !flags["no-split"],
    });
    process.stdout.write(`${told}\n`);
    return 0;
  },
};
