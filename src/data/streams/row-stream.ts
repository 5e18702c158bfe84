// Rows one after the other, from any place on: what streams of files and mixtures of streams have in common.

/** Is a row of a data file: its cells by column, and where it stands. */
export interface StreamRow {
  cells: Readonly<Record<string, unknown>>;
  /** `train.jsonl:12`, or `train.parquet, row 12`. */
  place: string;
}

/** Gives the rows of an epoch from a place on. The order follows from the epoch alone, so nothing is replayed to go on. */
export interface RowStream {
  /** Rows of an epoch. */
  readonly length: number;
  /** @param start rows of the epoch that are passed over, without reading them */
  read(epoch: number, start?: number): AsyncGenerator<StreamRow>;
}
