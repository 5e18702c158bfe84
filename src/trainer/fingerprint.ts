// What tells a checkpoint of one job from that of another.
import { createHash } from "node:crypto";
import type { TrainerFlags } from "../config/index.ts";
import type { TrainableModule } from "./trainable-module.ts";

/**
 * Identifies what must be equal for a checkpoint to fit: the weights' names and shapes, how batches become steps, and
 * the data as far as they identify themselves. `batches` of an epoch are undefined where a finder chooses how many
 * there are.
 */
export function fingerprintOf(
  model: TrainableModule,
  flags: TrainerFlags,
  { batches, data }: { batches: number | undefined; data: string | undefined },
): string {
  const shapes = Array.from(model.stateDict(), ([name, tensor]) => [name, tensor.shape]);
  const { precision, accumulate_grad_batches, gradient_clip_val, gradient_clip_algorithm } = flags;
  return createHash("sha256")
    .update(
      JSON.stringify({
        shapes,
        precision,
        accumulate_grad_batches,
        gradient_clip_val,
        gradient_clip_algorithm,
        batches,
        data,
      }),
    )
    .digest("hex");
}
