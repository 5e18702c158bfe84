// Steps that fit into memory: where a batch does not, it is computed in parts, and the step that is made of it stays the same.
import { TrainingError, logger } from "../base/index.ts";
import { dispose, getRngState, isOutOfMemory, noGrad, scope, setRngState } from "../torch/index.ts";
import type { Batch, Run } from "./run.ts";

/**
 * Computes the batches of a step. Where memory runs out they are cut in halves, and the step begins anew; how many rows
 * fit is kept for the steps to come. Tensors that `compute` makes are freed when it returns.
 */
export function computeInParts<T>(
  run: Run,
  batches: readonly Batch[],
  compute: (parts: readonly Batch[]) => T,
): T {
  const { config, state } = run;
  if (!config.autoFindBatchSize) return compute(batches);
  const largest = Math.max(...batches.map(({ items }) => items));
  const start = remember(run);
  try {
    for (
      let rows = Math.min(state.microBatchSize ?? largest, largest), isSmaller = false;
      ;
      isSmaller = true
    ) {
      try {
        const result = scope(() => compute(batches.flatMap((batch) => cut(batch, rows))));
        if (isSmaller) keep(run, rows, largest);
        return result;
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        if (rows === 1 || batches.some((batch) => !canBeCut(batch)))
          refuse(run, batches, rows, error as Error);
        start.restore();
        rows = Math.ceil(rows / 2);
      }
    }
  } finally {
    start.forget();
  }
}

/**
 * Computes the longest batch before the first step, and forgets what came of it: what does not fit into memory shows now
 * rather than in an hour.
 */
export async function tryLongest(run: Run, compute: (parts: readonly Batch[]) => void): Promise<void> {
  const { config, source, task } = run;
  if (!config.autoFindBatchSize || task.trainManually !== undefined || source.longest === undefined) return;
  const batch = await source.longest();
  const start = remember(run);
  try {
    computeInParts(run, [batch], compute);
    start.restore();
  } finally {
    start.forget();
    batch.release?.();
  }
}

function cut(batch: Batch, rows: number): Batch[] {
  return batch.items <= rows ? [batch] : (batch.split?.(rows) ?? [batch]);
}

function canBeCut(batch: Batch): boolean {
  return batch.items === 1 || scope(() => batch.split?.(1) !== undefined);
}

/** Keeps what computing a batch changes: random generators, buffers such as running means, and what the task counts. */
function remember({ task, optimizers }: Run): { restore: () => void; forget: () => void } {
  const { model } = task;
  const rng = getRngState();
  const buffers = noGrad(() => model.buffers().map((buffer) => [buffer, buffer.clone()] as const));
  const counted = structuredClone(task.stateDict?.());
  return {
    restore() {
      setRngState(rng);
      noGrad(() => buffers.forEach(([buffer, before]) => void buffer.copy_(before)));
      if (counted !== undefined) task.loadStateDict?.(structuredClone(counted));
      model.zeroGrad();
      for (const optimizer of optimizers) optimizer.zeroGrad();
    },
    forget: () => dispose(rng, ...buffers.map(([, before]) => before)),
  };
}

/** Remembers how many rows fit, and says so. */
function keep(run: Run, rows: number, largest: number): void {
  run.state.microBatchSize = rows;
  logger.warn(
    `train: memory ran out with ${largest} rows at once; from here on ${rows} are computed at a time. A step still has all its rows, its loss and gradients are theirs; only layers that look across rows, as BatchNorm, see fewer`,
  );
}

function refuse({ state }: Run, batches: readonly Batch[], rows: number, error: Error): never {
  const longest = Math.max(...batches.map(({ items, positions }) => Math.ceil(positions / items)));
  const what =
    rows === 1
      ? `for a single row of ${longest} position${longest === 1 ? "" : "s"}`
      : `with ${rows} rows, and the batch cannot be cut, as its tensors do not all have one row for each of its rows`;
  throw new TrainingError(
    `train: memory ran out at step ${state.step + 1} ${what}: ${error.message.split("\n")[0]} ` +
      `The weights of step ${state.step} are untouched. Shorten the rows (dataset.max_length), lower dataset.batch_size, or take a smaller model.`,
    { cause: error },
  );
}
