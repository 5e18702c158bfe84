// Keeps the schema of the trainer's flags out of what every import of this layer costs.
import type { TrainerFlagOptions, TrainerFlags } from "./trainer-options.ts";

/** Loads the reader of a `Trainer`'s options. */
export function loadTrainerOptions(): Promise<{
  readTrainerFlags: (options: TrainerFlagOptions) => TrainerFlags;
}> {
  return import("./trainer-options.ts");
}
