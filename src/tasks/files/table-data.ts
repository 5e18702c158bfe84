// Rows of numbers and their class, from data files.
import { z } from "zod";
import { DataError } from "../../base/index.ts";
import { BaseDataModule } from "../../contracts/index.ts";
import type { ConfigSchema, DataStage } from "../../contracts/index.ts";
import { cellOf } from "../../data/index.ts";
import type { StreamRow } from "../../data/index.ts";
import { fromTypedArray } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { FileParts, checkFiles, fileDataOptions } from "./file-parts.ts";
import type { FileDataConfig } from "./file-parts.ts";

/** Options of `TableDataModule`. */
export interface TableDataConfig extends FileDataConfig {
  /** Columns of numbers. */
  features: readonly string[];
  /** Column of the class. */
  target: string;
}

/** Is a row as it is kept. */
export interface TableExample {
  numbers: Float32Array;
  label: number;
}

/**
 * Holds the rows of CSV, TSV, JSONL, Parquet or Arrow files.
 *
 * Shapes: batches are numbers `[batch, features]` (float32) and classes `[batch]` (int64).
 *
 * @throws DataError for a cell that is no number or class, with its place
 *
 * @example
 * const data = new TableDataModule({ train: "points.parquet", features: ["x", "y"], target: "label" });
 */
export class TableDataModule extends BaseDataModule<TableExample, TableDataConfig> {
  static override readonly schema: ConfigSchema<any> = z
    .strictObject({
      ...fileDataOptions,
      features: z.array(z.string().min(1)).min(1),
      target: z.string().min(1),
    })
    .superRefine((config, context) => {
      checkFiles(config as TableDataConfig, { features: config.features, target: [config.target] }, context);
    });

  readonly #files: FileParts<TableExample>;

  constructor(config: TableDataConfig) {
    super(config);
    const { features, target } = config;
    this.#files = new FileParts<TableExample>(config, {
      columns: features,
      labelColumn: target,
      prepare: (rows, labels) =>
        rows.map((row, index) => ({
          numbers: Float32Array.from(features, (name) => numberIn(row, name)),
          label: labels[index]!,
        })),
    });
  }

  override setup(stage: DataStage): Promise<void> {
    return this.#files.fill(this, stage);
  }

  fingerprint(): Promise<string> {
    return this.#files.fingerprint();
  }

  override collate(examples: TableExample[]): [Tensor, Tensor] {
    const width = this.config.features.length;
    const numbers = new Float32Array(examples.length * width);
    for (const [row, example] of examples.entries()) numbers.set(example.numbers, row * width);
    const labels = BigInt64Array.from(examples, ({ label }) => BigInt(label));
    return [fromTypedArray(numbers, [examples.length, width]), fromTypedArray(labels, [examples.length])];
  }
}

function numberIn({ cells, place }: StreamRow, column: string): number {
  const cell = cells[column];
  const isFilled = typeof cell !== "string" ? cell !== null && cell !== undefined : cell.trim() !== "";
  const number = isFilled && typeof cell !== "object" ? Number(cell) : NaN;
  if (Number.isFinite(number)) return number;
  const shown = isFilled ? JSON.stringify(cellOf(cell).slice(0, 40)) : "nothing";
  throw new DataError(
    `${place}: "${column}" must be a number, got ${shown}. Correct the row, or leave it out.`,
  );
}
