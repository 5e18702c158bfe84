// Rows of a data file as named columns of strings. What the strings mean is decided by who asks for a column.
import { DataError, nearest } from "../base/index.ts";

/** Says what a `Table` is made of; `values[c][r]` is column `c` of row `r`. */
export interface TableContent {
  /** The file, for error messages. */
  source: string;
  columns: readonly string[];
  /** `undefined` marks a cell that a JSON row leaves out. */
  values: readonly (readonly (string | undefined)[])[];
  /** Where each row begins: 1-based line of the file, 1-based item of a JSON array, or 1-based row. */
  positions: readonly number[];
  /** @default "line" */
  unit?: "line" | "item" | "row";
  /** What columns hold whose values are no cells; asking for one throws. */
  opaque?: ReadonlyMap<string, string>;
}

/**
 * Holds the rows of a data file by column.
 *
 * @example
 * const table = new Table({ source: "a.csv", columns: ["text"], values: [["hi"]], positions: [2] });
 * table.column("text"); // => ["hi"]
 * table.place(0); // => "a.csv:2"
 */
export class Table {
  readonly source: string;
  readonly columns: readonly string[];
  readonly numRows: number;
  readonly #values: readonly (readonly (string | undefined)[])[];
  readonly #positions: readonly number[];
  readonly #unit: "line" | "item" | "row";
  readonly #opaque: ReadonlyMap<string, string>;

  constructor({ source, columns, values, positions, unit = "line", opaque = new Map() }: TableContent) {
    this.source = source;
    this.columns = columns;
    this.numRows = positions.length;
    this.#values = values;
    this.#positions = positions;
    this.#unit = unit;
    this.#opaque = opaque;
  }

  /** Tells whether every row has a cell in a column; JSON rows may leave keys out. */
  isComplete(name: string): boolean {
    const index = this.columns.indexOf(name);
    return index !== -1 && !this.#opaque.has(name) && !this.#values[index]!.includes(undefined);
  }

  /** Returns a column's cells in row order; throws when the column, or a cell of it, is missing. */
  column(name: string): readonly string[] {
    const index = this.columns.indexOf(name);
    if (index === -1) {
      const near = nearest(name, this.columns);
      throw new DataError(
        `${this.source}: no column "${name}". ${near === undefined ? "" : `Did you mean "${near}"? `}` +
          `The file has: ${this.columns.map((column) => JSON.stringify(column)).join(", ")}.`,
      );
    }
    const content = this.#opaque.get(name);
    if (content !== undefined) {
      throw new DataError(
        `${this.source}: column "${name}" must hold text, numbers or times, it holds ${content}. Cast it when the file is written, or name another column.`,
      );
    }
    const cells = this.#values[index]!;
    const gap = cells.indexOf(undefined);
    if (gap !== -1) {
      throw new DataError(
        `${this.place(gap)}: every row needs "${name}", this one lacks it. Add the key, or remove the row.`,
      );
    }
    return cells as readonly string[];
  }

  /** Names the place of a row in its file: `train.csv:12`, `train.json, item 12` or `train.parquet, row 12`. */
  place(row: number): string {
    const position = this.#positions[row];
    return this.#unit === "line" ? `${this.source}:${position}` : `${this.source}, ${this.#unit} ${position}`;
  }
}
