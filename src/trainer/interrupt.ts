// SIGINT and SIGTERM: finish the step, save, exit; a second signal exits at once.
import { logger } from "../base/index.ts";

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** Watches for signals until it is released. */
export interface Interrupt {
  /** The signal that came, with the exit code that the process then owes. */
  readonly signal: NodeJS.Signals | undefined;
  readonly exitCode: number | undefined;
  /** Sets what to do at the first signal, at once if it has come. */
  onSignal(react: () => void): void;
  /** Restores the process's own handling. */
  release(): void;
}

/** Watches for SIGINT and SIGTERM. Handlers run only when the event loop turns, as the engine holds the thread. */
export function catchSignals(): Interrupt {
  let caught: keyof typeof exitCodes | undefined;
  let react: (() => void) | undefined;
  const handle = (signal: NodeJS.Signals): void => {
    const name = signal as keyof typeof exitCodes;
    if (caught !== undefined) process.exit(exitCodes[name]);
    caught = name;
    logger.warn(`${signal}: finishing the step and saving; send it again to exit at once`);
    react?.();
  };
  for (const name of Object.keys(exitCodes)) process.on(name, handle);
  return {
    get signal() {
      return caught;
    },
    get exitCode() {
      return caught && exitCodes[caught];
    },
    onSignal(callback) {
      react = callback;
      if (caught !== undefined) callback();
    },
    release() {
      for (const name of Object.keys(exitCodes)) process.off(name, handle);
    },
  };
}
