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

/**
 * Keeps in checkpoints where the logs stand; a run that goes on from its newest checkpoint goes on with its logs. Logs the
 * hyperparameters as training begins.
 */
export function loggersState(
  loggers: LoggerCollection,
  { goesOn, hyperparams }: { goesOn: boolean; hyperparams: () => Record<string, unknown> | undefined },
): Callback {
  return {
    name: "loggers",
    onFitStart() {
      const params = hyperparams(); // with what finders have set
      if (params !== undefined) loggers.logHyperparams(params);
    },
    stateDict: () => loggers.stateDict(),
    loadStateDict(state) {
      if (goesOn) loggers.loadStateDict(state);
    },
  };
}
