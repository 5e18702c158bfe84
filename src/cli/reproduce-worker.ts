// The process in which `sconce reproduce` trains and compares.
import { relative } from "node:path";
import { logger, terminalProgress } from "../base/index.ts";
import { BertTrainerTorch, versions } from "../tasks/index.ts";
import { openStore } from "../tracking/index.ts";
import { amountOf, parseWords } from "./command.ts";
import { compareRuns, formatComparison } from "./compare-runs.ts";
import { checkSameData, loadRecordedUseCase } from "./recorded-use-case.ts";
import { reproduceFlags } from "./reproduce.ts";
import { writeResult } from "./table.ts";
import { runWorker } from "./worker.ts";

await runWorker(async (words) => {
  const { flags, positionals } = parseWords("reproduce", words, reproduceFlags);
  const [folder] = positionals as [string];
  const recorded = await loadRecordedUseCase(folder);
  await checkSameData(recorded);
  warnOfVersions(recorded.record.versions);

  const trainer = new BertTrainerTorch(recorded, { progress: terminalProgress() });
  const { modelFolder, runId } = await trainer.train();
  const { trackingUri } = recorded.resolved;
  await tag(trackingUri, runId, { "sconce.reproduces": recorded.record.runId });

  const comparison = await compareRuns(folder, modelFolder, amountOf("--tolerance", flags.tolerance));
  const short = (path: string) => relative(process.cwd(), path) || ".";
  writeResult(flags.json, { run: folder, reproduction: modelFolder, runId, ...comparison }, [
    "",
    `Run           ${short(folder)}`,
    `Trained again ${short(modelFolder)}`,
    "",
    formatComparison(comparison),
  ]);
  return comparison.verdict === "different" ? 1 : 0;
});

function warnOfVersions(recorded: Readonly<Record<string, string>>): void {
  for (const [name, version] of Object.entries(versions())) {
    if (recorded[name] === version) continue;
    logger.warn(
      `reproduce: the run used ${name} ${recorded[name] ?? "of an unknown version"}, this is ${version}; results may differ.`,
    );
  }
}

async function tag(uri: string, runId: string, tags: Record<string, string>): Promise<void> {
  const store = await openStore(uri);
  await store.setTags(runId, tags);
  await store.close();
}
