// The flag barebones: what it switches off.
import { UsageError } from "../base/index.ts";
import type { TrainerOptions } from "./trainer.ts";

/** Switches off what costs speed, to see what the training itself takes. */
export function barebonesOptions(options: TrainerOptions): TrainerOptions {
  const off = {
    logger: false,
    numSanityValSteps: 0,
    logEveryNSteps: 0,
    enableCheckpointing: false,
    enableModelSummary: false,
    enableProgressBar: false,
  };
  const mustBeOff: TrainerOptions = { ...off, fastDevRun: false, detectAnomaly: false, profiler: undefined };
  for (const [name, value] of Object.entries(mustBeOff)) {
    const given = options[name as keyof TrainerOptions];
    if (given === undefined || given === value || (given === 0 && value === false)) continue;
    throw new UsageError(
      `Trainer: barebones: ${name} costs speed, so it cannot be on beside it. Leave ${name} out, or barebones.`,
    );
  }
  return { ...options, ...off };
}
