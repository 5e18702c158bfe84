// `sconce store`: copies a whole tracking store into another.
import { UsageError, suggestion } from "../base/index.ts";
import { copyStore, openStore } from "../tracking/index.ts";
import type { CopyPhase, CopyReport, Store } from "../tracking/index.ts";
import { parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { terminalProgress } from "./progress.ts";

export const command: Command = {
  help: `Usage: sconce store copy FROM TO

Copies a whole tracking store into another: experiments, runs with every point,
params, tags, inputs and outputs, logged models, registered models with their
versions, stages, aliases and history, and what is in the trash. Ids, version
numbers and times stay what they are.

  FROM   sqlite:///FILE, postgresql://..., mongodb://..., a folder (mlruns), all
         of them Sconce's or MLflow's own, or a server at http://HOST:PORT
  TO     a database or folder, which is empty or holds a part of the same

A copy that was cut short goes on when it is started again. At the end both
stores are compared. Write to neither of them meanwhile.

Artifacts stay where they are, at the places that the runs name. Of MLflow's own
data, traces and what belongs to them are not copied. A server does not tell
everything: logged models in the trash, all but the latest point of a metric of
a logged model, the time at which runs were deleted, and (MLflow's) the history
of the registry are not copied from one.

A database of PostgreSQL cannot hold the large experiment ids of an mlruns
folder; SQLite and MongoDB can.

Example:
  sconce store copy ./mlruns sqlite:///mlflow.db`,

  async run(words) {
    const [action, ...rest] = words;
    if (action === "copy") return copy(rest);
    throw new UsageError(
      `sconce store: ${action === undefined ? "an action is missing" : `unknown action "${action}"`}. ` +
        suggestion(action ?? "", ["copy"]),
    );
  },
};

async function copy(words: readonly string[]): Promise<number> {
  const { positionals } = parseWords("store copy", words, {});
  const [fromUri, toUri, extra] = positionals;
  if (fromUri === undefined || toUri === undefined || extra !== undefined) {
    throw new UsageError(
      `sconce store copy: takes two stores, FROM and TO, got ${positionals.length}. See: sconce store --help`,
    );
  }
  const from = await openStore(fromUri, { mustExist: true });
  try {
    const to = await openStore(toUri, { artifactRoot: await artifactRootOf(from) });
    try {
      const progress = terminalProgress();
      let current: CopyPhase | undefined;
      const report = await copyStore(from, to, {
        onProgress: (phase, done) => {
          if (phase !== current) {
            if (current !== undefined) progress.end();
            progress.start(phase);
          }
          current = phase;
          progress.update(done);
        },
      }).finally(() => {
        if (current !== undefined) progress.end();
      });
      process.stdout.write(`${formatReport(from, to, report)}\n`);
      return 0;
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** Returns where new experiments keep their artifacts: a new store shall go on as the old one did. */
async function artifactRootOf(store: Store): Promise<string> {
  const [first] = await store.searchExperiments({ viewType: "ALL", filter: "name = 'Default'" });
  const location = first?.artifactLocation ?? "";
  return location.endsWith("/0") ? location.slice(0, -2) : "mlartifacts";
}

function formatReport(from: Store, to: Store, { counts, written, checksum }: CopyReport): string {
  const entities = counts.experiments + counts.runs + counts.loggedModels + counts.registeredModels;
  const there = entities - written;
  return [
    `${from.uri} is copied to ${to.uri}, and both hold the same:`,
    `  experiments ${counts.experiments}, runs ${counts.runs}, points ${counts.points}, logged models ${counts.loggedModels},`,
    `  registered models ${counts.registeredModels}, versions ${counts.modelVersions}, entries of history ${counts.historyEntries}`,
    ...(there > 0 ? [`  (${there} of them were there before)`] : []),
    `  SHA-256 ${checksum}`,
  ].join("\n");
}
