// The best model of an experiment: who holds the place, who takes it, and the evidence.
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileError, fsyncDirectory, logger, writeFileAtomic } from "../base/index.ts";
import { bareMetricName } from "../config/index.ts";
import type { UseCaseConfig } from "../config/index.ts";
import { compareModels } from "../metrics/index.ts";
import type { ClassificationMetric, ModelComparison } from "../metrics/index.ts";
import { lockFile, recordFile } from "./run-folder.ts";

/** When a new model takes the champion's place. */
export interface ChampionRule {
  metric: string;
  mode: "min" | "max";
  /** By how much the metric must be better. */
  minDelta: number;
}

/** Why the champion was replaced or kept; written beside it as `champion.json`. */
export interface ChampionDecision {
  promoted: boolean;
  rule: ChampionRule;
  /** The new model. */
  candidate: { run: string; runId: string; value: number };
  /** The champion until now; absent where there was none. */
  champion?: { run: string; runId: string; value: number };
  /** SHA-256 of the data that both were measured on. */
  dataHash: string;
  rows: number;
  /** Candidate minus champion on the same rows, with a 95 % interval; absent where there was no champion. */
  difference?: { value: number; low: number; high: number; probabilityBetter: number };
  decidedAt: string;
  reason: string;
  /** Version of the registered model that the alias `champion` points at; absent until that is done. */
  registered?: { name: string; version: number };
}

/** Returns the rule of a config. */
export function championRule({ champion }: Pick<UseCaseConfig, "champion">): ChampionRule {
  const metric = bareMetricName(champion.metric);
  return { metric, mode: champion.mode, minDelta: champion.min_delta };
}

const evidenceFile = "champion.json";

/** Reads who the champion of a folder is; undefined where there is none. What else stands there is no champion's to replace. */
export function readChampion(folder: string): ChampionDecision | undefined {
  const path = join(folder, evidenceFile);
  if (!existsSync(path)) {
    if (!existsSync(folder) || (statSync(folder).isDirectory() && readdirSync(folder).length === 0))
      return undefined;
    throw new FileError(
      `${folder}: must be a champion with its ${evidenceFile}, or empty, got something else. ` +
        `Restore that file, or move ${folder} away to begin without a champion.`,
    );
  }
  let cause: unknown;
  try {
    const evidence = JSON.parse(readFileSync(path, "utf8")) as ChampionDecision | null;
    if (typeof evidence?.candidate?.run === "string" && typeof evidence.candidate.runId === "string")
      return evidence;
  } catch (error) {
    cause = error;
  }
  throw new FileError(
    `${path}: must say which run the champion is of, but it is damaged. Restore it, or move ${folder} away to begin without a champion.`,
    { cause },
  );
}

/** Completes the evidence of the champion that stands in a folder. */
export function writeChampion(folder: string, decision: ChampionDecision): void {
  writeFileAtomic(join(folder, evidenceFile), `${JSON.stringify(decision, null, 2)}\n`);
}

/** Compares a candidate with the champion by scores on the same rows, and says who should hold the place. */
export function decideChampion(options: {
  rule: ChampionRule;
  labels: Int32Array;
  /** Probabilities `[rows, labels]`. */
  candidate: { run: string; runId: string; scores: Float64Array; value: number };
  champion?: { run: string; runId: string; scores: Float64Array; value: number } | undefined;
  dataHash: string;
  seed: number;
}): ChampionDecision {
  const { rule, labels, candidate, champion, dataHash, seed } = options;
  const decision = {
    rule,
    candidate: { run: candidate.run, runId: candidate.runId, value: candidate.value },
    dataHash,
    rows: labels.length,
    decidedAt: new Date().toISOString(),
  };
  if (champion === undefined) return { ...decision, promoted: true, reason: "there was no champion" };
  const gain = rule.mode === "max" ? candidate.value - champion.value : champion.value - candidate.value;
  const promoted = gain > rule.minDelta;
  const difference = comparison(labels, candidate.scores, champion.scores, rule.metric, seed);
  return {
    ...decision,
    champion: { run: champion.run, runId: champion.runId, value: champion.value },
    ...(difference && {
      difference: {
        value: difference.difference.value,
        low: difference.difference.low,
        high: difference.difference.high,
        probabilityBetter: difference.probabilityBetter,
      },
    }),
    promoted,
    reason: promoted
      ? `${rule.metric} ${candidate.value.toFixed(4)} is better than the champion's ${champion.value.toFixed(4)}`
      : `${rule.metric} ${candidate.value.toFixed(4)} is not better than the champion's ${champion.value.toFixed(4)}` +
        (rule.minDelta > 0 ? ` by more than ${rule.minDelta}` : ""),
  };
}

/**
 * Puts a model folder in the champion's place: copied beside it, then renamed, so that a reader finds the old
 * champion or the new one. The old one is gone only when the new one stands.
 */
export function installChampion(
  modelFolder: string,
  championFolder: string,
  decision: ChampionDecision,
): void {
  const incoming = `${championFolder}.${process.pid}.new`;
  const outgoing = `${championFolder}.${process.pid}.old`;
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  try {
    for (const entry of readdirSync(modelFolder, { withFileTypes: true })) {
      // whose run has not finished yet, so that its record would say RUNNING for ever
      if (entry.isFile() && entry.name !== lockFile && entry.name !== recordFile)
        place(join(modelFolder, entry.name), join(incoming, entry.name));
    }
    writeChampion(incoming, decision);
    if (existsSync(championFolder)) renameSync(championFolder, outgoing);
    renameSync(incoming, championFolder);
  } catch (error) {
    if (!existsSync(championFolder) && existsSync(outgoing)) renameSync(outgoing, championFolder);
    rmSync(incoming, { recursive: true, force: true });
    throw error;
  }
  fsyncDirectory(dirname(championFolder));
  rmSync(outgoing, { recursive: true, force: true });
  logger.debug(`champion ${basename(championFolder)}: ${decision.reason}`);
}

/** Puts back a champion that a crash left between the two renames. */
export function repairChampion(championFolder: string): void {
  const parent = dirname(championFolder);
  if (!existsSync(parent)) return;
  const name = basename(championFolder);
  const left = readdirSync(parent).filter(
    (entry) => entry.startsWith(`${name}.`) && /\.\d+\.(old|new)$/.test(entry),
  );
  const old = left.find((entry) => entry.endsWith(".old"));
  if (!existsSync(championFolder) && old !== undefined) {
    renameSync(join(parent, old), championFolder);
    logger.warn(`champion ${name}: an interrupted replacement was undone`);
  }
  for (const entry of left)
    if (existsSync(join(parent, entry))) rmSync(join(parent, entry), { recursive: true, force: true });
}

/** Links a file where the file system can, and copies it elsewhere: files of a model are never changed in place. */
function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function comparison(
  labels: Int32Array,
  candidate: Float64Array,
  baseline: Float64Array,
  metric: string,
  seed: number,
): ModelComparison | undefined {
  if (metric === "loss") return comparison(labels, candidate, baseline, "log_loss", seed);
  const name = metric as ClassificationMetric;
  return compareModels(labels, { candidate, baseline }, { metrics: [name], seed })[name];
}
