// `sconce reproduce`: trains a recorded run again in a process of its own. What it does there: ./reproduce-worker.ts.
import { findProjectRoot } from "../config/index.ts";
import { amountOf, onlyWord, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { findRun } from "./run-record.ts";
import { supervise } from "./supervise.ts";

export const command: Command = {
  help: `Usage: sconce reproduce RUN [--tolerance X] [--json]

Trains a finished run again, as a new run: with the config that it recorded, on
the same data (refused if the data has changed), and compares metrics and
weights. On the same machine with the same versions and threads they are equal
bit for bit; other versions are warned of.

  RUN              the folder of a run, or its id
  --tolerance X    largest difference of a metric that counts as equal
                   (default: 1e-6)
  --json           prints the comparison as JSON

Exit code 0 if all metrics are equal within the tolerance, 1 if not.

Examples:
  sconce reproduce outputs/TrainedModels/spam/minilm/2026-03-01_10-00-00
  sconce reproduce 0c5d2f7e8b914f0a9d6e3c1b2a4f5e6d --tolerance 0.001`,

  async run(words) {
    const { flags, positionals } = parseWords("reproduce", words, reproduceFlags);
    const run = findRun(onlyWord("reproduce", "run", positionals), findProjectRoot(process.cwd()));
    amountOf("--tolerance", flags.tolerance);
    return supervise({
      command: "reproduce",
      worker: "reproduce-worker",
      words: [run, "--tolerance", flags.tolerance, ...(flags.json ? ["--json"] : [])],
      tracking: async () => {
        const { loadRecordedUseCase } = await import("./recorded-use-case.ts");
        return { uri: (await loadRecordedUseCase(run)).resolved.trackingUri, notifications: [] };
      },
    });
  },
};

/** Flags of `sconce reproduce`. */
export const reproduceFlags = {
  tolerance: { type: "string", default: "1e-6" },
  json: { type: "boolean", default: false },
} as const;
