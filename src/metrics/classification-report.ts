// The per-class report of scikit-learn's classification_report, as data and as its text.
import { UsageError } from "../base/index.ts";
import { checkClasses, countClasses, presentClasses } from "./confusion.ts";
import type { ClassCounts } from "./confusion.ts";
import { checkPairs } from "./inputs.ts";
import type { ClassIds } from "./inputs.ts";
import { averageOf, precisionRecallFscoreSupport } from "./precision-recall.ts";
import type { PerClassOptions } from "./precision-recall.ts";

export interface ClassificationReportOptions extends PerClassOptions {
  /** Names of `classes`, in the same order. @default the class ids */
  classNames?: readonly string[];
}

export interface ReportRow {
  name: string;
  precision: number;
  recall: number;
  f1: number;
  /** Rows of the class, or of all classes in an average. */
  support: number;
}

export interface ClassificationReport {
  classes: ReportRow[];
  /** Named `accuracy` where the classes cover all rows (the three scores are then equal), else `micro avg`. */
  micro: ReportRow;
  macro: ReportRow;
  weighted: ReportRow;
}

/** Returns precision, recall, F1 and rows of each class, with their averages. */
export function classificationReport(
  labels: ClassIds,
  predictions: ClassIds,
  options: ClassificationReportOptions = {},
): ClassificationReport {
  const where = "classificationReport";
  checkPairs(where, labels, predictions);
  const present = presentClasses(labels, predictions);
  const classes = options.classes === undefined ? present : checkClasses(where, options.classes);
  const names = options.classNames ?? classes.map(String);
  if (names.length !== classes.length) {
    throw new UsageError(
      `${where}: classNames must name each class, got ${names.length} names for ${classes.length} classes. ` +
        `Pass classes with the ids that the names stand for.`,
    );
  }
  const scores = precisionRecallFscoreSupport(labels, predictions, { ...options, classes });
  const counts = countClasses(labels, predictions, classes);
  const coversAll = present.every((id) => classes.includes(id));
  const average = (name: string, kind: "micro" | "macro" | "weighted") =>
    averageRow(counts, { name, average: kind, zeroDivision: options.zeroDivision ?? 0 });
  return {
    classes: names.map((name, k) => ({
      name,
      precision: scores.precision[k]!,
      recall: scores.recall[k]!,
      f1: scores.fscore[k]!,
      support: scores.support[k]!,
    })),
    micro: average(coversAll ? "accuracy" : "micro avg", "micro"),
    macro: average("macro avg", "macro"),
    weighted: average("weighted avg", "weighted"),
  };
}

/** Writes a report as scikit-learn prints it, with `digits` (default 2) after the point. */
export function formatClassificationReport(report: ClassificationReport, { digits = 2 } = {}): string {
  const rows = [...report.classes, report.micro, report.macro, report.weighted];
  const width = Math.max(
    digits,
    ...rows.slice(0, -3).map(({ name }) => lengthOf(name)),
    "weighted avg".length,
  );
  const line = (name: string, cells: string[]) =>
    `${" ".repeat(width - lengthOf(name))}${name} ${cells.map((cell) => ` ${cell.padStart(9)}`).join("")}\n`;
  const numbers = ({ precision, recall, f1, support }: ReportRow) => [
    ...[precision, recall, f1].map((value) => toFixedHalfEven(value, digits)),
    String(support),
  ];
  const text = rows.map((row) => {
    const cells = numbers(row);
    return line(
      row.name,
      row === report.micro && row.name === "accuracy" ? ["", "", ...cells.slice(2)] : cells,
    );
  });
  return `${line("", ["precision", "recall", "f1-score", "support"])}\n${text.slice(0, -3).join("")}\n${text.slice(-3).join("")}`;
}

function averageRow(
  counts: ClassCounts,
  { name, ...options }: { name: string; average: "micro" | "macro" | "weighted"; zeroDivision: number },
): ReportRow {
  return {
    name,
    precision: averageOf(counts, { ...options, ratio: "precision" }),
    recall: averageOf(counts, { ...options, ratio: "recall" }),
    f1: averageOf(counts, { ...options, ratio: "fscore" }),
    support: counts.support.reduce((a, b) => a + b, 0),
  };
}

function lengthOf(text: string): number {
  return [...text].length; // code points, which is what Python pads by
}

/** Writes a number as Python does: a tie between two decimals goes to the even one. */
function toFixedHalfEven(value: number, digits: number): string {
  if (Number.isNaN(value)) return "nan";
  const isTie = Number.isInteger(value * 2 ** (digits + 1)) && (value * 10 ** digits) % 1 === 0.5;
  if (!isTie) return value.toFixed(digits);
  const below = Math.floor(value * 10 ** digits);
  return ((below % 2 === 0 ? below : below + 1) / 10 ** digits).toFixed(digits);
}
