// What a run tells people at its end, and an evaluation, as text.
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { showStoreUri } from "../../base/index.ts";
import { formatClassificationReport } from "../../metrics/index.ts";
import type { ClassificationEvaluation, Interval } from "../../metrics/index.ts";
import type { ChampionDecision } from "../champion.ts";

/** What the summary tells. */
export interface SummaryInput {
  evaluation: ClassificationEvaluation;
  evaluatedOn: string;
  sharedRows: number;
  decision: ChampionDecision | undefined;
  epochs: number;
  steps: number;
  reason: string;
  trainSeconds: number;
  totalSeconds: number;
  samplesPerSecond: number;
  folders: {
    run: string;
    champion: string;
    config: string;
    trackingUri: string;
    plots: string;
  };
  runId: string;
}

// averages over classes stand in the report by class
const evaluationMetrics = [
  "accuracy",
  "balanced_accuracy",
  "f1",
  "precision",
  "recall",
  "roc_auc",
  "average_precision",
  "mcc",
  "cohen_kappa",
  "log_loss",
  "brier",
  "calibration_error",
] as const;

/** Writes an evaluation for a terminal: metrics with intervals, confusion matrix, report by class. */
export function formatEvaluation(evaluation: ClassificationEvaluation): string {
  return [
    `Evaluated on ${evaluation.rows} rows`,
    ...evaluationMetrics.map((name) =>
      metricLine(name, evaluation.metrics[name], evaluation.intervals[name]),
    ),
    ...evaluation.warnings.flatMap(wrap),
    "",
    ...confusionLines(evaluation),
    "",
    formatClassificationReport(evaluation.report),
  ].join("\n");
}

/** Writes the summary of a run for a terminal of 80 columns. */
export function formatSummary(input: SummaryInput): string {
  const { evaluation, decision, folders } = input;
  const short = (path: string) => relative(process.cwd(), path) || ".";
  const program = existsSync("bin/sconce") ? "bin/sconce" : "sconce";
  const lines = [
    "",
    `Evaluated on ${evaluation.rows} ${input.evaluatedOn} rows`,
    ...(["accuracy", "f1", "precision", "recall", "roc_auc"] as const).map((name) =>
      metricLine(name, evaluation.metrics[name], evaluation.intervals[name], 10),
    ),
    ...(input.sharedRows > 0
      ? [`  ${input.sharedRows} test rows also stand in the training data: scores may flatter`]
      : []),
    ...evaluation.warnings.flatMap(wrap),
    "",
    ...confusionLines(evaluation),
    "",
    `Trained    ${counted(input.epochs, "epoch")}, ${counted(input.steps, "step")} in ${duration(input.trainSeconds)}, ${input.samplesPerSecond.toFixed(0)} samples/s`,
    `           ended by ${input.reason.replaceAll("_", " ")}; whole run ${duration(input.totalSeconds)}`,
    `Model      ${short(folders.run)}`,
    ...championLines(decision).map((line, i) => `${(i === 0 ? "Champion" : "").padEnd(11)}${line}`),
    ...(decision === undefined ? [] : [`           ${short(folders.champion)}`]),
    `Run        ${input.runId} in ${showStoreUri(folders.trackingUri, process.cwd())}`,
    `Plots      ${short(folders.plots)}`,
    "",
    "Next",
    `  ${program} predict -m ${short(decision === undefined ? folders.run : folders.champion)} --text "your text"`,
    `  ${program} evaluate -m ${short(folders.run)} -d FILE.csv`,
    `  ${program} train ${short(folders.config)} optimizer.lr=3e-5`,
  ];
  return lines.join("\n");
}

function metricLine(name: string, value: number, interval: Interval | undefined, width = 18): string {
  const range =
    interval === undefined || Number.isNaN(interval.low)
      ? ""
      : `  95 % interval ${percent(interval.low)} to ${percent(interval.high)}`;
  return `  ${name.padEnd(width)} ${percent(value)}${range}`;
}

function percent(value: number): string {
  return Number.isFinite(value) ? value.toFixed(4) : "undefined";
}

function championLines(decision: ChampionDecision | undefined): string[] {
  if (decision === undefined) return ["not considered: a trial run"];
  const { promoted, reason, difference: by } = decision;
  const interval = by && `95 % interval ${signed(by.low)} to ${signed(by.high)}`;
  return [
    `${promoted ? "this model" : "unchanged"}: ${reason}`,
    ...(by === undefined ? [] : [`difference ${signed(by.value)}, ${interval}`]),
  ];
}

function signed(value: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
}

/** The matrix itself for few classes; for many, the pairs that are confused most. */
function confusionLines({ confusionMatrix, classNames }: ClassificationEvaluation): string[] {
  if (classNames.length <= 8) {
    const cells = confusionMatrix.map((row) => row.map(String));
    const head = classNames.map((name) => clip(name, 12));
    const width =
      Math.max(...head.map((name) => name.length), ...cells.flat().map((cell) => cell.length)) + 2;
    const left = Math.max(...head.map((name) => name.length), 11);
    return [
      `  ${"true \\ pred".padEnd(left)}${head.map((name) => name.padStart(width)).join("")}`,
      ...cells.map(
        (row, id) => `  ${head[id]!.padEnd(left)}${row.map((cell) => cell.padStart(width)).join("")}`,
      ),
    ];
  }
  const confused = confusionMatrix
    .flatMap((row, truth) => row.map((count, predicted) => ({ truth, predicted, count })))
    .filter(({ truth, predicted, count }) => truth !== predicted && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, 5);
  if (confused.length === 0) return ["  No class is taken for another."];
  return [
    "  Most confused",
    ...confused.map(
      ({ truth, predicted, count }) =>
        `  ${String(count).padStart(4)}  ${classNames[truth]} taken for ${classNames[predicted]}`,
    ),
  ];
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Breaks a sentence into lines of at most 78 columns, indented by two. */
function wrap(sentence: string): string[] {
  const lines: string[] = [];
  for (const word of sentence.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= 78)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

/** Writes seconds as `8 s`, `2 min 5 s` or `1 h 20 min`. */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${seconds < 10 ? seconds.toFixed(1) : whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
