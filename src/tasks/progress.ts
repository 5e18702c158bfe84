// How a long job says what it is doing. The command line draws it; a library call may listen or not.

/** Receives the phases of a job, one at a time. */
export interface ProgressListener {
  /** Begins a phase; `total` counts its units where that is known. */
  start(phase: string, total?: number): void;
  /** Says how many units are done, with what else is worth showing. */
  update(done: number, detail?: string): void;
  end(): void;
}

/** Listens to nothing. */
export const silent: ProgressListener = { start() {}, update() {}, end() {} };
