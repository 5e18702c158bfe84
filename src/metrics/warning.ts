// What happens when a metric is undefined: it takes the value that scikit-learn gives it, and says so.
import { logger } from "../base/index.ts";

/** Options of every metric that can be undefined for some inputs. */
export interface WarningOptions {
  /** Receives one sentence for each undefined value. @default logged as a warning */
  onWarning?: (message: string) => void;
}

/** Passes a warning to the caller's `onWarning`, else to the logger. */
export function warn({ onWarning }: WarningOptions, message: string): void {
  if (onWarning === undefined) logger.warn(message);
  else onWarning(message);
}
