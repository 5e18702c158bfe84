// How many batches of those that there are the trainer's flags leave.
import { UsageError } from "../base/index.ts";
import type { TrainerFlags } from "../config/index.ts";

/** Flags that limit how many batches are taken. */
export type LimitFlag =
  | "limit_train_batches"
  | "limit_val_batches"
  | "limit_test_batches"
  | "limit_predict_batches"
  | "overfit_batches";

/** The flags that say how many batches are taken. */
export type BatchLimits = Pick<TrainerFlags, "fast_dev_run"> & Partial<Pick<TrainerFlags, LimitFlag>>;

/**
 * Resolves a limit of batches as Lightning does: an integer counts them, a share below 1 is rounded down; a trial run takes
 * as many of any kind as `fast_dev_run` says.
 *
 * @throws UsageError naming `flag` when no batch is left.
 */
export function countBatches(limits: BatchLimits, flag: LimitFlag, available: number): number {
  const { fast_dev_run, [flag]: limit } = limits;
  if (fast_dev_run > 0) return Math.min(fast_dev_run, available);
  if (limit === undefined) return available;
  const batches = Number.isInteger(limit) ? Math.min(limit, available) : Math.floor(limit * available);
  if (batches > 0) return batches;
  throw new UsageError(
    `trainer.${flag}: must come to one batch at least, got ${limit} of ${available}. Set it to the number of batches, or to a larger share.`,
  );
}

/** Batches of an epoch that a run trains on, of those that there are. */
export function countTrainBatches(
  limits: BatchLimits & Pick<TrainerFlags, "overfit_batches">,
  available: number,
): number {
  const flag = limits.overfit_batches === 0 ? "limit_train_batches" : "overfit_batches";
  return countBatches(limits, flag, available);
}
