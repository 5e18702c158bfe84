// `sconce store`: copies a whole tracking store into another, or into a file as a backup.
import { statSync } from "node:fs";
import { UsageError, terminalProgress } from "../base/index.ts";
import { backupStore, copyStore } from "../tracking/index.ts";
import type { CopyPhase, CopyReport, CopyStoreOptions, Store } from "../tracking/index.ts";
import { openStore } from "./open-store.ts";
import { parseWords, runAction } from "./command.ts";
import type { Command } from "./command.ts";
import { formatBytes } from "./units.ts";

export const command: Command = {
  help: `Usage: sconce store copy FROM TO [--new-experiment-ids]
       sconce store backup FROM FILE

copy    copies a whole tracking store into another: experiments, runs with every
        point, params, tags, inputs and outputs, logged models, registered
        models with their versions, stages, aliases and history, webhooks with
        their encrypted secrets (a folder keeps none), and what is in the
        trash. Ids, version numbers and times stay what they are.
backup  writes a store to a new SQLite file, which opens as a store itself. Of a
        SQLite store the file holds all as it is at one moment, while others
        write to it. Back from it leads copy, or putting the file in place while
        nothing runs.

  FROM   sqlite:///FILE, postgresql://..., mongodb://..., a folder (mlruns), all
         of them Sconce's or MLflow's own, or a server at http://HOST:PORT
  TO     a database or folder, which is empty or holds a part of the same

A copy that was cut short goes on when it is started again. At the end both
stores are compared. Write to neither of them meanwhile.

Artifacts stay where they are, at the places that the runs name. Of MLflow's own
data, traces and what belongs to them are not copied. A server does not tell
everything: logged models in the trash, all but the latest point of a metric of
a logged model, the time at which runs were deleted, webhooks, and (MLflow's)
the history of the registry are not copied from one.

  --new-experiment-ids   with copy: experiments of an mlruns folder, whose ids
                         are too large for PostgreSQL, get small ones; SQLite
                         and MongoDB keep the large ones

Examples:
  sconce store copy ./mlruns sqlite:///mlflow.db
  sconce store backup sqlite:///mlflow.db monday.db
  sconce store copy sqlite:///monday.db postgresql://ann@db/tracking`,

  async run(words) {
    return runAction("store", { copy, backup }, words);
  },
};

async function copy(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("store copy", words, {
    "new-experiment-ids": { type: "boolean", default: false },
  });
  const [fromUri, toUri] = twoWords("store copy", "FROM and TO", positionals);
  const newExperimentIds = flags["new-experiment-ids"];
  const from = await openStore(fromUri, { mustExist: true });
  try {
    const to = await openStore(toUri, { artifactRoot: await artifactRootOf(from) });
    try {
      const report = await withProgress((options) => copyStore(from, to, { ...options, newExperimentIds }));
      process.stdout.write(`${formatReport(from, to, report)}\n`);
      return 0;
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

async function backup(words: readonly string[]): Promise<number> {
  const { positionals } = parseWords("store backup", words, {});
  const [uri, file] = twoWords("store backup", "FROM and FILE", positionals);
  const store = await openStore(uri, { mustExist: true });
  try {
    await withProgress((options) => backupStore(store, file, options));
    process.stdout.write(`${file} holds ${store.uri}, ${formatBytes(statSync(file).size)}.\n`);
    return 0;
  } finally {
    await store.close();
  }
}

/** Draws the phases of a copy while it is made. */
async function withProgress<T>(work: (options: CopyStoreOptions) => Promise<T>): Promise<T> {
  const progress = terminalProgress();
  let current: CopyPhase | undefined;
  const onProgress = (phase: CopyPhase, done: number) => {
    if (phase !== current) {
      if (current !== undefined) progress.end();
      progress.start(phase);
    }
    current = phase;
    progress.update(done);
  };
  try {
    return await work({ onProgress });
  } finally {
    if (current !== undefined) progress.end();
  }
}

function twoWords(command: string, what: string, positionals: readonly string[]): [string, string] {
  const [first, second, extra] = positionals;
  if (first !== undefined && second !== undefined && extra === undefined) return [first, second];
  throw new UsageError(
    `sconce ${command}: takes two words, ${what}, got ${positionals.length}. See: sconce store --help`,
  );
}

/** Returns where new experiments keep their artifacts: a new store shall go on as the old one did. */
async function artifactRootOf(store: Store): Promise<string> {
  const [first] = await store.searchExperiments({ viewType: "ALL", filter: "name = 'Default'" });
  const location = first?.artifactLocation ?? "";
  return location.endsWith("/0") ? location.slice(0, -2) : "mlartifacts";
}

function formatReport(
  from: Store,
  to: Store,
  { counts, written, checksum, webhooksLeftOut }: CopyReport,
): string {
  const entities =
    counts.experiments + counts.runs + counts.loggedModels + counts.registeredModels + counts.webhooks;
  const there = entities - written;
  return [
    `${from.uri} is copied to ${to.uri}, and both hold the same:`,
    `  experiments ${counts.experiments}, runs ${counts.runs}, points ${counts.points}, logged models ${counts.loggedModels},`,
    `  registered models ${counts.registeredModels}, versions ${counts.modelVersions}, entries of history ${counts.historyEntries}, webhooks ${counts.webhooks}`,
    ...(there > 0 ? [`  (${there} of them were there before)`] : []),
    `  SHA-256 ${checksum}`,
    ...(webhooksLeftOut > 0
      ? [
          `Left out: ${webhooksLeftOut} webhook${webhooksLeftOut === 1 ? "" : "s"}, of which a folder keeps none.`,
        ]
      : []),
  ].join("\n");
}
