// The config and data that a run was trained with, found again. Loads no libtorch.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError, FileError, UsageError } from "../base/index.ts";
import { findProjectRoot, loadUseCase, locateUseCase } from "../config/index.ts";
import type { ResolvedUseCase, UseCaseConfig } from "../config/index.ts";
import { contentHash, readTable } from "../data/index.ts";
import type { RunRecord } from "../tasks/index.ts";
import { readRunRecord } from "./run-record.ts";

/** Holds a run's config as it was resolved then, and where its paths lead now. */
export interface RecordedUseCase {
  record: RunRecord;
  config: UseCaseConfig;
  resolved: ResolvedUseCase;
  /** The config file that the run was started with; it may have changed, or be gone. */
  source: string;
}

/** Reads and checks the config that a run recorded; its paths begin where they did for the run. */
export async function loadRecordedUseCase(folder: string): Promise<RecordedUseCase> {
  const record = readRunRecord(folder);
  const path = join(folder, "use_case.yaml");
  if (record?.config === undefined || !existsSync(path)) {
    throw new FileError(
      `${folder}: a run that can be trained again records its config in run.json and use_case.yaml. Name another run.`,
    );
  }
  if (record.status !== "FINISHED") {
    throw new UsageError(
      `reproduce: ${folder} must have finished, so that there are results to compare with; it is ${record.status}. ` +
        "Go on with it (sconce train CONFIG --resume RUN), or name another run.",
    );
  }
  const source = join(findProjectRoot(folder), record.config);
  const threads = `++trainer.num_threads=${record.threads}`;
  return { record, source, ...(await loadUseCase(path, [threads], locateUseCase(source))) };
}

/** Throws a `DataError` if the data is not what the run was trained on. */
export async function checkSameData({ record, config, resolved }: RecordedUseCase): Promise<void> {
  const files = [resolved.train, resolved.validation, resolved.test].filter((path) => path !== undefined);
  if ((await hashOf(files, config)) === record.dataHash) return;
  const started = Date.parse(record.startedAt);
  const changed = files.filter((path) => statSync(path).mtimeMs > started);
  const which = changed.length === 0 ? "" : `; written since the run began: ${changed.join(", ")}`;
  throw new DataError(
    `reproduce: the data must be what the run was trained on, but it has changed${which}. ` +
      "Restore it, or train anew with sconce train.",
  );
}

async function hashOf(files: readonly string[], { dataset }: UseCaseConfig): Promise<string> {
  const { text_column, text_pair_column, label_column, delimiter } = dataset;
  const parts = [];
  for (const path of files) {
    const table = await readTable(path, delimiter === undefined ? {} : { delimiter });
    parts.push({
      texts: table.column(text_column),
      ...(text_pair_column !== undefined && { pairs: table.column(text_pair_column) }),
      labels: table.column(label_column),
    });
  }
  return contentHash(parts);
}
