// Prints what a model consists of when its training begins.
import { logger } from "../../base/index.ts";
import { summarize, summaryRows, summaryTotals } from "../model-summary.ts";
import type { Summary } from "../model-summary.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface ModelSummaryConfig {
  /** Levels of modules to list; -1: all, 0: prints nothing. @default 1 */
  maxDepth?: number;
}

/** Logs the table of `summarize` as a training begins; `Trainer` has one unless `enableModelSummary` is false. */
export class ModelSummary implements Callback {
  readonly name: string = "model_summary";
  readonly #maxDepth: number;

  constructor({ maxDepth = 1 }: ModelSummaryConfig = {}) {
    this.#maxDepth = maxDepth;
  }

  onFitStart({ task, config }: Run): void {
    if (this.#maxDepth === 0) return;
    const summary = summarize(task.model, { maxDepth: this.#maxDepth, precision: config.precision });
    logger.info(`\n${this.format(summary)}`);
  }

  /** Lays the summary out. */
  format(summary: Summary): string {
    return summary.toString();
  }
}

/** Logs the summary in a frame, as Lightning does with Rich. */
export class RichModelSummary extends ModelSummary {
  override readonly name: string = "rich_model_summary";

  override format(summary: Summary): string {
    const [titles, ...rows] = summaryRows(summary).map((row) => row.map((cell) => cell.trim()));
    const widths = titles!.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
    const isRight = titles!.map((title) => ["Params", "FLOPs", "In sizes", "Out sizes"].includes(title));
    const line = (cells: readonly string[], bar: string): string =>
      `${bar}${cells
        .map((cell, i) => ` ${isRight[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)} `)
        .join(bar)}${bar}`;
    const rule = ([start, dash, joint, end]: string): string =>
      start + widths.map((width) => dash!.repeat(width + 2)).join(joint) + end!;
    return [
      rule("┏━┳┓"),
      line(titles!, "┃"),
      rule("┡━╇┩"),
      ...rows.map((row) => line(row, "│")),
      rule("└─┴┘"),
      ...summaryTotals(summary).map(([value, title]) => `${title.replace("Flops", "FLOPs")}: ${value}`),
    ].join("\n");
  }
}
