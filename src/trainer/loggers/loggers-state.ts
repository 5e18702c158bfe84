// Which loggers a trainer has, and what a checkpoint keeps of them.
import type { Callback } from "../callbacks/callback.ts";
import { CSVLogger } from "./csv-logger.ts";
import type { LoggerCollection, TrainingLogger } from "./logger.ts";

/** Lists the loggers that an option asks for; true: a `CSVLogger` in `rootDir`. */
export function loggersOf(
  given: boolean | TrainingLogger | readonly TrainingLogger[],
  rootDir: string,
): readonly TrainingLogger[] {
  if (given === false) return [];
  if (given === true) return [new CSVLogger({ saveDir: rootDir })];
  return Array.isArray(given) ? given : [given as TrainingLogger];
}

/** Keeps in checkpoints where the logs stand; a run that goes on from its newest checkpoint goes on with its logs. */
export function loggersState(loggers: LoggerCollection, { goesOn }: { goesOn: boolean }): Callback {
  return {
    name: "loggers",
    stateDict: () => loggers.stateDict(),
    loadStateDict(state) {
      if (goesOn) loggers.loadStateDict(state);
    },
  };
}
