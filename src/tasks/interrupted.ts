// The end of a training that a signal has asked for.
import { existsSync } from "node:fs";
import { TrainingError } from "../base/index.ts";
import type { TrainingJob } from "./job.ts";

/** Thrown when a signal ended the run before its end; everything was saved. */
export class InterruptedError extends TrainingError {
  /** 130 for SIGINT, 143 for SIGTERM. */
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Throws an `InterruptedError` if a signal has come; `steps` is where training stands. */
export function stopIfAsked(
  { interrupt, folder }: Pick<TrainingJob, "interrupt" | "folder">,
  steps: number,
): void {
  const { signal, exitCode } = interrupt;
  if (signal === undefined) return;
  const saved = existsSync(folder.checkpoints)
    ? `everything is saved in ${folder.path}. Go on with: sconce train CONFIG --resume last`
    : "nothing is saved, as checkpoints are switched off.";
  throw new InterruptedError(`train: stopped by ${signal} after step ${steps}; ${saved}`, exitCode!);
}
