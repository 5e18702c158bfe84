// Every metric against scikit-learn, on the files that tools/golden/metrics.py writes.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as metrics from "./index.ts";
import type { Average } from "./index.ts";

interface Result {
  value?: unknown;
  /** Absent where scikit-learn's warnings are about something else. */
  warned?: boolean;
  error?: true;
}

interface Case {
  name: string;
  labels: number[];
  predictions: number[];
  classes: number[] | null;
  scores: number[];
  numClasses: number;
  expected: Record<string, Result>;
}

type Options = { onWarning: (message: string) => void };

function readCases(file: string): Case[] {
  const url = new URL(`../../tests/goldens/metrics/${file}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { cases: Case[] }).cases;
}

/** Compares a value, whether it warned, and whether it threw, with the golden result of the same name. */
function check(golden: Case, key: string, compute: (options: Options) => unknown): void {
  const expected = golden.expected[key];
  if (expected === undefined) throw new Error(`${golden.name}: no golden named ${key}`);
  const warnings: string[] = [];
  const label = `${golden.name}: ${key}`;
  if (expected.error) {
    expect(() => compute({ onWarning: () => {} }), label).toThrow();
    return;
  }
  const value = compute({ onWarning: (message) => warnings.push(message) });
  expectClose(value, expected.value, label);
  if (expected.warned !== undefined) {
    expect(warnings.length > 0, `${label} warns: ${warnings.join(" ")}`).toBe(expected.warned);
  }
}

function expectClose(actual: unknown, expected: unknown, label: string): void {
  if (Array.isArray(expected)) {
    const items = Array.from(actual as ArrayLike<unknown>);
    expect(items.length, label).toBe(expected.length);
    expected.forEach((item, index) => expectClose(items[index], item, `${label}[${index}]`));
  } else if (expected === "nan") expect(actual, label).toBeNaN();
  else if (expected === "inf") expect(actual, label).toBe(Infinity);
  else if (typeof expected === "number") {
    expect(
      Math.abs((actual as number) - expected),
      `${label}: ${String(actual)} against ${expected}`,
    ).toBeLessThan(1e-9);
  } else expect(actual, label).toBe(expected);
}

describe("metrics of predictions equal scikit-learn's", () => {
  for (const golden of readCases("predictions")) {
    test(golden.name, () => {
      const { labels, predictions } = golden;
      const classes = golden.classes === null ? {} : { classes: golden.classes };
      check(golden, "accuracy", () => metrics.accuracyScore(labels, predictions));
      check(golden, "balanced_accuracy", (o) => metrics.balancedAccuracyScore(labels, predictions, o));
      check(golden, "mcc", () => metrics.matthewsCorrcoef(labels, predictions));
      for (const weights of [undefined, "linear", "quadratic"] as const) {
        check(golden, `kappa_${weights ?? "None"}`, (o) =>
          metrics.cohenKappaScore(labels, predictions, { ...o, ...classes, ...(weights && { weights }) }),
        );
      }
      for (const normalize of [undefined, "true", "pred", "all"] as const) {
        check(golden, `confusion_${normalize ?? "None"}`, () =>
          metrics.confusionMatrix(labels, predictions, { ...classes, ...(normalize && { normalize }) }),
        );
      }
      const scores = { precision: metrics.precisionScore, recall: metrics.recallScore, f1: metrics.f1Score };
      for (const [name, score] of Object.entries(scores)) {
        for (const average of ["micro", "macro", "weighted", "binary"] as Average[]) {
          const chosen = average === "binary" ? {} : classes;
          const base = { average, ...chosen };
          check(golden, `${name}_${average}_warn`, (o) => score(labels, predictions, { ...base, ...o }));
          check(golden, `${name}_${average}_1`, (o) =>
            score(labels, predictions, { ...base, ...o, zeroDivision: 1 }),
          );
          check(golden, `${name}_${average}_nan`, (o) =>
            score(labels, predictions, { ...base, ...o, zeroDivision: NaN }),
          );
        }
      }
      for (const beta of [0, 0.5, 2, Infinity]) {
        for (const average of ["micro", "macro", "weighted"] as const) {
          check(golden, `fbeta_${beta === Infinity ? "inf" : beta}_${average}`, (o) =>
            metrics.fbetaScore(labels, predictions, { beta, average, ...classes, ...o }),
          );
        }
      }
      check(golden, "per_class", (o) => {
        const all = metrics.precisionRecallFscoreSupport(labels, predictions, { ...classes, ...o });
        return [all.precision, all.recall, all.fscore, all.support];
      });
      check(golden, "report", (o) =>
        metrics.formatClassificationReport(
          metrics.classificationReport(labels, predictions, { ...classes, ...o }),
        ),
      );
      check(golden, "report4", (o) =>
        metrics.formatClassificationReport(
          metrics.classificationReport(labels, predictions, { ...classes, ...o, zeroDivision: 1 }),
          { digits: 4 },
        ),
      );
    });
  }
});

describe("metrics of one column of scores equal scikit-learn's", () => {
  for (const golden of readCases("binary-scores")) {
    test(golden.name, () => {
      const { labels, scores } = golden;
      check(golden, "roc_auc", (o) => metrics.rocAucScore(labels, scores, o));
      check(golden, "average_precision", (o) => metrics.averagePrecisionScore(labels, scores, o));
      const precisionRecall = (o: Options & { dropIntermediate?: boolean }) => {
        const { precision, recall, thresholds } = metrics.precisionRecallCurve(labels, scores, o);
        return [precision, recall, thresholds];
      };
      const roc = (o: Options & { dropIntermediate?: boolean }) => {
        const { fpr, tpr, thresholds } = metrics.rocCurve(labels, scores, o);
        return [fpr, tpr, thresholds];
      };
      check(golden, "pr_curve", precisionRecall);
      check(golden, "pr_curve_dropped", (o) => precisionRecall({ ...o, dropIntermediate: true }));
      check(golden, "roc_curve", roc);
      check(golden, "roc_curve_full", (o) => roc({ ...o, dropIntermediate: false }));
      if (golden.expected["log_loss"] !== undefined) {
        const both = scores.flatMap((score) => [1 - score, score]);
        check(golden, "log_loss", (o) => metrics.logLoss(labels, scores, o));
        check(golden, "brier", (o) => metrics.brierScoreLoss(labels, scores, o));
        check(golden, "log_loss", (o) => metrics.logLoss(labels, both, o));
        check(golden, "brier", (o) => metrics.brierScoreLoss(labels, both, o));
      }
    });
  }
});

describe("metrics of a score per class equal scikit-learn's", () => {
  for (const golden of readCases("multiclass-scores")) {
    test(golden.name, () => {
      const { labels } = golden;
      const scores = Float64Array.from(golden.scores);
      check(golden, "log_loss", (o) => metrics.logLoss(labels, scores, o));
      check(golden, "brier", (o) => metrics.brierScoreLoss(labels, scores, o));
      check(golden, "ece", () => metrics.calibrationError(labels, scores));
      check(golden, "ece_10", () => metrics.calibrationError(labels, scores, { bins: 10 }));
      for (const average of ["micro", "macro", "weighted"] as const) {
        check(golden, `roc_auc_ovr_${average}`, (o) =>
          metrics.rocAucScore(labels, scores, { ...o, multiClass: "ovr", average }),
        );
        check(golden, `average_precision_${average}`, (o) =>
          metrics.averagePrecisionScore(labels, scores, { ...o, average }),
        );
      }
      for (const average of ["macro", "weighted"] as const) {
        check(golden, `roc_auc_ovo_${average}`, (o) =>
          metrics.rocAucScore(labels, scores, { ...o, multiClass: "ovo", average }),
        );
      }
      for (const k of [1, 2, 3]) {
        check(golden, `top_${k}`, (o) => metrics.topKAccuracyScore(labels, scores, { ...o, k }));
      }
    });
  }
});
